"""`/live`: a stream for each open page, which names what has changed; the live parts then ask for themselves."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from types import MappingProxyType

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response

from console.access.rights import Identity, Right
from console.live.hub import Hub, TooManyClientsError
from console.web.page import Entry, Page

# Name of a change -> the right that is needed to be notified of it. A stream carries names and nothing else.
NAMES: Mapping[str, Right] = MappingProxyType(
    {
        "settings": Right.SYSTEM_SET_UP,
        "servers": Right.SYSTEM_SET_UP,
        "history": Right.SYSTEM_SET_UP,
        "freshness": Right.SYSTEM_SET_UP,
        "answers": Right.SYSTEM_SET_UP,
        "jobs": Right.SYSTEM_SET_UP,
        "traffic": Right.SYSTEM_SET_UP,
    }
)
SIGNED_OUT = "signed-out"  # `hx-sse:close`: the page ends the stream, and asks only as often as `hx-trigger` says
LIFE_SECONDS = 60.0  # then the page asks again, and its session and rights are checked again
PING_SECONDS = 15
RETRY_MS = 2_000


def live(request: Request) -> Response:
    """The stream. It ends after `LIFE_SECONDS`, and the page opens the next one with its last event's id."""
    identity: Identity | None = getattr(request.state, "identity", None)
    if identity is None:
        return EventSourceResponse(_signed_out())
    names = frozenset(name for name, right in NAMES.items() if identity.may(right))
    hub: Hub = request.app.state.services.live
    last = request.headers.get("last-event-id", "")
    return EventSourceResponse(_news(hub, identity.account_id, names, last), ping=PING_SECONDS, send_timeout=10)


async def _news(hub: Hub, account_id: str, names: frozenset[str], last: str) -> AsyncIterator[ServerSentEvent]:
    loop = asyncio.get_running_loop()
    ends = loop.time() + LIFE_SECONDS
    try:
        with hub.client(account_id, names, last) as client:
            # An event at once, so that whatever stands between sends the head of the answer on.
            yield ServerSentEvent(comment="open", retry=RETRY_MS)
            while (left := ends - loop.time()) > 0:
                changed, id_ = await client.news(left)
                for name in changed:  # the last alone has the id: of a stream that breaks before it, all are told again
                    yield ServerSentEvent(event=name, data="", id=id_ if name == changed[-1] else None)
    except TooManyClientsError:
        yield ServerSentEvent(event=SIGNED_OUT, data="")


async def _signed_out() -> AsyncIterator[ServerSentEvent]:
    yield ServerSentEvent(event=SIGNED_OUT, data="")


PAGES = (Page("live", "/live", live, None, public=True),)
ENTRIES: tuple[Entry, ...] = ()
