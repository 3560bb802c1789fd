"""What a decision needs to know of the desk: the items that a batch refers to, and persons' roles in them. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from logger.core.rate_limits import RecentMail
from schemas.events import ItemKind
from schemas.persons import Person
from schemas.settings import ItemRole


class ItemState(NamedTuple):
    """What a decision needs to know of an item. `number` is negative as long as the item is not stored."""

    number: int
    kind: ItemKind
    is_open: bool
    partition: str
    subject: str
    user: str
    logging_analyst: str
    priority: str
    closed_at: datetime | None = None
    assigned_group: str = ""


@dataclass(slots=True)
class DeskState:
    """The desk as far as the batch refers to it, and as the batch changes it.

    `items` by number. `thread_index`: numbers of items by Message-ID at a partition, and by id of a notification of
    ours. `contents`: numbers of items by the content id of a message that went to them.
    """

    items: dict[int, ItemState] = field(default_factory=dict)
    thread_index: dict[str, int] = field(default_factory=dict)
    contents: dict[str, int] = field(default_factory=dict)
    recent_mail: RecentMail = field(default_factory=RecentMail)

    def item_of_duplicate(self, content_ids: Iterable[str]) -> ItemState | None:
        """The item that this very message went to when it came by another route."""
        for key in content_ids:
            if key in self.contents:
                return self.items.get(self.contents[key])
        return None


ITEM_ROLES: tuple[ItemRole, ...] = ("user", "logging-analyst", "any-analyst")


def roles_of(person: Person, item: ItemState) -> frozenset[ItemRole]:
    """The person's roles in the item: its User, its Logging Analyst, any Analyst. A disabled person is no Analyst."""
    has_role = {
        "user": person.id == item.user,
        "logging-analyst": person.id == item.logging_analyst and not person.disabled,
        "any-analyst": person.is_analyst and not person.disabled,
    }
    return frozenset(role for role in ITEM_ROLES if has_role[role])


def is_party(person: Person, item: ItemState) -> bool:
    return bool(roles_of(person, item))
