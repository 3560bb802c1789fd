"""Delivery reports about our own notifications, into the journal of the item that the notification told of."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from desk.among import among
from desk.bulk import BulkInsert
from desk.tables import handled, items, journal, message_ids
from schemas.events import NotificationResult
from schemas.reasons import Reason

MAX_WORDS = 320  # characters of what a report quotes: as long as an address may be


class Entry(NamedTuple):
    """`kind` of the journal entry, and what it says became of the notification."""

    kind: str
    words: str


# What is journalled, by outcome and reason. A receipt is no news for anybody.
ENTRIES: Mapping[tuple[str, Reason | None], Entry] = {
    ("bounced", Reason.BOUNCE): Entry("notification-bounced", "could not be delivered"),
    ("bounced", Reason.COMPLAINT): Entry("notification-bounced", "was reported as unwanted"),
    ("deferred", Reason.BOUNCE): Entry("notification-delayed", "has not been delivered yet; it is tried again"),
}

_HANDLED = select(handled.c.key).where(among(handled.c.key))
_ITEMS = (
    select(message_ids.c.message_id, items.c.id, items.c.user_id)
    .join_from(message_ids, items, items.c.id == message_ids.c.item_id)
    .where(among(message_ids.c.message_id))
)
_JOURNAL_ROW = BulkInsert(journal, ("item_id", "at", "kind", "person_id", "mail_id", "reason", "text"))
_HANDLED_ROW = BulkInsert(handled, ("key", "outcome", "item_id", "handled_at"))


def apply_reports(connection: Connection, reports: Sequence[NotificationResult], now: datetime) -> None:
    """Each report once, whoever brings it again. One about a notification that the desk does not know has no effect."""
    new = {_key(one): one for one in reports}
    for (key,) in connection.execute(_HANDLED, {"keys": list(new)}):
        del new[key]
    told = {one.notification_id for one in new.values()}
    found = {row.message_id: row for row in connection.execute(_ITEMS, {"keys": list(told)})}
    concerned = [(one, found[one.notification_id]) for one in new.values() if one.notification_id in found]
    _JOURNAL_ROW.insert(connection, _journal_rows(concerned, now))
    _HANDLED_ROW.insert(connection, ((_key(one), entry_of(one).kind, item.id, now) for one, item in concerned))


def entry_of(report: NotificationResult) -> Entry:
    return ENTRIES[report.outcome, report.reason]


def _key(report: NotificationResult) -> str:
    return f"report/{report.mail_id}"


def _journal_rows(concerned: Sequence[tuple[NotificationResult, Any]], now: datetime) -> Iterator[tuple[Any, ...]]:
    """The entry names the item's User: nobody performed an action."""
    for report, item in concerned:
        entry = entry_of(report)
        yield item.id, now, entry.kind, item.user_id, report.mail_id, report.reason, _text(report, entry)


def _text(report: NotificationResult, entry: Entry) -> str:
    status = f" (status {report.smtp_reply[:MAX_WORDS]})" if report.smtp_reply else ""
    return f"The notification to {report.recipient[:MAX_WORDS] or 'a recipient'} {entry.words}{status}."
