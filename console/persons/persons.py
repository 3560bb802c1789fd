"""Looking at persons: who there is, what concerns one of them, and all that a search finds."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from console.errors import Remedy, UserError
from console.persons.current import CurrentPersons
from console.settings.entries import nearest
from console.settings.references import find_referrers
from desk.bounced_addresses import BouncedAddress, bounced
from desk.engine import read_transaction
from desk.persons import PersonQuery, find_persons, place_of, search_persons
from schemas.addresses import normalise
from schemas.persons import Person, first_found
from schemas.settings import EmailOptions
from schemas.settings.notification_rules import Group
from schemas.snapshot import SettingsSnapshot

_PART = 1000


@dataclass(frozen=True, slots=True)
class Details:
    """`same_address`: ids of the others who have one of these addresses. `bounced`: what mails came back from."""

    person: Person
    email_format_used: bool
    same_address: tuple[str, ...]
    bounced: tuple[BouncedAddress, ...]


def chosen(persons: Iterable[Person], *, user: bool, analyst: bool, address: str | None) -> list[Person]:
    """Those who have every flag asked for, and the address, in the order of their ids."""
    return sorted(
        (
            person
            for person in persons
            if (person.is_user or not user)
            and (person.is_analyst or not analyst)
            and (address is None or normalise(address) in _addresses(person))
        ),
        key=lambda person: person.id,
    )


def find_person(current: CurrentPersons, name: str) -> Person:
    """The person with this id, else the first found with this address. Raises `UserError`, `OutageError`."""
    address = normalise(name)
    persons = current.find([name], [address])
    found = persons.get(name) or first_found(one for one in persons.values() if address in _addresses(one))
    if found is None:
        alike = current.resembling(name)
        known = [word for person in alike for word in (person.id, *person.addresses)]
        raise UserError(f"there is no person {name!r}", nearest_person(name, known))
    return found


def nearest_person(name: str, known: Iterable[str]) -> str:
    """The remedy for a person who does not exist: there may be too many to name all of them."""
    remedy = nearest(name, known)
    return remedy if remedy.startswith("did you mean") else Remedy.FIND_PERSON


def details(engine: Engine, current: CurrentPersons, person: Person, options: EmailOptions) -> Details:
    """What concerns mail to this person. Raises `OutageError`."""
    addresses = _addresses(person)
    others = sorted(id_ for id_ in current.find((), addresses) if id_ != person.id)
    with read_transaction(engine) as connection:
        found = bounced(connection, addresses)
    return Details(person, options.message_format_per_person, tuple(others), tuple(found.values()))


def _addresses(person: Person) -> set[str]:
    return {normalise(address) for address in person.addresses}


@dataclass(frozen=True, slots=True)
class Address:
    """One of a person's addresses. `owners`: all who have it, in the order in which they are found; the first is used.

    `bounced`: what came back from it.
    """

    address: str
    owners: tuple[Person, ...]
    bounced: BouncedAddress | None

    @property
    def used(self) -> Person | None:
        """Requirement R9.6: "If multiple Person records have the same email address, the first Person record found is
        used".
        """
        return first_found(self.owners)


@dataclass(frozen=True, slots=True)
class PersonDetails:
    """`referrers`: the settings that name the person, as `incoming-server/it: default_logging_analyst`."""

    person: Person
    addresses: tuple[Address, ...]
    email_format_used: bool
    groups: tuple[Group, ...]
    referrers: tuple[str, ...]


def person_details(connection: Connection, person: Person, settings: SettingsSnapshot) -> PersonDetails:
    """All of it in two looks at the desk."""
    normalised = {normalise(address) for address in person.addresses}
    owners = find_persons(connection, normalised)
    came_back = bounced(connection, normalised)
    return PersonDetails(
        person,
        tuple(
            Address(address, _with(owners.get(normalise(address), ()), person), came_back.get(normalise(address)))
            for address in person.addresses
        ),
        settings.email_options().message_format_per_person,
        tuple(group for group in settings.all_of(Group) if person.id in group.members),
        find_referrers(settings, f"person/{person.id}"),
    )


def _with(owners: Collection[Person], person: Person) -> tuple[Person, ...]:
    """The person belongs to them also before the desk has stored the address."""
    every = {one.id: one for one in owners} | {person.id: person}
    return tuple(sorted(every.values(), key=lambda one: (one.disabled, one.id)))


def every_person(engine: Engine, query: PersonQuery) -> Iterator[Person]:
    """In the order of the list. Raises `OutageError`."""
    place = None
    while True:
        with read_transaction(engine) as connection:
            found = search_persons(connection, query, place=place, limit=_PART)
        yield from found
        if len(found) < _PART:
            return
        place = place_of(found[-1])
