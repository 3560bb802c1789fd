"""What is news about our notifications, into the journal of their item; addresses that bounce get suppressed."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from desk.bounced_addresses import add_bounce
from desk.fast_writes import BulkInsert
from desk.queries import any_of
from desk.tables import deliveries, handled, items, journal, message_ids
from logger.core.reports import (
    MAX_WORDS,
    ItemOfNotification,
    Report,
    is_hard,
    is_renamed,
    journal_rows,
    news_of,
    report_of,
    suppressed_rows,
)
from logger.db.thread_index import learn_aliases
from schemas.addresses import normalise
from schemas.events import NotificationResult
from schemas.snapshot import SettingsSnapshot

_HANDLED = select(handled.c.key).where(any_of(handled.c.key))
_ITEMS = (
    select(message_ids.c.message_id, items.c.id, items.c.user_id)
    .join_from(message_ids, items, items.c.id == message_ids.c.item_id)
    .where(any_of(message_ids.c.message_id))
)
_SENT = select(deliveries.c.notification_id, deliveries.c.recipient).where(any_of(deliveries.c.notification_id))
_JOURNAL_ROW = BulkInsert(journal, ("item_id", "at", "kind", "person_id", "mail_id", "reason", "text"))
_HANDLED_ROW = BulkInsert(handled, ("key", "outcome", "item_id", "handled_at"))


def apply_reports(
    connection: Connection, results: Sequence[NotificationResult], settings: SettingsSnapshot, now: datetime
) -> None:
    """New Message-IDs into the thread index, news into the journal. Applying them again changes nothing."""
    learn_aliases(connection, [result for result in results if is_renamed(result)])
    reports = _reports(connection, [result for result in results if not is_renamed(result)])
    if not reports:
        return
    keys = sorted({key for report in reports for key in report.known_by})
    news = news_of(reports, connection.execute(_HANDLED, {"keys": keys}).scalars())
    suppressed = _count_bounces(connection, news, settings, now)
    _JOURNAL_ROW.insert(connection, journal_rows(news, now))
    _JOURNAL_ROW.insert(connection, suppressed_rows(suppressed, now))
    _HANDLED_ROW.insert(connection, ((report.key, report.outcome, report.item.number, now) for report in news))


def _reports(connection: Connection, results: Sequence[NotificationResult]) -> list[Report]:
    """Of notifications that the desk knows."""
    if not results:
        return []
    ids = {"keys": sorted({result.notification_id for result in results})}
    items_of = {row.message_id: ItemOfNotification(row.id, row.user_id) for row in connection.execute(_ITEMS, ids)}
    sent = {(row.notification_id, normalise(row.recipient)) for row in connection.execute(_SENT, ids)}
    return [
        report_of(result, items_of[result.notification_id], sent)
        for result in results
        if result.notification_id in items_of
    ]


def _count_bounces(
    connection: Connection, news: Sequence[Report], settings: SettingsSnapshot, now: datetime
) -> list[Report]:
    """Counts the hard bounces; returns those by which their address is suppressed.

    An address counts only where the delivery ledger has it as a recipient: nobody can suppress one by a forged report.
    """
    limit = settings.email_options().bounces_until_marked
    return [
        report
        for report in news
        if report.address
        and is_hard(report.result)
        and add_bounce(connection, report.address, report.result.smtp_reply[:MAX_WORDS], now, limit)
    ]
