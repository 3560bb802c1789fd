"""Sending failed notifications again, one recipient at a time.

Each becomes a notification of its own, whose id is derived from the failed one and the recipient: asked for twice, it
is sent once, by outbound's ledger. The record says what it repeats, and by whose wish (`AGAIN`, `AGAIN_BY`).
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from console.errors import Problem, Remedy, UserError
from console.mails.index.records import MailRecords
from desk.bounced_addresses import bounced
from desk.delivery_list import attempts
from desk.engine import read_transaction
from runtime.kafka.producer import Publisher
from runtime.kafka.topic_reader import read_between
from schemas import ids
from schemas.addresses import normalise
from schemas.events import NotificationRequested, NotificationResult
from schemas.reasons import Reason
from schemas.topics import NOTIFICATION_REQUESTED
from schemas.wire import EventAttributes, OutputRecord, Record, UndecodableError, decode, encode

SOURCE = "/mailcall/console"
AGAIN, AGAIN_BY = "again", "againby"  # CloudEvents attributes: the notification that is repeated, and who wants it
LOOK_BACK = timedelta(days=1)  # before its first attempt: what no mail caused is in no index, and is looked for there
_MARGIN = timedelta(minutes=1)  # between the clocks of who asks and who sends
_REFUSAL = re.compile(r"[45][0-9]{2} ")  # RFC 5321, section 4.2.1: what the server says so, it has not taken
_UNSETTLED = (Reason.SERVER_UNREACHABLE, Reason.RETRIES_EXHAUSTED)

Key = tuple[str, str]  # a notification's id and the recipient, as the ledger has both


@dataclass(frozen=True, slots=True)
class SentAgain:
    """`notification_id`: of the new one; `repeats`: of the one that failed."""

    notification_id: str
    repeats: str
    recipient: str


def again_id(key: Key) -> str:
    """Id of the notification that repeats a failed one."""
    notification_id, recipient = key
    return ids.notification_id(notification_id, AGAIN, normalise(recipient))


def may_have_arrived(tried: Iterable[NotificationResult]) -> bool:
    """Whether a server may have taken it in one of these attempts: the connection broke, and nobody knows when."""
    return any(
        one.server_id is not None and one.reason in _UNSETTLED and not _REFUSAL.match(one.smtp_reply)
        for one in tried
        if one.outcome in ("deferred", "failed")
    )


def attempts_of(connection: Connection, keys: Collection[Key]) -> dict[Key, list[NotificationResult]]:
    """By key every attempt, the last one last."""
    found: dict[Key, list[NotificationResult]] = {}
    wanted = {(id_, normalise(recipient)): (id_, recipient) for id_, recipient in keys}
    for one in attempts(connection, sorted({id_ for id_, _ in keys})):
        key = wanted.get((one.notification_id, normalise(one.recipient)))
        if key is not None:
            found.setdefault(key, []).append(one)
    return found


def sent_again(connection: Connection, keys: Collection[Key]) -> dict[Key, str]:
    """Those of these that were sent again, each with how that stands: the outcome of its last attempt."""
    of_new = {again_id(key): key for key in keys}
    return {of_new[one.notification_id]: one.outcome for one in attempts(connection, sorted(of_new))}


def failed_recipients(connection: Connection, notification_id: str) -> list[str]:
    """To whom a notification could not be sent, or from whom it came back."""
    last = {one.recipient: one.outcome for one in attempts(connection, [notification_id])}
    return [recipient for recipient, outcome in last.items() if outcome in ("failed", "bounced")]


def send_again(
    records: MailRecords,
    publisher: Publisher,
    keys: Collection[Key],
    who: str,
    now: datetime,
    *,
    although_doubtful: bool = False,
) -> list[SentAgain]:
    """Asks outbound for all of them, or for none. `although_doubtful`: those as well that may have arrived.

    Raises `UserError` with all that is in the way, `OutageError`, `TopicMissingError`.
    """
    keys = list(dict.fromkeys(keys))
    with read_transaction(records.engine) as connection:
        tried, again = attempts_of(connection, keys), sent_again(connection, keys)
        marks = bounced(connection, {normalise(recipient) for _, recipient in keys})
    marked = {address for address, one in marks.items() if one.marked_at is not None}
    problems = [
        problem
        for key in keys
        if (problem := _problem(key, tried.get(key, ()), again.get(key), marked, although_doubtful))
    ]
    if problems:
        raise UserError.of(problems)
    found = _requests(records, tried)
    lost = [key for key in keys if key not in found]
    if lost:
        raise UserError.of(
            Problem(
                f"what {recipient} was to be told (notification {id_}) is no longer kept on notification.requested",
                "tell them in another way",
            )
            for id_, recipient in lost
        )
    publisher.publish([_repeated(key, *found[key], tried[key], who, now) for key in keys])
    return [SentAgain(again_id(key), *key) for key in keys]


def _problem(
    key: Key, tried: Sequence[NotificationResult], again: str | None, marked: Collection[str], although_doubtful: bool
) -> Problem | None:
    id_, recipient = key
    what = f"notification {id_} to {recipient}"
    if not tried:
        return Problem(f"there is no attempt of {what}", Remedy.FIND_NOTIFICATION)
    if tried[-1].outcome not in ("failed", "bounced"):
        return Problem(f"{what} has not failed: it is {tried[-1].outcome}", "nothing has to be done")
    if again is not None:
        return Problem(f"{what} was sent again already: that one is {again}", "where that failed, send that one again")
    if normalise(recipient) in marked:
        return Problem(
            f"nothing is sent to {recipient}: mails came back from there", "correct the address, or take its mark off"
        )
    if may_have_arrived(tried) and not although_doubtful:
        return Problem(f"{what} may have arrived: no server said that it did not take it", Remedy.MAY_ARRIVE_TWICE)
    return None


_Found = Mapping[Key, tuple[EventAttributes, NotificationRequested]]


def _requests(records: MailRecords, tried: Mapping[Key, Sequence[NotificationResult]]) -> _Found:
    """By key the record that asked for it, with what it says beside it."""
    of_mails = {one.mail_id for results in tried.values() for one in results if one.mail_id}
    found = dict(_matching(records.of(NOTIFICATION_REQUESTED, of_mails), tried))
    left = [results[0].at for key, results in tried.items() if key not in found]
    if left:
        name = NOTIFICATION_REQUESTED.name(records.config.topic_prefix)
        since, until = min(left) - LOOK_BACK, max(left) + _MARGIN
        found |= _matching(read_between(records.config, [name], _ms(since), _ms(until)), tried)
    return found


def _matching(
    records: Iterable[Record], keys: Collection[Key]
) -> Iterable[tuple[Key, tuple[EventAttributes, NotificationRequested]]]:
    wanted: dict[str, list[Key]] = {}
    for key in keys:
        wanted.setdefault(key[0], []).append(key)
    named = [id_.encode() for id_ in wanted]
    for record in records:
        if not any(id_ in (record.value or b"") for id_ in named):
            continue  # reading the value takes far longer than looking into it
        try:
            context, request = decode(NOTIFICATION_REQUESTED, record)
        except UndecodableError:
            continue
        assert isinstance(request, NotificationRequested)
        told = {normalise(one) for one in (request.recipient, *request.cc, *request.bcc)}
        yield from (
            (key, (context, request)) for key in wanted.get(request.notification_id, ()) if normalise(key[1]) in told
        )


def _repeated(
    key: Key,
    context: EventAttributes,
    request: NotificationRequested,
    tried: Sequence[NotificationResult],
    who: str,
    now: datetime,
) -> OutputRecord:
    """For this recipient alone. It refers to the mail that failed, so that an answer finds the same item."""
    earlier = tuple(dict.fromkeys(one.message_id for one in tried if one.message_id))
    repeated = request.model_copy(
        update={
            "notification_id": again_id(key),
            "recipient": key[1],
            "recipient_name": request.recipient_name if normalise(request.recipient) == normalise(key[1]) else "",
            "cc": (),
            "bcc": (),
            "references": (*request.references, *earlier),
            "requested_at": now,
        }
    )
    return encode(
        NOTIFICATION_REQUESTED,
        repeated.recipient,
        repeated,
        id=repeated.notification_id,
        source=SOURCE,
        time=now,
        traceparent=context.traceparent,
        extensions={AGAIN: key[0], AGAIN_BY: who},
    )


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
