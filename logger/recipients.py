"""Who stands in which role, and so is told: a rule's roles as persons and addresses. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from logger.state import ItemState
from schemas.addresses import is_program, normalise
from schemas.notification_rules import Role
from schemas.persons import Person
from schemas.settings import Format
from schemas.snapshot import SettingsSnapshot

# The roles in which somebody may stand who is no Analyst.
_PERHAPS_USERS: frozenset[Role] = frozenset(("user", "watchers"))


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody who is told. `format`: the person's own Email Format."""

    role: Role
    address: str
    name: str
    format: Format | None


@dataclass(frozen=True, slots=True)
class People:
    """Everybody who is to be named or told. `by_id`: persons; `watchers`: ids of persons by the item's number."""

    by_id: Mapping[str, Person]
    watchers: Mapping[int, Sequence[str]] = field(default_factory=dict)

    def name(self, person_id: str) -> str:
        """What to call a person; the id of one who has no name, or is not known."""
        person = self.by_id.get(person_id)
        return (person and person.name) or person_id


def others(
    roles: Sequence[Role],
    item: ItemState,
    author: Person,
    author_address: str,
    people: People,
    settings: SettingsSnapshot,
    *,
    analysts_only: bool = False,
) -> Iterator[Recipient]:
    """Who is told beside the author: each address once, as the first of its roles, and never the author's own.

    A program that a call's User is, such as a form, is told nothing. `analysts_only`: nor is a User or watcher who is
    no Analyst.
    """
    seen = {normalise(author_address), *map(normalise, author.addresses)}
    for role in roles:
        for found in _standing(role, item, people, settings, analysts_only):
            key = normalise(found.address)
            if key not in seen:
                seen.add(key)
                yield found


def _standing(
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


def members(groups: Iterable[tuple[str, str]], settings: SettingsSnapshot) -> set[str]:
    """The ids of those in groups that are named by an item or template, each with its partition."""
    found = (settings.group(*one) for one in set(groups))
    return {member for group in found if group is not None for member in group.members}
