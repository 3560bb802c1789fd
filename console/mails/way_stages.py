"""The stages of a mail's way: what each record of it tells, in order, with the time between them. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from console.audit.dead_letters import DeadLetter
from console.mails.index.facts import Step
from schemas.resolved_mail import RejectedMail, ResolvedMail
from schemas.topics import (
    BY_SHORT_NAME,
    CALL_EVENTS,
    MAIL_FETCHED,
    MAIL_REJECTED,
    MAIL_RESOLVED,
    NOTIFICATION_REQUESTED,
    NOTIFICATION_RESULTS,
)
from schemas.wire import EventAttributes, Record, UndecodableError, decode

# What the detail of a step is, by its outcome.
_DETAILS: Mapping[str, str] = {
    "fetched": "Mailbox",
    "fetched-again": "Why",
    "notified": "Event and recipient",
    "notification-result": "Report",
    "released": "Released",
    "discarded": "Discarded",
    **dict.fromkeys(("sent", "deferred", "failed", "bounced"), "Recipient and reply"),
}
# The order of what happened at one moment, and of what two machines' clocks put into another order.
_RANKS: Mapping[str, int] = {
    topic.short: rank
    for rank, topic in enumerate(
        (MAIL_FETCHED, MAIL_RESOLVED, MAIL_REJECTED, CALL_EVENTS, NOTIFICATION_REQUESTED, NOTIFICATION_RESULTS)
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage. `topic` is short, and empty of what is on no topic; `seconds`: since the record before it.

    `outcome` and `reason` are words of the pipeline; `details` are name and value, of the mail's own words too.
    `letter`: the dead letter that this is. `gone`: its topic has let the record go.
    """

    name: str
    outcome: str
    at: datetime
    reason: str = ""
    details: tuple[tuple[str, str], ...] = ()
    topic: str = ""
    partition: int = 0
    offset: int = 0
    seconds: float | None = None
    gone: bool = False
    letter: DeadLetter | None = None


def stages_of(step: Step, record: Record | None) -> list[Stage]:
    """What one record of the way tells; `record` None: it is gone, or tells no more than the index."""
    make = _STAGES[step.topic]
    here = Stage(
        name="",
        outcome=step.outcome,
        at=step.at,
        reason=step.reason or "",
        details=_some((_DETAILS.get(step.outcome, "Detail"), step.detail)),
        topic=step.topic,
        partition=step.topic_partition,
        offset=step.topic_offset,
    )
    if step.topic not in TOLD_BY_RECORD:
        return list(make(here, step, None))
    try:
        told = None if record is None else decode(BY_SHORT_NAME[step.topic], record)
    except UndecodableError:
        told = None
    return list(make(here, step, told))


def timed(stages: Sequence[Stage]) -> tuple[Stage, ...]:
    """In their order, each with the seconds since the record before it; several that one record tells have one time."""
    ordered = sorted(stages, key=lambda stage: (stage.at, _RANKS.get(stage.topic, len(_RANKS))))
    done: list[Stage] = []
    for stage in ordered:
        is_next = bool(done) and _record(done[-1]) != _record(stage)
        done.append(replace(stage, seconds=(stage.at - done[-1].at).total_seconds() if is_next else None))
    return tuple(done)


Told = tuple[EventAttributes, Any] | None


def _fetched(here: Stage, step: Step, _told: Told) -> Iterator[Stage]:
    again = step.outcome == "fetched-again"
    yield replace(here, name="Sent on once more" if again else "Fetched")


def _resolved(here: Stage, _step: Step, told: Told) -> Iterator[Stage]:
    if told is None:
        yield replace(here, name="Resolved")
        return
    mail: ResolvedMail = told[1]
    defects = ", ".join(mail.defects)
    yield replace(here, name="Read", outcome="read", details=(("Defects", defects),) if defects else ())
    yield replace(here, name="Screened", outcome="a person's", details=())
    sender = mail.sender
    found = mail.conversation
    yield replace(
        here,
        name="Resolved",
        outcome=mail.wanted,
        details=_some(
            ("User", sender.person_id),
            ("Logging Analyst", sender.logging_analyst),
            ("Why", sender.reason),
            ("Proof of sender", mail.trust),
            ("Released", "an administrator let it through" if mail.released else ""),
            ("Call template", mail.call_template),
            ("Items that it names", ", ".join((*found.tokens, *found.item_references))),
            ("Answers our notification", ", ".join(found.own_message_ids)),
            ("Forged or expired tokens", ", ".join(found.doubtful)),
            ("Automatic answer", "may be sent" if mail.answerable else "none is sent"),
        ),
    )


def _rejected(here: Stage, step: Step, told: Told) -> Iterator[Stage]:
    names = {"released": "Released", "discarded": "Discarded"}
    if step.outcome in names or told is None:
        yield replace(here, name=names.get(step.outcome, "Screened"))
        return
    mail: RejectedMail = told[1]
    by_logger = told[0].source == "/mailcall/logger"
    details = _some(("Evidence", mail.evidence))
    if not by_logger:
        yield replace(here, name="Read", outcome="read", reason="", details=())
    yield replace(here, name="Logged" if by_logger else "Screened", details=details)


def _event(here: Stage, step: Step, _told: Told) -> Iterator[Stage]:
    details = _some(("Event", step.detail), ("Item", step.reference or ""), ("Partition", step.partition or ""))
    yield replace(here, name="Logged", details=details)


def _notification(here: Stage, _step: Step, _told: Told) -> Iterator[Stage]:
    yield replace(here, name="Notified", outcome="asked for")


def _result(here: Stage, step: Step, _told: Told) -> Iterator[Stage]:
    yield replace(here, name="Screened" if step.outcome == "notification-result" else "Sent")


_STAGES: Mapping[str, Callable[[Stage, Step, Told], Iterator[Stage]]] = {
    MAIL_FETCHED.short: _fetched,
    MAIL_RESOLVED.short: _resolved,
    MAIL_REJECTED.short: _rejected,
    CALL_EVENTS.short: _event,
    NOTIFICATION_REQUESTED.short: _notification,
    NOTIFICATION_RESULTS.short: _result,
}
TOLD_BY_RECORD = (MAIL_RESOLVED.short, MAIL_REJECTED.short)


def stage_of_letter(letter: DeadLetter, at: datetime) -> Stage:
    partition, offset = letter.place
    return Stage(
        name="Dead letter",
        outcome=letter.state,
        at=at,
        reason=letter.reason,
        details=_some(("Stage", letter.stage), ("Message", letter.message)),
        topic=f"{letter.topic}.dlq",
        partition=partition,
        offset=offset,
        letter=letter,
    )


def _record(stage: Stage) -> tuple[str, int, int]:
    return stage.topic, stage.partition, stage.offset


def _some(*pairs: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in pairs if value)
