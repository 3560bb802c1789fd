"""Who is meant by a person's id or an address; of an address that nobody has a new User is made, as by a mail."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from logger.senders import is_address
from schemas import ids
from schemas.addresses import normalise
from schemas.persons import Person, first_found


@dataclass(frozen=True, slots=True)
class Users:
    """`named`: the person by the id or address that a request gives. `new`: those of them that are to be made."""

    named: Mapping[str, Person]
    new: tuple[Person, ...]


def settle_users(
    names: Iterable[str], by_id: Mapping[str, Person], by_address: Mapping[str, tuple[Person, ...]]
) -> Users:
    """An id goes before an address. Requirement R9.6: of several persons with one address the first one counts."""
    named: dict[str, Person] = {}
    new: dict[str, Person] = {}
    for name in names:
        known = by_id.get(name) or _owner(name, by_address) or by_id.get(derived_id(name))
        if known is not None:
            named[name] = known
        elif is_address(name):
            named[name] = new.setdefault(derived_id(name), _new_user(name))
    return Users(named, tuple(new.values()))


def derived_id(name: str) -> str:
    """The id that a person made from this address has."""
    return ids.person_id(normalise(name))


def _owner(name: str, by_address: Mapping[str, tuple[Person, ...]]) -> Person | None:
    return first_found(by_address.get(normalise(name), ()))


def _new_user(address: str) -> Person:
    normalised = normalise(address)
    last_name = normalised.rpartition("@")[0]
    return Person(id=derived_id(address), last_name=last_name, addresses=(normalised,), is_user=True, version=1)
