"""Mails that another logger has in hand: whoever answers one waits until it is stored."""

from collections.abc import Sequence

from sqlalchemy import Connection, text

from logger.find_item import message_key, partition_of
from logger.records import Mail
from schemas.snapshot import SettingsSnapshot

NEAREST = 3  # of the mails that one answers: the one that it answers, and those before
MOST = 1_000  # a small PostgreSQL has room for some 6,000 locks of all its clients
_SEED = 0x6D61696C  # keeps these locks from those that others take in the same database
_SEPARATOR = "\n"  # an id with one in it is none

# One text, since a driver takes a list apart one by one. An array is unnested in its order, and all take their locks in
# the same one: none waits for another that waits for it.
_LOCK = text(
    f"SELECT count(pg_advisory_xact_lock(hashtextextended(key, {_SEED})))"
    f" FROM unnest(string_to_array(:keys, chr({ord(_SEPARATOR)}))) AS key"
)


def wait_for_others(connection: Connection, batch: Sequence[Mail], settings: SettingsSnapshot) -> None:
    """Locks the Message-IDs of the mails, and of those that they answer, until the transaction's end.

    Before anything else is locked or read: what another logger has stored by then is seen. Of a batch with too many the
    first in order are locked, so that two loggers leave out the same ones. SQLite has one writer at a time anyway.
    """
    if connection.dialect.name != "postgresql":
        return
    keys: set[str] = set()
    for mail in (one.mail for one in batch):
        partition = partition_of(mail, settings)
        named = (mail.message_id, *mail.conversation.message_ids[:NEAREST])
        keys.update(filter(None, (message_key(message_id, partition) for message_id in named)))
    locked = sorted(key for key in keys if _SEPARATOR not in key)[:MOST]
    if locked:
        connection.execute(_LOCK, {"keys": _SEPARATOR.join(locked)})
