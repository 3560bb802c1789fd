"""What is set up, as pages see it: the kept view, once it is complete."""

from starlette.requests import Request

from console.services import Services
from console.views.snapshot import ViewSnapshot
from runtime.outcomes import OutageError
from schemas.reasons import Reason


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
