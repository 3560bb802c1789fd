"""Message-IDs that a mail server gave our mails in the place of ours: answers that name them find their item."""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from desk.any_of import any_of
from desk.bulk import BulkInsert
from desk.tables import items, message_ids
from logger.find_item import message_key
from schemas.events import NotificationResult

_ITEMS = (
    select(message_ids.c.message_id, items.c.id, items.c.partition)
    .join_from(message_ids, items, items.c.id == message_ids.c.item_id)
    .where(any_of(message_ids.c.message_id))
)
_TAKEN = select(message_ids.c.message_id).where(any_of(message_ids.c.message_id))
_ALIAS_ROW = BulkInsert(message_ids, ("message_id", "item_id"))


def is_renamed(result: NotificationResult) -> bool:
    """Whether the mail that it tells of was sent under another Message-ID than ours."""
    return result.outcome == "sent" and bool(result.sent_message_id)


def learn_aliases(connection: Connection, results: Sequence[NotificationResult]) -> None:
    """Of mails that were renamed: each is known at its item's partition from now on, as any mail of the conversation.

    It proves no sender, as the token does that it took the place of. About a notification that the desk does not know
    nothing is learnt; an id that is taken stays with the item that has it.
    """
    if not results:
        return
    told = {"keys": sorted({one.notification_id for one in results})}
    items_of = {row.message_id: row for row in connection.execute(_ITEMS, told)}
    learnt: dict[str, int] = {}
    for one in results:
        item = items_of.get(one.notification_id)
        key = item and message_key(one.sent_message_id, item.partition)
        if item and key:
            learnt.setdefault(key, item.id)
    taken = set(connection.execute(_TAKEN, {"keys": sorted(learnt)}).scalars()) if learnt else set()
    _ALIAS_ROW.insert(connection, ((key, number) for key, number in sorted(learnt.items()) if key not in taken))
