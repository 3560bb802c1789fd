"""Which notifications may be sent: nothing to a suppressed address, and not too many auto-replies.

Both are read here, within the batch's transaction, and written once the batch is (`write_withheld`).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, or_, select

from desk.bounced_addresses import bounced, forget
from desk.fast_writes import BulkInsert
from desk.prepared import Prepared
from desk.queries import any_of
from desk.tables import ENTERED, NUMBER, answers, persons
from logger.core.auto_replies import (
    FEWEST_UNAUTHENTICATED,
    HOUR,
    TEN_MINUTES,
    AllowedAutoReplies,
    AutoReply,
    AutoReplyCounts,
    auto_replies_of,
    limit,
)
from logger.core.commands import Decision, MailCommand
from logger.db.load import Loaded
from schemas.addresses import normalise
from schemas.events import NotificationRequested
from schemas.reasons import Reason
from schemas.settings.notification_rules import AutoReplyLimits
from schemas.snapshot import SettingsSnapshot

_SINCE = answers.c.at > bindparam("since", type_=answers.c.at.type)
_BEFORE = Prepared(select(answers).where(any_of(answers.c.address), or_(_SINCE, any_of(answers.c.item_id, "items"))))
_RECENT = Prepared(select(func.count().label("sent")).select_from(answers).where(_SINCE))
_ENTERED = Prepared(
    select(func.count().label("entered")).select_from(
        select(persons.c.id).where(ENTERED).limit(bindparam("most", type_=NUMBER)).subquery()
    )
)
_ROW = BulkInsert(answers, ("address", "item_id", "notification_id", "event", "at"))

Notifications = Mapping[str, Sequence[NotificationRequested]]  # by causation id


@dataclass(frozen=True, slots=True)
class Allowed:
    """`notifications`: those that may be sent; `auto_replies`: those of them that count for the next.

    `suppressed`: notifications to suppressed addresses, each with the number of its item. `restored`: addresses to take
    off the suppression list. `withheld`: how many notifications are not sent, and why.
    """

    notifications: Notifications
    auto_replies: Sequence[AutoReply]
    suppressed: Sequence[tuple[int, NotificationRequested]]
    restored: Collection[str]
    withheld: Mapping[Reason, int]


def allowed_notifications(
    connection: Connection,
    wanted: Notifications,
    decisions: Iterable[Decision],
    loaded: Loaded,
    settings: SettingsSnapshot,
    now: datetime,
) -> Allowed:
    """Suppressed addresses count only where `bounces_until_marked` says that they do."""
    items: dict[str, int] = {}
    authenticated: set[str] = set()
    known_good: set[str] = set()  # a message that nobody else can have sent shows that its sender's address is in use
    for decision in decisions:
        command = decision.command
        items[command.causation_id] = decision.item.number
        if decision.proof.sender:
            authenticated.add(command.causation_id)
        if isinstance(command, MailCommand) and command.trusted:
            known_good.add(normalise(command.mail.sender.address))
    options, asked_for = settings.email_options(), set(map(normalise, loaded.unsuppressed.values()))
    suppressed, restored = (
        _suppressed(connection, wanted, known_good | asked_for, loaded)
        if options.bounces_until_marked
        else (set(), set())
    )
    left = _without_suppressed(wanted, suppressed) if suppressed else wanted
    entries = [(items[id_], unsent) for id_, unsent in _to_addresses(wanted, suppressed)] if suppressed else []
    auto_replies = auto_replies_of(left, items, authenticated, settings)
    if not auto_replies:
        allowed = AllowedAutoReplies(left)
    else:
        before = _counts(connection, auto_replies.values(), options.answers, now)
        allowed = limit(left, auto_replies, before, options.answers)
    withheld = {**allowed.withheld, Reason.ADDRESS_MARKED: len(entries)} if entries else allowed.withheld
    return Allowed(allowed.notifications, allowed.auto_replies, entries, restored | asked_for, withheld)


def write_withheld(connection: Connection, allowed: Allowed, now: datetime) -> None:
    """What counts for the next batch: addresses taken off the suppression list, and the auto-replies of this one."""
    forget(connection, allowed.restored)
    rows = ((reply.address, reply.item, reply.notification_id, reply.event, now) for reply in allowed.auto_replies)
    _ROW.insert(connection, rows)


def _suppressed(
    connection: Connection, wanted: Notifications, known_good: set[str], loaded: Loaded
) -> tuple[set[str], set[str]]:
    """Which of the recipients' addresses are suppressed, and which of `known_good` had bounces."""
    recipients = {normalise(notification.recipient) for many in wanted.values() for notification in many}
    senders = {normalise(command.mail.sender.address) for command in loaded.mails}
    others = bounced(connection, (recipients | known_good) - senders)
    found = {**loaded.bounced, **{address: state.marked_at is not None for address, state in others.items()}}
    restored = found.keys() & known_good
    return {address for address, suppressed in found.items() if suppressed} - restored, restored


def _to_addresses(wanted: Notifications, addresses: Collection[str]) -> Iterator[tuple[str, NotificationRequested]]:
    for causation_id, many in wanted.items():
        yield from (
            (causation_id, notification) for notification in many if normalise(notification.recipient) in addresses
        )


def _without_suppressed(wanted: Notifications, suppressed: Collection[str]) -> Notifications:
    return {
        causation_id: [notification for notification in many if normalise(notification.recipient) not in suppressed]
        for causation_id, many in wanted.items()
    }


def _counts(
    connection: Connection, replies: Collection[AutoReply], limits: AutoReplyLimits, now: datetime
) -> AutoReplyCounts:
    counts = AutoReplyCounts()
    hour_ago, items = now - HOUR, sorted({reply.item for reply in replies})
    keys = sorted({reply.address for reply in replies})
    for row in _BEFORE.rows(connection, keys=keys, items=items, since=hour_ago):
        counts.about[row.address, row.item_id, row.event] += 1
        counts.within_hour[row.address] += row.at > hour_ago
    if limits.all_in_ten_minutes:
        counts.in_ten_minutes = _RECENT.rows(connection, since=now - TEN_MINUTES)[0].sent
    if limits.unproved_in_hour != 0 and not all(reply.authenticated for reply in replies):
        counts.in_hour = _RECENT.rows(connection, since=hour_ago)[0].sent
        if limits.unproved_in_hour is None and counts.in_hour + len(replies) > FEWEST_UNAUTHENTICATED:
            # No more than can matter to this batch: a large desk is not counted to its end.
            counts.persons = _ENTERED.rows(connection, most=counts.in_hour + len(replies))[0].entered
    return counts
