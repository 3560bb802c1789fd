"""Looking at persons: who there is, by id or address, and what their details mean for mail to them."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Engine

from console.errors import Remedy, UserError
from console.persons.current import CurrentPersons
from console.settings.entries import nearest
from desk.bounced_addresses import BouncedAddress, bounced
from desk.engine import read_transaction
from schemas.addresses import normalise
from schemas.persons import Person, first_found
from schemas.settings import EmailOptions


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
