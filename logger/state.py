"""What a decision needs to know: the items, who stands how to them, and whether a sender is believed. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from schemas.events import ItemKind
from schemas.mail import ResolvedMail
from schemas.persons import Person
from schemas.settings import ItemRole


@dataclass(frozen=True, slots=True)
class ItemState:
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


class Known(Protocol):
    """What the desk knows, as far as the mails at hand refer to it."""

    @property
    def items(self) -> Mapping[int, ItemState]:
        """By number."""
        ...

    @property
    def hints(self) -> Mapping[str, int]:
        """Numbers of items by Message-ID, and by id of a notification of ours."""
        ...


def is_trusted(mail: ResolvedMail) -> bool:
    """Whether the sender may be taken for the person whose address the mail bears.

    "A sender who fails never gets an analyst's rights nor changes a state."
    """
    return mail.trust not in ("failed", "unproved")


def standing(person: Person, item: ItemState) -> frozenset[ItemRole]:
    """What the person is in the item: its User, its Logging Analyst, any Analyst. A disabled one acts as no Analyst."""
    acts_as = {
        "user": person.id == item.user,
        "logging-analyst": person.id == item.logging_analyst and not person.disabled,
        "any-analyst": person.is_analyst and not person.disabled,
    }
    return frozenset(closer for closer in CLOSERS if acts_as[closer])


def is_party(person: Person, item: ItemState) -> bool:
    return bool(standing(person, item))


CLOSERS: tuple[ItemRole, ...] = ("user", "logging-analyst", "any-analyst")
