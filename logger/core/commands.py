"""One command model: what is asked of the desk, and what the desk decides to do. Plain values.

Named tuples: those are made several times as fast as frozen dataclasses, and each message makes a dozen.

A message and a command of another system (`desk.requested`) are decided by rules of their own. All that follows is the
same for both: event, notifications, journal and ledger.
"""

from collections.abc import Mapping
from typing import NamedTuple

from logger.core.state import ItemState
from schemas.desk_commands import DeskCommand
from schemas.events import ItemKind
from schemas.persons import Person
from schemas.reasons import Reason
from schemas.resolved_mail import ResolvedMail
from schemas.settings import CallTemplate

# "A sender who fails never gets an analyst's rights nor changes a state."
UNTRUSTED = frozenset(("failed", "unproved"))


class Thread(NamedTuple):
    """What a message says of its conversation, as keys of the desk.

    `partition`: that the message came to, empty where that is gone. `message_id`: its own, None where it is not fit for
    a key; `key`: that id at the partition. `replied_to`: keys of each id that it names, the older form first; `keys`:
    all keys of the thread index that matter. `numbers`: of the items that it names. `content_ids`: what its content may
    be known by.
    """

    partition: str
    message_id: str | None
    key: str | None
    replied_to: tuple[tuple[str, str], ...]
    keys: frozenset[str]
    numbers: frozenset[int]
    content_ids: tuple[str, ...]


class MailCommand(NamedTuple):
    """A message, to be logged or to act on an item. `trusted`: its sender may be the person whose address it bears."""

    causation_id: str
    traceparent: str
    mail: ResolvedMail
    thread: Thread
    trusted: bool


class SystemCommand(NamedTuple):
    """What another system asks of the desk, on behalf of a person."""

    causation_id: str
    traceparent: str
    desk_command: DeskCommand


Command = MailCommand | SystemCommand


class Proof(NamedTuple):
    """`sender`: the message is from the person it names. `part`: that person has a part in the item, and may write to
    its people.

    Anybody can write anybody's address into From. So a message proves its sender by what the incoming server's mail
    system found (`trust`), or by replying to a message of ours that went to an address of that very person.
    """

    sender: bool
    part: bool


# Whoever may write to the topic acts for any person: systems are not asked whether that person is a party.
BY_A_SYSTEM = Proof(sender=True, part=True)


class ItemFields(NamedTuple):
    """Subject and description of a new item, and all its further fields with the template's defaults."""

    subject: str
    description: str
    fields: Mapping[str, str]


class CreateItem(NamedTuple):
    """A new item of `user`. `linked_to`: the number of the item that it follows, belongs to, or only mentions."""

    command: Command
    person: Person
    item: ItemState
    proof: Proof
    user: Person
    template: CallTemplate
    content: ItemFields
    settings_versions: Mapping[str, int]
    linked_to: int | None = None


class UpdateItem(NamedTuple):
    """The text goes into the item's journal, whether that item is open or closed."""

    command: Command
    person: Person
    item: ItemState
    proof: Proof


class CloseItem(NamedTuple):
    command: Command
    person: Person
    item: ItemState
    proof: Proof


class ReopenItem(NamedTuple):
    """The text goes into the journal of a closed item, which is opened again."""

    command: Command
    person: Person
    item: ItemState
    proof: Proof


class ChangeWatchers(NamedTuple):
    """`watcher`: id of the person who is notified of the item from now on; no longer, unless `watches`."""

    command: Command
    person: Person
    item: ItemState
    proof: Proof
    watcher: str
    watches: bool


class RefuseCommand(NamedTuple):
    """The text is kept in the item's journal; what was asked for (`action`) is not done."""

    command: Command
    person: Person
    item: ItemState
    proof: Proof
    action: str
    reason: Reason


Decision = CreateItem | UpdateItem | CloseItem | ReopenItem | ChangeWatchers | RefuseCommand


class Duplicate(NamedTuple):
    """The same message by a second route: it has had its effect on `item`, and has no other."""

    command: MailCommand
    person: Person
    item: ItemState


_KINDS: tuple[ItemKind, ...] = ("call", "task", "request")

# What the journal and the ledgers call a decision.
OUTCOMES: Mapping[tuple[type[Decision | Duplicate], ItemKind], str] = {
    **{(CreateItem, kind): f"{kind}-logged" for kind in _KINDS},
    **{(UpdateItem, kind): "item-updated" for kind in _KINDS},
    **{(CloseItem, kind): "item-closed" for kind in _KINDS},
    **{(ReopenItem, kind): "item-reopened" for kind in _KINDS},
    **{(RefuseCommand, kind): "action-refused" for kind in _KINDS},
    **{(Duplicate, kind): "duplicate" for kind in _KINDS},
}
