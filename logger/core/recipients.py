"""Who is notified: a rule's roles as persons and addresses. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from logger.core.state import ItemState
from schemas.addresses import is_program, normalise
from schemas.persons import Person
from schemas.settings import Format
from schemas.settings.notification_rules import Role
from schemas.snapshot import SettingsSnapshot

# The roles that a person who is no Analyst may have.
_PERHAPS_USERS: frozenset[Role] = frozenset(("user", "watchers"))


class Recipient(NamedTuple):
    """`format`: the person's own Email Format."""

    role: Role
    address: str
    name: str
    format: Format | None


@dataclass(frozen=True, slots=True)
class People:
    """Everybody to be named or notified. `by_id`: persons; `watchers`: ids of persons by the item's number."""

    by_id: Mapping[str, Person]
    watchers: Mapping[int, Sequence[str]] = field(default_factory=dict)


def other_recipients(
    roles: Sequence[Role],
    item: ItemState,
    author: Person,
    author_address: str,
    people: People,
    settings: SettingsSnapshot,
    *,
    analysts_only: bool = False,
) -> list[Recipient]:
    """All who are notified beside the author: each address once, as the first of its roles, and never the author's own.

    A program that is a call's User, such as a form, is not notified. `analysts_only`: nor is a User or watcher who is
    no Analyst.
    """
    seen = {normalise(author_address), *map(normalise, author.addresses)}
    found: list[Recipient] = []
    for role in roles:
        for recipient in _recipients_in_role(role, item, people, settings, analysts_only):
            key = normalise(recipient.address)
            if key not in seen:
                seen.add(key)
                found.append(recipient)
    return found


def _recipients_in_role(
    role: Role, item: ItemState, people: People, settings: SettingsSnapshot, analysts_only: bool
) -> Iterator[Recipient]:
    match role:
        case "author":
            return
        case "user":
            ids: Sequence[str] = (item.user,)
        case "logging-analyst":
            ids = (item.logging_analyst,)
        case "watchers":
            ids = people.watchers.get(item.number, ())
        case "assigned-group":
            group = settings.group(item.assigned_group, item.partition)
            if group is not None and group.address is not None:
                yield Recipient(role, group.address, group.name, None)
                return
            ids = () if group is None else group.members
    for id_ in ids:
        person = people.by_id.get(id_)
        if person is None or person.disabled or not person.addresses or is_program(person.addresses[0]):
            continue
        if person.is_analyst or not (analysts_only and role in _PERHAPS_USERS):
            yield Recipient(role, person.addresses[0], person.name, person.email_format)
