"""Which item a message belongs to, and what it proves of its sender. Pure.

An ordered list of small checks: the first that finds something decides.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from desk.item_references import parse_reference
from logger.core.commands import MailCommand, Proof, Thread
from logger.core.state import DeskState, ItemState, is_party
from schemas.ids import notification_of
from schemas.persons import Person
from schemas.resolved_mail import ConversationReferences, ResolvedMail
from schemas.snapshot import SettingsSnapshot

MAX_MESSAGE_ID = 998  # octets of a line: RFC 5322, 2.1.1. A longer one is no id, and more than an index can hold.


class MatchedItem(NamedTuple):
    """`item`: what the message belongs to, and `proof` of the sender's part in it. `mentioned`: an item that the
    message only names, and proves nothing of.
    """

    item: ItemState | None = None
    proof: Proof | None = None
    mentioned: ItemState | None = None


_NOTHING = MatchedItem()


class _Match(NamedTuple):
    """`guessable`: that only what anybody could write leads to `item`."""

    item: ItemState | None = None
    mentioned: ItemState | None = None
    guessable: bool = False


class ItemLookup(NamedTuple):
    """Which item does this message of this person belong to, as far as the desk knows?"""

    command: MailCommand
    person: Person
    desk: DeskState

    @property
    def offers(self) -> ConversationReferences:
        return self.command.mail.conversation


def thread_of(mail: ResolvedMail, settings: SettingsSnapshot) -> Thread:
    """What is looked up in the desk for the message."""
    partition = partition_of(mail, settings)
    message_id = fit_message_id(mail.message_id)
    key = f"{message_id} {partition}" if message_id else None
    keys = {key} if key else set()
    numbers: set[int] = set()
    replied_to: tuple[tuple[str, str], ...] = ()
    conversation = mail.conversation
    if conversation.message_ids:
        fit = filter(None, map(fit_message_id, conversation.message_ids))
        replied_to = tuple((named, f"{named} {partition}") for named in fit)
        for pair in replied_to:
            keys.update(pair)
    for message_id_ in (*conversation.own_message_ids, *conversation.doubtful, *conversation.message_ids):
        notification_id = notification_of(message_id_)
        if notification_id is not None:
            keys.add(notification_id)
    for text in (*conversation.tokens, *conversation.doubtful, *conversation.item_references):
        parsed = parse_reference(text)
        if parsed is not None:
            numbers.add(parsed[1])
    content_ids = tuple(filter(None, (mail.content_id, mail.former_content_id)))
    return Thread(partition, message_id, key, replied_to, frozenset(keys), frozenset(numbers), content_ids)


def partition_of(mail: ResolvedMail, settings: SettingsSnapshot) -> str:
    """The partition that the message came to: that of its incoming server's call template. Empty where that is gone."""
    template = settings.call_template(mail.call_template)
    if template is None:  # deleted since the message was resolved
        server = settings.incoming_server(mail.server_id)
        template = None if server is None else settings.call_template(server.call_template)
    return "" if template is None else template.partition


def fit_message_id(message_id: str | None) -> str | None:
    """A message's Message-ID, as it came; None where it is not fit for a key."""
    if message_id is None or not message_id.startswith("<") or len(message_id.encode()) > MAX_MESSAGE_ID:
        return None
    return message_id


def message_key(message_id: str | None, partition: str) -> str | None:
    """The key of a Message-ID at a partition; None where it is not fit for one. No key of ours begins with `<`.

    A message that goes to two desks belongs, at each of them, to the item that its partition logged for it.
    """
    fit = fit_message_id(message_id)
    return f"{fit} {partition}" if fit else None


def find_item(command: MailCommand, person: Person, desk: DeskState) -> MatchedItem:
    """By the first check that finds something; empty where none does."""
    if not _offers_anything(command.mail.conversation):
        return _NOTHING  # most messages
    lookup = ItemLookup(command, person, desk)
    for check in CHECKS:
        match = check(lookup)
        if match is not None:
            proof = _proof(lookup, match.item, match.guessable) if match.item else None
            return MatchedItem(match.item, proof, match.mentioned)
    return _NOTHING


def _offers_anything(offers: ConversationReferences) -> bool:
    """Whether there is anything that a check looks up."""
    return bool(
        offers.own_message_ids or offers.tokens or offers.doubtful or offers.message_ids or offers.item_references
    )


def _proof(lookup: ItemLookup, item: ItemState, guessable: bool) -> Proof:
    """A party of the item has a part in it, too, but not by a number alone, which anybody can guess."""
    command = lookup.command
    offered = lookup.offers.sent_to_sender
    replies = offered and _was_sent_to_sender(offered, item, lookup.desk)
    sender = command.trusted and (bool(replies) or command.mail.trust == "passed")
    party = command.trusted and is_party(lookup.person, item)
    return Proof(sender, bool(replies) or (party and (sender or not guessable)))


def _was_sent_to_sender(offered: Iterable[str], item: ItemState, desk: DeskState) -> bool:
    """Whether the message replies to one about this item that we sent to its sender."""
    offered = tuple(offered)
    sent = (*_indexed(map(notification_of, offered), desk), *_referred(offered, desk))
    return any(about.number == item.number for about in sent)


def _signed_message_id(lookup: ItemLookup) -> _Match | None:
    """Anybody who has our message may reply to it."""
    return _belonging(_indexed(map(notification_of, lookup.offers.own_message_ids), lookup.desk))


def _signed_tag(lookup: ItemLookup) -> _Match | None:
    return _belonging(_referred(lookup.offers.tokens, lookup.desk))


def _doubtful_token(lookup: ItemLookup) -> _Match | None:
    """A sender who shows a forged or an old token is not believed in what proves less."""
    doubtful, desk = lookup.offers.doubtful, lookup.desk
    if not doubtful:
        return None
    mentioned = (*_indexed(map(notification_of, doubtful), desk), *_referred(doubtful, desk))
    return _Match(mentioned=next(iter(mentioned), None))


def _known_message_id(lookup: ItemLookup) -> _Match | None:
    """Of somebody's message to this partition: a colleague in copy may reply.

    The older form of the key goes first; it counts for items of this partition alone.
    """
    thread, desk = lookup.command.thread, lookup.desk
    for older, key in thread.replied_to:
        for item in _indexed((older,), desk):
            if item.partition == thread.partition:
                return _Match(item)
        for item in _indexed((key,), desk):
            return _Match(item)
    return None


def _mentioned_by_a_party(lookup: ItemLookup) -> _Match | None:
    """Anybody can write a number, or an unsigned id of our own form, so only a party of that item is believed."""
    desk = lookup.desk
    mentioned = [
        *_indexed(map(notification_of, lookup.offers.message_ids), desk),
        *_referred(lookup.offers.item_references, desk),
    ]
    believed = (item for item in mentioned if lookup.command.trusted and is_party(lookup.person, item))
    return _Match(next(believed, None), next(iter(mentioned), None), guessable=True)


# In the order of trust.
CHECKS: tuple[Callable[[ItemLookup], _Match | None], ...] = (
    _signed_message_id,
    _signed_tag,
    _doubtful_token,
    _known_message_id,
    _mentioned_by_a_party,
)


def _belonging(items: Iterable[ItemState]) -> _Match | None:
    item = next(iter(items), None)
    return None if item is None else _Match(item)


def _indexed(keys: Iterable[str | None], desk: DeskState) -> Iterator[ItemState]:
    numbers = (desk.thread_index.get(key, 0) for key in keys if key is not None)
    return (desk.items[number] for number in numbers if number in desk.items)


def _referred(references: Iterable[str], desk: DeskState) -> Iterator[ItemState]:
    for kind, number in filter(None, map(parse_reference, references)):
        item = desk.items.get(number)
        if item is not None and item.kind == kind:
            yield item
