"""The version that the page showed whose form is sent, so that nobody saves over what they have not seen."""

from starlette.requests import Request

_NONE = -1  # no setting, person, account or role has it


def version_of(request: Request) -> int | None:
    """Of what was looked at; None where the form says that there was nothing. What is no number was never one's."""
    text = str(request.state.form.get("version", ""))
    if not text:
        return None
    return int(text) if text.isdecimal() and len(text) < 20 else _NONE
