"""What a mail proves of its sender: who it is, and that it has a part in the item. Pure."""

from dataclasses import dataclass

from logger.find_item import Found, was_sent_to_sender
from logger.state import ItemState, Known, is_party, is_trusted
from schemas.mail import ResolvedMail
from schemas.persons import Person


@dataclass(frozen=True, slots=True)
class Proof:
    """`sender`: the mail comes from whom it says. `part`: that one has a part in the item, and may write to its people.

    Anybody can write anybody's address into From. So a mail proves its sender by what the incoming server's mail system
    found (`trust`), or by answering a mail of ours that went to an address of that very person.
    """

    sender: bool
    part: bool


def of_a_new_call(mail: ResolvedMail) -> Proof:
    """Whoever logs a call has a part in it."""
    return Proof(mail.trust == "passed", True)


def proof_of(mail: ResolvedMail, person: Person, item: ItemState, found: Found, known: Known) -> Proof:
    """A party of the item has a part in it, too, but not by a number alone, which anybody can guess."""
    answers = was_sent_to_sender(mail, item, known)
    sender = is_trusted(mail) and (answers or mail.trust == "passed")
    party = is_trusted(mail) and is_party(person, item)
    return Proof(sender, answers or (party and (sender or not found.guessable)))
