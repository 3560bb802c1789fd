"""A page of the window as data, one table of which routes, guards, and is tested; and what the Explorer pane offers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from console.access.rights import Identity, Right

MAX_BODY_BYTES = 1_000_000
# The groups of the Explorer pane in their order, each with its id in the page.
GROUPS: Mapping[str, str] = {
    "System": "system",
    "People": "people",
    "Mail": "mail",
    "Desk": "desk",
    "Operations": "operations",
    "Access": "access",
}


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
    """An entry of the Explorer pane: leads to `page`, and is shown to users who may open that.

    It is the current one on every page whose name begins with `within`; the part of `page` before the dot if empty.
    """

    group: str  # one of `explorer.GROUPS`
    label: str
    page: str
    within: str = ""


@dataclass(frozen=True, slots=True)
class Offered:
    """An entry as it is shown on one page."""

    label: str
    page: str
    current: bool


@dataclass(frozen=True, slots=True)
class Group:
    """A group that expands; `entries` is never empty."""

    label: str
    id: str
    entries: tuple[Offered, ...]


def explorer(
    entries: Sequence[Entry], pages: Mapping[str, Page], identity: Identity, current_page: str
) -> tuple[Group, ...]:
    """The groups with what this identity may open; `current_page` is the name of the page that is shown."""
    current = _current(entries, current_page)
    shown = [entry for entry in entries if may_open(pages[entry.page], identity)]
    groups = (
        Group(label, id_, tuple(Offered(one.label, one.page, one is current) for one in shown if one.group == label))
        for label, id_ in GROUPS.items()
    )
    return tuple(group for group in groups if group.entries)


def may_open(page: Page, identity: Identity) -> bool:
    return page.right is None or identity.may(page.right)


def _current(entries: Sequence[Entry], current_page: str) -> Entry | None:
    """The entry whose pages this one is among; the longest name decides where several fit."""
    fitting = [entry for entry in entries if current_page == entry.page or current_page.startswith(_within(entry))]
    return max(fitting, key=lambda entry: (current_page == entry.page, len(_within(entry))), default=None)


def _within(entry: Entry) -> str:
    return entry.within or entry.page.partition(".")[0] + "."
