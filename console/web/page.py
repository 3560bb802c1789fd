"""A page of the window as data: one table of them routes, guards, and is tested."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from console.access.rights import Right

MAX_BODY_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Page:
    """`handle` is synchronous and runs in a thread pool; it finds `Services` and `Identity` by the request's state.

    A form that was posted lies in `request.state.form`, parsed; a larger one than `max_body_bytes` is refused before
    that. `right` None: for anybody who is signed in. `public`: for anybody at all, such as signing in.
    """

    name: str  # what `url` is asked for, e.g. "servers.list"
    path: str
    handle: Callable[[Request], Response]
    right: Right | None
    methods: tuple[str, ...] = ("GET",)
    max_body_bytes: int = MAX_BODY_BYTES
    public: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the Explorer pane: leads to `page`, and is shown to whoever may open that.

    It is the current one on every page whose name begins with `within`; the part of `page` before the dot if empty.
    """

    group: str  # one of `explorer.GROUPS`
    label: str
    page: str
    within: str = ""
