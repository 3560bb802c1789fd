"""Which item a mail belongs to: an ordered list of small checks, the first that answers wins. Pure."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from desk.item_references import parse_reference
from logger.state import ItemState, Known, is_party, is_trusted
from schemas.ids import notification_of
from schemas.mail import ConversationReferences, ResolvedMail
from schemas.persons import Person
from schemas.snapshot import SettingsSnapshot

MAX_MESSAGE_ID = 998  # octets of a line: RFC 5322, 2.1.1. What is longer is no id, and more than an index can hold.


@dataclass(frozen=True, slots=True)
class Found:
    """`item`: what the mail belongs to. `named`: an item that it only names, and proves nothing of.

    `guessable`: that only what anybody could write leads to `item`.
    """

    item: ItemState | None = None
    named: ItemState | None = None
    guessable: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """Which item does this mail of this person, to this partition, belong to, as far as the desk knows?"""

    mail: ResolvedMail
    person: Person
    partition: str
    known: Known

    @property
    def offers(self) -> ConversationReferences:
        return self.mail.conversation


def find_item(mail: ResolvedMail, person: Person, partition: str, known: Known) -> Found:
    """What the first check that answers says; nothing where none does. `partition`: of `partition_of`."""
    question = Question(mail, person, partition, known)
    answers = (check(question) for check in CHECKS)
    return next((found for found in answers if found is not None), Found())


def was_sent_to_sender(mail: ResolvedMail, item: ItemState, known: Known) -> bool:
    """Whether it answers a mail about this item that we sent to whom it comes from."""
    offered = mail.conversation.sent_to_sender
    told = (*_hinted(map(notification_of, offered), known), *_referred(offered, known))
    return any(one.number == item.number for one in told)


def partition_of(mail: ResolvedMail, settings: SettingsSnapshot) -> str:
    """The partition that the mail came to: that of its incoming server's call template. Empty where that is gone."""
    template = settings.call_template(mail.call_template)
    if template is None:  # the mail was resolved before it was taken away
        server = settings.incoming_server(mail.server_id)
        template = None if server is None else settings.call_template(server.call_template)
    return "" if template is None else template.partition


def hint_keys(mail: ResolvedMail, partition: str) -> Iterator[str]:
    """The keys of `Known.hints` that the mail's references may be known under."""
    conversation = mail.conversation
    for message_id in (*conversation.own_message_ids, *conversation.doubtful, *conversation.message_ids):
        yield from filter(None, (notification_of(message_id), *_message_keys(message_id, partition)))


def item_numbers(mail: ResolvedMail) -> Iterator[int]:
    """The numbers of the items that the mail names."""
    conversation = mail.conversation
    for reference in (*conversation.tokens, *conversation.doubtful, *conversation.item_references):
        parsed = parse_reference(reference)
        if parsed is not None:
            yield parsed[1]


def fit_message_id(message_id: str | None) -> str | None:
    """A Message-ID of a mail, as it came; None where it is not fit for a key."""
    if message_id is None or not message_id.startswith("<") or len(message_id.encode()) > MAX_MESSAGE_ID:
        return None
    return message_id


def message_key(message_id: str | None, partition: str) -> str | None:
    """The key of a Message-ID at a partition; None where it is not fit for one. The `<` tells it from our own ids.

    A mail that goes to two desks belongs, at each of them, to the item that its partition logged for it.
    """
    fit = fit_message_id(message_id)
    return f"{fit} {partition}" if fit else None


def _signed_message_id(question: Question) -> Found | None:
    """Whoever has our mail may answer it."""
    return _belonging(_hinted(map(notification_of, question.offers.own_message_ids), question.known))


def _signed_tag(question: Question) -> Found | None:
    return _belonging(_referred(question.offers.tokens, question.known))


def _doubtful_token(question: Question) -> Found | None:
    """Whoever shows a forged or an old token is not believed in what proves less."""
    doubtful, known = question.offers.doubtful, question.known
    if not doubtful:
        return None
    named = (*_hinted(map(notification_of, doubtful), known), *_referred(doubtful, known))
    return Found(named=next(iter(named), None))


def _known_message_id(question: Question) -> Found | None:
    """Of somebody's mail to this partition: a colleague in copy may answer."""
    return _belonging(item for one in question.offers.message_ids for item in _logged_here(one, question))


def _named_by_a_party(question: Question) -> Found | None:
    """Anybody can write a number, or an unsigned id of our own form, so only a party of that item is believed."""
    mail, known = question.mail, question.known
    named = [
        *_hinted(map(notification_of, question.offers.message_ids), known),
        *_referred(question.offers.item_references, known),
    ]
    believed = (item for item in named if is_trusted(mail) and is_party(question.person, item))
    return Found(next(believed, None), next(iter(named), None), guessable=True)


# In the order of trust.
CHECKS: tuple[Callable[[Question], Found | None], ...] = (
    _signed_message_id,
    _signed_tag,
    _doubtful_token,
    _known_message_id,
    _named_by_a_party,
)


def _message_keys(message_id: str, partition: str) -> tuple[str | None, str | None]:
    """As 0.1 wrote it, without a partition, and as it is written now."""
    return fit_message_id(message_id), message_key(message_id, partition)


def _logged_here(message_id: str, question: Question) -> Iterator[ItemState]:
    """The older key goes first; it counts for items of this partition alone."""
    before, now = _message_keys(message_id, question.partition)
    yield from (item for item in _hinted((before,), question.known) if item.partition == question.partition)
    yield from _hinted((now,), question.known)


def _belonging(items: Iterable[ItemState]) -> Found | None:
    item = next(iter(items), None)
    return None if item is None else Found(item)


def _hinted(keys: Iterable[str | None], known: Known) -> Iterator[ItemState]:
    numbers = (known.hints.get(key, 0) for key in keys if key is not None)
    return (known.items[number] for number in numbers if number in known.items)


def _referred(references: Iterable[str], known: Known) -> Iterator[ItemState]:
    for kind, number in filter(None, map(parse_reference, references)):
        item = known.items.get(number)
        if item is not None and item.kind == kind:
            yield item
