"""Who performs the action. Requirement R9.5: the person found. Requirement R2.4: else a new one, with the User flag."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from schemas.addresses import check_address
from schemas.mail import Sender
from schemas.persons import Person, first_found


@dataclass(frozen=True, slots=True)
class Senders:
    """`acting`: the person by the id that the resolver gave. `new`: those of them that are to be made."""

    acting: Mapping[str, Person]
    new: tuple[Person, ...]


def settle(
    senders: Iterable[Sender], by_id: Mapping[str, Person], by_address: Mapping[str, tuple[Person, ...]]
) -> Senders:
    """The resolver looked each sender up some time ago; what the desk holds now counts.

    A person who has come into being meanwhile with a new sender's address is used, the first found of them.
    """
    acting: dict[str, Person] = {}
    new: list[Person] = []
    for sender in senders:
        if sender.person_id in acting:
            continue
        known = by_id.get(sender.person_id) or _has_address(sender, by_address)
        if known is None:
            known = new_person(sender)
            new.append(known)
        acting[sender.person_id] = known
    return Senders(acting, tuple(new))


def addresses_of(sender: Sender) -> tuple[str, ...]:
    """The addresses that a sender's person may have, best first: as written, and without its plus tag."""
    return tuple(filter(None, (sender.address, sender.person_address)))


def _has_address(sender: Sender, by_address: Mapping[str, tuple[Person, ...]]) -> Person | None:
    return first_found(next((by_address[one] for one in addresses_of(sender) if one in by_address), ()))


def new_person(sender: Sender) -> Person:
    address = sender.person_address or sender.address
    return Person(
        id=sender.person_id,
        first_name=sender.first_name,
        last_name=sender.last_name,
        addresses=(address,) if is_address(address) else (),
        is_user=True,
        version=1,
    )


def is_address(text: str) -> bool:
    """Whether mail can be sent there: a mail may name no sender, or one that is no address."""
    try:
        check_address(text)
    except ValueError:
        return False
    return True
