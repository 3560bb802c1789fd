"""Looking at persons: who there is, by id or address, and what their details mean for mail to them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from console.operations.desk import desk
from console.operations.entries import nearest
from console.operations.errors import UserError
from desk.bounced_addresses import BouncedAddress, bounced
from runtime.config import ProcessConfig
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


def find_person(persons: Mapping[str, Person], name: str) -> Person:
    """The person with this id, else the first found with this address. Raises `UserError`."""
    found = persons.get(name) or first_found(chosen(persons.values(), user=False, analyst=False, address=name))
    if found is None:
        known = [*persons, *(address for person in persons.values() for address in person.addresses)]
        raise UserError(f"there is no person {name!r}", nearest_person(name, known))
    return found


def nearest_person(name: str, known: Iterable[str]) -> str:
    """The remedy for a person who does not exist: there may be too many to name all of them."""
    remedy = nearest(name, known)
    return remedy if remedy.startswith("did you mean") else "`mailcall persons list` shows their ids and addresses"


def details(config: ProcessConfig, person: Person, persons: Mapping[str, Person], options: EmailOptions) -> Details:
    """What concerns mail to this person. Raises `UserError`, `OutageError` where the desk cannot be looked at."""
    addresses = _addresses(person)
    with desk(config) as connection:
        found = bounced(connection, addresses)
    others = (one.id for _, one in sorted(persons.items()) if one.id != person.id and addresses & _addresses(one))
    return Details(person, options.message_format_per_person, tuple(others), tuple(found.values()))


def _addresses(person: Person) -> set[str]:
    return {normalise(address) for address in person.addresses}
