"""The answers that the desk has sent by itself, as its table `answers` has them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, or_, select

from desk.any_of import any_of
from desk.bulk import BulkInsert
from desk.tables import answers, persons
from logger.answers import (
    FEWEST_UNPROVED,
    HOUR,
    TEN_MINUTES,
    Answer,
    Answered,
    Limited,
    addresses,
    answers_in,
    limit,
    unlimited,
)
from schemas.events import NotificationRequested
from schemas.ids import MADE_BY_MAIL
from schemas.notification_rules import AutoReplyLimits
from schemas.snapshot import SettingsSnapshot

_SINCE = answers.c.at > bindparam("since", type_=answers.c.at.type)
_BEFORE = select(answers).where(any_of(answers.c.address), or_(_SINCE, any_of(answers.c.item_id, "items")))
_RECENT = select(func.count()).select_from(answers).where(_SINCE)
_ENTERED = select(func.count()).select_from(persons).where(persons.c.id.not_like(f"{MADE_BY_MAIL}%"))
_ROW = BulkInsert(answers, ("address", "item_id", "notification_id", "event", "at"))


def limit_answers(
    connection: Connection,
    told: Mapping[str, Sequence[NotificationRequested]],
    items: Mapping[str, int],
    proved: Collection[str],
    settings: SettingsSnapshot,
    now: datetime,
) -> Limited:
    """Within the batch's transaction: what of the notifications may be sent, and noted for the next. By mail id.

    `proved`: ids of the mails whose senders are.
    """
    limits = settings.email_options().answers
    asked = {} if unlimited(limits) else answers_in(told, items, proved, settings)
    if not asked:
        return Limited(told, (), {})
    before = _answered(connection, asked.values(), limits, now)
    limited = limit(told, asked, before, limits)
    _ROW.insert(connection, ((one.address, one.item, one.notification_id, one.event, now) for one in limited.answers))
    return limited


def _answered(connection: Connection, asked: Collection[Answer], limits: AutoReplyLimits, now: datetime) -> Answered:
    found = Answered()
    hour_ago, items = now - HOUR, sorted({one.item for one in asked})
    for row in connection.execute(_BEFORE, {"keys": addresses(asked), "items": items, "since": hour_ago}):
        found.about[row.address, row.item_id, row.event] += 1
        found.within_hour[row.address] += row.at > hour_ago
    if limits.all_in_ten_minutes:
        found.in_ten_minutes = connection.execute(_RECENT, {"since": now - TEN_MINUTES}).scalar_one()
    if limits.unproved_in_hour != 0 and not all(one.proved for one in asked):
        found.in_hour = connection.execute(_RECENT, {"since": hour_ago}).scalar_one()
        if limits.unproved_in_hour is None and found.in_hour + len(asked) > FEWEST_UNPROVED:
            found.persons = connection.execute(_ENTERED).scalar_one()
    return found
