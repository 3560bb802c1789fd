"""Message-IDs, and which item each belongs to: replies find their item by them.

Those of incoming messages, the ids of our notifications, and Message-IDs that a mail server gave our messages instead.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from sqlalchemy import Connection, select, text

from desk.fast_writes import BulkInsert
from desk.prepared import Prepared
from desk.queries import any_of
from desk.tables import NUMBER, items, message_ids
from logger.core.commands import Decision, MailCommand
from logger.core.threading import message_key
from schemas.events import NotificationRequested, NotificationResult

NEAREST = 3  # of the messages that one replies to: its original, and those before
MOST = 1_000  # a small PostgreSQL has room for some 6,000 locks of all its clients
_SEED = 0x6D61696C  # separates these locks from those that others take in the same database
_SEPARATOR = "\n"  # an id with one in it is none

# One text, since a driver takes a list apart one by one. An array is unnested in its order, and all take their locks in
# the same one: none waits for another that waits for it.
_LOCK = Prepared(
    text(
        f"SELECT count(pg_advisory_xact_lock(hashtextextended(key, {_SEED})))"
        f" FROM unnest(string_to_array(:keys, chr({ord(_SEPARATOR)}))) AS key"
    ).columns(locked=NUMBER)
)
_ITEMS = (
    select(message_ids.c.message_id, items.c.id, items.c.partition)
    .join_from(message_ids, items, items.c.id == message_ids.c.item_id)
    .where(any_of(message_ids.c.message_id))
)
_TAKEN = select(message_ids.c.message_id).where(any_of(message_ids.c.message_id))
_KEY = BulkInsert(message_ids, ("message_id", "item_id"))


def lock_threads(connection: Connection, commands: Sequence[MailCommand]) -> None:
    """Locks the Message-IDs of the messages, and of those that they reply to, until the transaction's end: a reply to a
    message that another logger has in flight waits until that is stored.

    Before anything else is locked or read: what another logger has stored by then is seen. Of a batch with too many the
    first in order are locked, so that two loggers leave out the same ones. SQLite has one writer at a time anyway.
    """
    if connection.dialect.name != "postgresql":
        return
    keys: set[str] = set()
    for thread in (command.thread for command in commands):
        keys.update(key for _, key in thread.replied_to[:NEAREST])
        if thread.key is not None:
            keys.add(thread.key)
    locked = sorted(key for key in keys if _SEPARATOR not in key)[:MOST]
    if locked:
        _LOCK.rows(connection, keys=_SEPARATOR.join(locked))


def write_thread_index(
    connection: Connection,
    decisions: Iterable[Decision],
    notifications: Mapping[str, Sequence[NotificationRequested]],
    known_keys: Collection[str],
) -> None:
    """Makes the messages and their notifications (by causation id) known to replies. `known_keys`: the index has them.

    Sorted, so that two loggers with the same ids wait for one another and do not deadlock.
    """
    keys: dict[str, int] = {}
    for decision in decisions:
        command, number = decision.command, decision.item.number
        key = command.thread.key if isinstance(command, MailCommand) else None
        if key is not None and key not in known_keys:
            keys.setdefault(key, number)
        for notification in notifications[command.causation_id]:
            keys[notification.notification_id] = number
    _KEY.insert(connection, sorted(keys.items()))


def learn_aliases(connection: Connection, results: Sequence[NotificationResult]) -> None:
    """Of messages that were renamed: each is known at its item's partition from now on, as any message of the thread.

    It proves no sender, as the token does that it replaced. Of a notification that the desk does not know nothing is
    learnt; an id that is taken stays with the item that has it.
    """
    if not results:
        return
    sent = {"keys": sorted({result.notification_id for result in results})}
    items_of = {row.message_id: row for row in connection.execute(_ITEMS, sent)}
    learnt: dict[str, int] = {}
    for result in results:
        item = items_of.get(result.notification_id)
        key = item and message_key(result.sent_message_id, item.partition)
        if item and key:
            learnt.setdefault(key, item.id)
    taken = set(connection.execute(_TAKEN, {"keys": sorted(learnt)}).scalars()) if learnt else set()
    _KEY.insert(connection, ((key, number) for key, number in sorted(learnt.items()) if key not in taken))
