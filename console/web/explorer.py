"""What the Menu and the Explorer pane offer to somebody: the entries of all subjects, by group and by right."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from console.access.identity import Identity
from console.web.page import Entry, Page

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
