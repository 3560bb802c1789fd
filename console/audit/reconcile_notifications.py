"""Proof that every notification is accounted for: it ended for each of its recipients, or waits.

As with mails (`reconcile.py`) `status_of` is pure, and `gather` reads positions first, then dead letters, topics and
ledger: what outbound has passed shows its effect by then.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from console.audit.dead_letters import dead_letters
from console.topics.progress import Seen, StageOffsets, counted, ignore, read_stage_offsets
from desk.delivery_list import attempts
from desk.engine import open_desk, read_transaction
from runtime.config import ProcessConfig
from runtime.kafka.topic_reader import read_to_end
from schemas.addresses import normalise
from schemas.events import NotificationRequested, NotificationResult
from schemas.topics import NOTIFICATION_REQUESTED
from schemas.wire import Record, UndecodableError, decode

SENT, FAILED, DEAD_LETTERED = "sent", "failed", "dead-lettered"
DEFERRED, ON_THE_WAY, MISSING, DOUBLE = "deferred", "on-the-way", "missing", "double"
# Every way that a notification can stand, in the order in which the balance is shown.
STATUSES = (SENT, FAILED, DEAD_LETTERED, DEFERRED, ON_THE_WAY, MISSING, DOUBLE)
_STAGE = "outbound"


@dataclass(frozen=True, slots=True)
class RequestedNotification:
    """What was asked for, without its text. `recipients`: each once, normalised.

    A record that no reader understands has only an id, which is its place, `partition/offset`.
    """

    notification_id: str
    requested_at: datetime | None = None
    recipient: str = ""
    recipients: frozenset[str] = frozenset()
    event: str = ""
    reference: str | None = None
    mail_id: str | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class ReconcileInput:
    """What is known of the notifications that `notification.requested` and its `.retry` still hold, each by its id.

    `places`: where a notification's records lie: (full name of the topic, partition, offset). `retry`: full name of the
    topic of those that were deferred. `positions`: how far outbound has come. `dead`: reasons of dead letters.
    """

    asked: Mapping[str, RequestedNotification]
    places: Mapping[str, tuple[tuple[str, int, int], ...]]
    positions: StageOffsets
    retry: str
    attempts: Mapping[str, tuple[NotificationResult, ...]] = field(default_factory=dict)
    dead: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NotificationStatus:
    """How one notification stands: one of `STATUSES`."""

    asked: RequestedNotification
    status: str
    detail: str


@dataclass(frozen=True, slots=True)
class NotificationReconciliation:
    """The account. Balanced when no notification is missing and none was sent twice."""

    records: int
    statuses: tuple[NotificationStatus, ...]
    outcomes: Mapping[str, int]

    @property
    def wrong(self) -> tuple[NotificationStatus, ...]:
        return tuple(status for status in self.statuses if status.status in (MISSING, DOUBLE))

    @property
    def balanced(self) -> bool:
        return not self.wrong


def reconcile_notifications(config: ProcessConfig, seen: Seen = ignore) -> NotificationReconciliation:
    """The balance at this moment. Raises `OutageError`, `TopicMissingError`."""
    return balance(gather(config, seen))


def balance(facts: ReconcileInput) -> NotificationReconciliation:
    """Each notification with its one status."""
    statuses = tuple(status_of(asked, facts) for asked in facts.asked.values())
    counts = Counter(one.status for one in statuses)
    records = sum(topic != facts.retry for places in facts.places.values() for topic, _, _ in places)
    return NotificationReconciliation(records, statuses, {status: counts[status] for status in STATUSES})


def status_of(asked: RequestedNotification, facts: ReconcileInput) -> NotificationStatus:
    """Final results decide, then where a record of it waits, then a dead letter."""
    known = facts.attempts.get(asked.notification_id, ())
    final = [one for one in known if one.outcome != "deferred"]
    times = Counter(normalise(one.recipient) for one in final)
    twice = [recipient for recipient, count in times.items() if count > 1]
    if twice:
        return NotificationStatus(asked, DOUBLE, f"ended more than once for {', '.join(twice)}")
    if asked.recipients and asked.recipients <= times.keys():
        return _ended(asked, final)
    waiting = {
        topic
        for topic, partition, offset in facts.places.get(asked.notification_id, ())
        if offset >= facts.positions.get((topic, partition), 0)
    }
    if facts.retry in waiting:
        return NotificationStatus(asked, DEFERRED, _last(known))
    if waiting:
        return NotificationStatus(asked, ON_THE_WAY, f"waits for {_STAGE}")
    if asked.notification_id in facts.dead:
        return NotificationStatus(asked, DEAD_LETTERED, facts.dead[asked.notification_id])
    return NotificationStatus(asked, MISSING, f"{_STAGE} has passed it, and no end is known")


def gather(config: ProcessConfig, seen: Seen = ignore) -> ReconcileInput:
    """What topics and ledger say now. Raises `OutageError`, `TopicMissingError`."""
    prefix = config.topic_prefix
    name, retry = NOTIFICATION_REQUESTED.name(prefix), NOTIFICATION_REQUESTED.retry(prefix)
    positions = read_stage_offsets(config, _STAGE)
    letters = [one for one in dead_letters(config, (NOTIFICATION_REQUESTED,)) if one.replayed_at is None]
    asked: dict[str, RequestedNotification] = {}
    places: defaultdict[str, list[tuple[str, int, int]]] = defaultdict(list)
    ids_at: dict[tuple[int, int], str] = {}
    for record in counted(read_to_end(config, [name, retry]), seen):
        one = _asked(record)
        places[one.notification_id].append((record.topic, record.partition, record.offset))
        asked[one.notification_id] = _with_recipients_of(asked.get(one.notification_id), one)
        if record.topic == name:
            ids_at[record.partition, record.offset] = one.notification_id
    dead = {ids_at[one.original]: one.reason for one in letters if one.original in ids_at}
    return ReconcileInput(
        asked,
        {id_: tuple(found) for id_, found in places.items()},
        positions,
        retry,
        read_attempts(config, list(asked)),
        dead,
    )


def read_attempts(config: ProcessConfig, notification_ids: list[str]) -> dict[str, tuple[NotificationResult, ...]]:
    """By notification, every attempt to send it."""
    found: defaultdict[str, list[NotificationResult]] = defaultdict(list)
    engine = open_desk(config.desk_url)
    try:
        with read_transaction(engine) as connection:
            for one in attempts(connection, notification_ids):
                found[one.notification_id].append(one)
    finally:
        engine.dispose()
    return {id_: tuple(results) for id_, results in found.items()}


def summary(balance: NotificationReconciliation, each: Iterable[NotificationStatus] = ()) -> dict[str, object]:
    """The balance as plain data: what `mailcall reconcile --json` prints of notifications."""
    return {
        "balanced": balance.balanced,
        "notifications": len(balance.statuses),
        "records": balance.records,
        "outcomes": dict(balance.outcomes),
        "wrong": [_plain(status) for status in balance.wrong],
        "each": [_plain(status) for status in each],
    }


def _plain(status: NotificationStatus) -> dict[str, str]:
    return {"notification_id": status.asked.notification_id, "status": status.status, "detail": status.detail}


def _ended(asked: RequestedNotification, final: list[NotificationResult]) -> NotificationStatus:
    failed = [one for one in final if one.outcome == "failed"]
    if not failed:
        return NotificationStatus(asked, SENT, "")
    reasons = ", ".join(sorted({str(one.reason) for one in failed if one.reason}))
    some = f" for {len(failed)} of {len(final)}" if len(failed) < len(final) else ""
    return NotificationStatus(asked, FAILED, f"{reasons}{some}")


def _last(known: Iterable[NotificationResult]) -> str:
    """Why it was deferred. One that no server was chosen for yet has no attempt."""
    deferred = [one for one in known if one.outcome == "deferred"]
    return f"{deferred[-1].reason}, after attempt {deferred[-1].attempt}" if deferred else "not yet tried"


def _asked(record: Record) -> RequestedNotification:
    try:
        context, request = decode(NOTIFICATION_REQUESTED, record)
    except UndecodableError:
        return RequestedNotification(f"{record.partition}/{record.offset}")
    assert isinstance(request, NotificationRequested)
    return RequestedNotification(
        request.notification_id,
        request.requested_at,
        request.recipient,
        frozenset(map(normalise, (request.recipient, *request.cc, *request.bcc))),
        request.event,
        request.reference,
        request.mail_id,
        context.source,
    )


def _with_recipients_of(known: RequestedNotification | None, again: RequestedNotification) -> RequestedNotification:
    """One id is one notification; who only stands in a later record of it is sent it, too."""
    if known is None or again.recipients <= known.recipients:
        return known or again
    return replace(known, recipients=known.recipients | again.recipients)
