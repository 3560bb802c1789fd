"""The Change Reason that stands in the form of a request."""

from starlette.datastructures import FormData
from starlette.requests import Request


def reason_of(request: Request) -> str:
    """As typed, without blanks around it; empty where no form was posted."""
    return str(getattr(request.state, "form", FormData()).get("change_reason", "")).strip()
