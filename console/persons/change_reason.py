"""The Change Reason of a form about persons: what was typed, and that it is missing where it is required."""

from typing import Any

from starlette.requests import Request

from console.errors import UserError
from console.persons.looks import settings_now
from console.settings.saving import Author, check_reason
from console.web.change_reason import reason_of
from console.web.render import PageError


def reason_errors(request: Request) -> list[PageError]:
    """At the field of the reason; empty where nothing is wrong with it."""
    author = Author(request.state.identity.name, reason_of(request))
    try:
        check_reason(settings_now(request.app.state.services), author)
    except UserError as refused:
        return [PageError("change_reason", f"{problem.cause}. {problem.remedy}") for problem in refused.problems]
    return []


def reason_shown(request: Request, errors: Any = ()) -> dict[str, Any]:
    """What the templates ask for."""
    options = settings_now(request.app.state.services).email_options()
    return {
        "change_reason": reason_of(request),
        "reason_required": options.change_reason_required,
        "reason_errors": [error.text for error in errors if error.field == "change_reason"],
    }
