"""What became of our own notifications later: into the journal of their item; addresses that bounce are marked."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from desk.any_of import any_of
from desk.bounced_addresses import add_bounce
from desk.bulk import BulkInsert
from desk.tables import deliveries, handled, items, journal, message_ids
from schemas.addresses import normalise
from schemas.events import NotificationResult
from schemas.reasons import Reason
from schemas.snapshot import SettingsSnapshot
from schemas.undelivered import Trouble, trouble_of

_ADDRESS_REFUSED = re.compile(r"55[013]\b")
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
# What was in the way of one that could not be delivered.
_WHY: Mapping[Trouble, str] = {
    Trouble.ADDRESS: ": the address takes no mail",
    Trouble.MAILBOX: ": the mailbox takes no more mail for now",
    Trouble.POLICY: ": the recipient's server does not accept it from ours",
    Trouble.MESSAGE: ": the recipient's server does not accept a mail like this",
    Trouble.OUTAGE: ": the recipient's server did not take it in time",
    Trouble.UNKNOWN: "",
}

_HANDLED = select(handled.c.key).where(any_of(handled.c.key))
_ITEMS = (
    select(message_ids.c.message_id, items.c.id, items.c.user_id)
    .join_from(message_ids, items, items.c.id == message_ids.c.item_id)
    .where(any_of(message_ids.c.message_id))
)
_SENT = select(deliveries.c.notification_id, deliveries.c.recipient).where(any_of(deliveries.c.notification_id))
_JOURNAL_ROW = BulkInsert(journal, ("item_id", "at", "kind", "person_id", "mail_id", "reason", "text"))
_HANDLED_ROW = BulkInsert(handled, ("key", "outcome", "item_id", "handled_at"))


def is_hard(result: NotificationResult) -> bool:
    """Whether it says that the address takes no mail: by a report, or by our own server's 550, 551 or 553 where its
    words give no other reason."""
    trouble = _trouble(result)
    if result.outcome == "bounced":
        return result.reason is Reason.BOUNCE and trouble is Trouble.ADDRESS
    if result.outcome != "failed" or result.reason is not Reason.RECIPIENT_REFUSED:
        return False
    unexplained = trouble is Trouble.UNKNOWN and _ADDRESS_REFUSED.match(result.smtp_reply) is not None
    return trouble is Trouble.ADDRESS or unexplained


def _trouble(result: NotificationResult) -> Trouble:
    return result.trouble or trouble_of(result.smtp_reply)


def apply_reports(
    connection: Connection, reports: Sequence[NotificationResult], settings: SettingsSnapshot, now: datetime
) -> None:
    """What is news, whoever tells it and how often. About a notification that the desk does not know nothing is."""
    told = {"keys": sorted({one.notification_id for one in reports})}
    items_of = {row.message_id: row for row in connection.execute(_ITEMS, told)}
    sent = {(row.notification_id, normalise(row.recipient)) for row in connection.execute(_SENT, told)}
    news = _news(connection, [_report(one, items_of, sent) for one in reports if one.notification_id in items_of])
    marked = _mark(connection, news, settings, now)
    _JOURNAL_ROW.insert(connection, _journal_rows(news, now))
    _JOURNAL_ROW.insert(connection, _marked_rows(marked, now))
    _HANDLED_ROW.insert(connection, ((one.key, one.outcome, one.item.id, now) for one in news))


class _Report(NamedTuple):
    """`address` is normalised, and empty where the ledger has no such recipient of the notification: what a report says
    of others is told once, however many it names. `key` is that of the news, `known_by` of all that make it none.
    """

    result: NotificationResult
    item: Any
    address: str
    key: str
    known_by: tuple[str, ...]

    @property
    def outcome(self) -> str:
        return "notification-failed" if self.result.outcome == "failed" else entry_of(self.result).kind


def _report(result: NotificationResult, items_of: Mapping[str, Any], sent: Collection[tuple[str, str]]) -> _Report:
    named = normalise(result.recipient)
    address = named if (result.notification_id, named) in sent else ""
    item = items_of[result.notification_id]
    if result.outcome == "failed":  # outbound's own; its mail id is that of the mail that caused the notification
        key = f"failed/{result.notification_id}/{named}"
        return _Report(result, item, address, key, (key,))
    key = _key(result, result.outcome, address)
    # Older loggers' key was `report/<mail id>`. What could not be delivered is not late any more.
    return _Report(result, item, address, key, (key, f"report/{result.mail_id}", _key(result, "bounced", address)))


def _key(result: NotificationResult, outcome: str, address: str) -> str:
    return f"report/{result.notification_id}/{outcome}/{result.reason}/{address}"


def _news(connection: Connection, reports: Sequence[_Report]) -> list[_Report]:
    asked = {key for one in reports for key in one.known_by}
    known = {key for (key,) in connection.execute(_HANDLED, {"keys": sorted(asked)})}
    news = []
    for one in reports:
        if known.isdisjoint(one.known_by):
            news.append(one)
            known.add(one.key)
    return news


def _mark(
    connection: Connection, reports: Sequence[_Report], settings: SettingsSnapshot, now: datetime
) -> list[_Report]:
    """Counts the hard bounces; those that marked their address.

    An address counts only where the ledger has it as a recipient: nobody can mark one by a report of his own making.
    """
    limit = settings.email_options().bounces_until_marked
    return [
        one
        for one in reports
        if one.address
        and is_hard(one.result)
        and add_bounce(connection, one.address, one.result.smtp_reply[:MAX_WORDS], now, limit)
    ]


def entry_of(report: NotificationResult) -> Entry:
    return ENTRIES[report.outcome, report.reason]


def _journal_rows(reports: Sequence[_Report], now: datetime) -> Iterator[tuple[Any, ...]]:
    """The entry names the item's User: nobody performed an action. What failed at once, the ledger shows."""
    for one in reports:
        result, item = one.result, one.item
        if result.outcome == "failed":
            continue
        entry = entry_of(result)
        yield item.id, now, entry.kind, item.user_id, result.mail_id, result.reason, _text(result, entry)


def _text(result: NotificationResult, entry: Entry) -> str:
    undelivered = result.outcome == "bounced" and result.reason is Reason.BOUNCE
    why = _WHY[_trouble(result)] if undelivered else ""
    status = f" (status {result.smtp_reply[:MAX_WORDS]})" if result.smtp_reply else ""
    return f"The notification to {result.recipient[:MAX_WORDS] or 'a recipient'} {entry.words}{why}{status}."


def _marked_rows(marked: Sequence[_Report], now: datetime) -> Iterator[tuple[Any, ...]]:
    for one in marked:
        result, item = one.result, one.item
        text = f"Mails to {result.recipient} came back too often: nothing more is sent there ({result.smtp_reply})."
        yield item.id, now, "address-marked", item.user_id, result.mail_id, Reason.ADDRESS_MARKED, text
