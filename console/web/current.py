"""What a page's request works on: what is set up, the version that its form showed, the Change Reason typed into it."""

from starlette.datastructures import FormData
from starlette.requests import Request

from console.services import Services
from console.views.snapshot import ViewSnapshot
from runtime.outages import OutageError
from schemas.reasons import Reason

_NONE = -1  # no setting, person, account or role has it


def view_of(request: Request) -> ViewSnapshot:
    """Take it once for a page, so that all of the page is of one moment. Raises `OutageError` as `view_in`."""
    return view_in(request.app.state.services)


def view_in(services: Services) -> ViewSnapshot:
    """The same where there is no request at hand.

    Raises `OutageError` where the broker has not answered since the window was started: what has not been read must not
    look as if it were not there.
    """
    if not services.views.freshness.ready:
        raise OutageError(
            Reason.BROKER_AWAY,
            "the settings have not been read yet: the broker does not answer, or has just begun to",
        )
    return services.views.current


def version_of(request: Request) -> int | None:
    """Of what was looked at; None where the form says that there was nothing. What is no number was never one's."""
    text = str(request.state.form.get("version", ""))
    if not text:
        return None
    return int(text) if text.isdecimal() and len(text) < 20 else _NONE


def reason_of(request: Request) -> str:
    """As typed, without blanks around it; empty where no form was posted."""
    return str(getattr(request.state, "form", FormData()).get("change_reason", "")).strip()
