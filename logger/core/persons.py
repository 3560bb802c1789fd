"""Who performs an action and who is meant by a name; new persons are created of those nobody knows. Pure.

Requirements R9.5 and R2.4: a message is the action of the person found, else of a new one with the User flag.
Requirement R9.6: of several persons with one address the first one counts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from schemas import ids
from schemas.addresses import check_address, normalise
from schemas.persons import Person, first_found
from schemas.resolved_mail import Sender


@dataclass(frozen=True, slots=True)
class PersonChange:
    """One person's record of the `persons` topic.

    `person` is None where that person was deleted; `echo`: whether the record is one of the logger's own.
    """

    id: str
    person: Person | None
    echo: bool


@dataclass(frozen=True, slots=True)
class ResolvedSenders:
    """`actors`: the person by the id that the resolver gave. `new`: those of them that are to be created."""

    actors: Mapping[str, Person]
    new: tuple[Person, ...]


@dataclass(frozen=True, slots=True)
class ResolvedUsers:
    """`named`: the person by the id or address that a command gives. `new`: those of them that are to be created."""

    named: Mapping[str, Person]
    new: tuple[Person, ...]


def resolve_persons(
    senders: Iterable[Sender], by_id: Mapping[str, Person], by_address: Mapping[str, tuple[Person, ...]]
) -> ResolvedSenders:
    """The resolver looked each sender up some time ago; what the desk holds now counts.

    A person who has been created since with a new sender's address is used, the first found of them.
    """
    actors: dict[str, Person] = {}
    new: list[Person] = []
    for sender in senders:
        if sender.person_id in actors:
            continue
        known = by_id.get(sender.person_id)
        if known is None:
            addresses = filter(None, (sender.address, sender.person_address))  # as written, then without its plus tag
            known = first_found(next((by_address[address] for address in addresses if address in by_address), ()))
        if known is None:
            known = _new_sender(sender)
            new.append(known)
        actors[sender.person_id] = known
    return ResolvedSenders(actors, tuple(new))


def resolve_users(
    names: Iterable[str], by_id: Mapping[str, Person], by_address: Mapping[str, tuple[Person, ...]]
) -> ResolvedUsers:
    """An id goes before an address; an address that nobody has is a new User's, as with a message."""
    named: dict[str, Person] = {}
    new: dict[str, Person] = {}
    for name in names:
        known = by_id.get(name) or first_found(by_address.get(normalise(name), ())) or by_id.get(derived_id(name))
        if known is not None:
            named[name] = known
        elif is_address(name):
            named[name] = new.setdefault(derived_id(name), _new_user(name))
    return ResolvedUsers(named, tuple(new.values()))


def known_after(
    senders: ResolvedSenders,
    created: Iterable[Person],
    by_id: Mapping[str, Person],
    by_address: Mapping[str, tuple[Person, ...]],
) -> tuple[dict[str, Person], dict[str, tuple[Person, ...]]]:
    """Persons by id and by address, once those of the new senders are `created` whom a message with effect needs."""
    created = tuple(created)
    absent = {person.id for person in senders.new} - {person.id for person in created}
    addresses = dict(by_address)
    for person in created:
        for address in map(normalise, person.addresses):
            addresses[address] = (*addresses.get(address, ()), person)
    return {id_: person for id_, person in by_id.items() if id_ not in absent}, addresses


def derived_id(name: str) -> str:
    """The id that a person created from this address has."""
    return ids.person_id(normalise(name))


def is_address(text: str) -> bool:
    """Whether mail can be sent there: a message may name no sender, or one that is no address."""
    try:
        check_address(text)
    except ValueError:
        return False
    return True


def _new_sender(sender: Sender) -> Person:
    address = sender.person_address or sender.address
    return Person(
        id=sender.person_id,
        first_name=sender.first_name,
        last_name=sender.last_name,
        addresses=(address,) if is_address(address) else (),
        is_user=True,
        version=1,
    )


def _new_user(address: str) -> Person:
    normalised = normalise(address)
    last_name = normalised.rpartition("@")[0]
    return Person(id=derived_id(address), last_name=last_name, addresses=(normalised,), is_user=True, version=1)
