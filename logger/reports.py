"""What became of our own notifications later: into the journal of their item; addresses that bounce are marked."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from desk.among import among
from desk.bounced_addresses import add_bounce
from desk.bulk import BulkInsert
from desk.tables import deliveries, handled, items, journal, message_ids
from schemas.addresses import normalise
from schemas.events import NotificationResult
from schemas.reasons import Reason
from schemas.snapshot import SettingsSnapshot

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

_HANDLED = select(handled.c.key).where(among(handled.c.key))
_ITEMS = (
    select(message_ids.c.message_id, items.c.id, items.c.user_id)
    .join_from(message_ids, items, items.c.id == message_ids.c.item_id)
    .where(among(message_ids.c.message_id))
)
_SENT = select(deliveries.c.notification_id, deliveries.c.recipient).where(among(deliveries.c.notification_id))
_JOURNAL_ROW = BulkInsert(journal, ("item_id", "at", "kind", "person_id", "mail_id", "reason", "text"))
_HANDLED_ROW = BulkInsert(handled, ("key", "outcome", "item_id", "handled_at"))


def is_hard(result: NotificationResult) -> bool:
    """Whether it says that the address takes no mail: 5.x.x of a report (RFC 3463), 550, 551, 553 of our own server."""
    if result.outcome == "bounced":
        return result.reason is Reason.BOUNCE and result.smtp_reply.startswith("5.")
    refused = result.outcome == "failed" and result.reason is Reason.RECIPIENT_REFUSED
    return refused and _ADDRESS_REFUSED.match(result.smtp_reply) is not None


def apply_reports(
    connection: Connection, reports: Sequence[NotificationResult], settings: SettingsSnapshot, now: datetime
) -> None:
    """Each report once, whoever brings it again. One about a notification that the desk does not know has no effect."""
    new = {_key(one): one for one in reports}
    for (key,) in connection.execute(_HANDLED, {"keys": list(new)}):
        del new[key]
    told = {one.notification_id for one in new.values()}
    found = {row.message_id: row for row in connection.execute(_ITEMS, {"keys": list(told)})}
    concerned = [(one, found[one.notification_id]) for one in new.values() if one.notification_id in found]
    marked = _mark(connection, [one for one, _ in concerned], settings, now)
    _JOURNAL_ROW.insert(connection, _journal_rows(concerned, now))
    _JOURNAL_ROW.insert(connection, _marked_rows(concerned, marked, now))
    _HANDLED_ROW.insert(connection, ((_key(one), _outcome(one), item.id, now) for one, item in concerned))


def _mark(
    connection: Connection, reports: Sequence[NotificationResult], settings: SettingsSnapshot, now: datetime
) -> set[str]:
    """Counts the hard bounces; the keys of the reports that marked their address.

    An address counts only where the ledger has it as a recipient: nobody can mark one by a report of his own making.
    """
    hard = [one for one in reports if is_hard(one)]
    if not hard:
        return set()
    ids = sorted({one.notification_id for one in hard})
    recipients = {(row.notification_id, normalise(row.recipient)) for row in connection.execute(_SENT, {"keys": ids})}
    limit = settings.email_options().bounces_until_marked
    marked = set()
    for one in hard:
        address = normalise(one.recipient)
        counts = (one.notification_id, address) in recipients
        if counts and add_bounce(connection, address, one.smtp_reply[:MAX_WORDS], now, limit):
            marked.add(_key(one))
    return marked


def entry_of(report: NotificationResult) -> Entry:
    return ENTRIES[report.outcome, report.reason]


def _outcome(report: NotificationResult) -> str:
    return "notification-failed" if report.outcome == "failed" else entry_of(report).kind


def _key(report: NotificationResult) -> str:
    if report.outcome == "failed":  # outbound's own; its mail id is that of the mail that caused the notification
        return f"failed/{report.notification_id}/{normalise(report.recipient)}"
    return f"report/{report.mail_id}"


def _journal_rows(concerned: Sequence[tuple[NotificationResult, Any]], now: datetime) -> Iterator[tuple[Any, ...]]:
    """The entry names the item's User: nobody performed an action. What failed at once, the ledger shows."""
    for report, item in concerned:
        if report.outcome == "failed":
            continue
        entry = entry_of(report)
        yield item.id, now, entry.kind, item.user_id, report.mail_id, report.reason, _text(report, entry)


def _text(report: NotificationResult, entry: Entry) -> str:
    status = f" (status {report.smtp_reply[:MAX_WORDS]})" if report.smtp_reply else ""
    return f"The notification to {report.recipient[:MAX_WORDS] or 'a recipient'} {entry.words}{status}."


def _marked_rows(
    concerned: Sequence[tuple[NotificationResult, Any]], marked: Collection[str], now: datetime
) -> Iterator[tuple[Any, ...]]:
    for report, item in concerned:
        if _key(report) in marked:
            text = f"Mails to {report.recipient} came back too often: nothing more is sent there ({report.smtp_reply})."
            yield item.id, now, "address-marked", item.user_id, report.mail_id, Reason.ADDRESS_MARKED, text
