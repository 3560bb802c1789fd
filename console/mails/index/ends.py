"""What a mail ended as, by all that is known of it. Pure; the order in which the topics told it makes no difference."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from console.mails.index.facts import Step
from schemas.topics import MAIL_FETCHED, MAIL_REJECTED, MAIL_RESOLVED

ON_THE_WAY = "on-the-way"
DEAD_LETTERED = "dead-lettered"
QUARANTINED = "quarantined"
DISCARDED = "discarded"
DUPLICATE = "duplicate"
NOTIFICATION_RESULT = "notification-result"
_ITEM_ENDS = ("call-logged", "item-updated", "item-closed", "item-reopened", "action-refused")
# Every end, in the order in which they are offered.
ENDS: tuple[str, ...] = (
    *_ITEM_ENDS,
    DUPLICATE,
    "rejected",
    QUARANTINED,
    DISCARDED,
    NOTIFICATION_RESULT,
    DEAD_LETTERED,
    ON_THE_WAY,
)
# The outcomes of steps that can decide an end; the others need not be looked at.
DECISIVE: tuple[str, ...] = (*_ITEM_ENDS, NOTIFICATION_RESULT, "rejected", QUARANTINED, DISCARDED, "released")
# A dead letter of these is an end of its mail.
_OF_MAILS = (MAIL_FETCHED.short, MAIL_RESOLVED.short)


@dataclass(frozen=True, slots=True)
class LetterState:
    """What counts of a dead letter: its state is open, replayed or discarded."""

    topic: str
    reason: str
    message: str
    state: str
    at: datetime


@dataclass(frozen=True, slots=True)
class LedgerEnd:
    """What the desk's ledger says of a mail. `reference` and `partition` are those of its item."""

    outcome: str
    reference: str | None
    partition: str | None


@dataclass(frozen=True, slots=True)
class End:
    outcome: str
    reason: str | None = None
    detail: str = ""
    reference: str | None = None
    partition: str | None = None


def end_of(steps: Sequence[Step], letters: Sequence[LetterState] = (), ledger: LedgerEnd | None = None) -> End:
    """The one end of a mail: what the desk did with it, else where it was stopped last, else that it is on its way."""
    event = next((step for step in steps if step.outcome in _ITEM_ENDS), None)
    if ledger is not None:
        reason = event.reason if event else None
        return End(ledger.outcome, reason, "", ledger.reference, ledger.partition)
    if event is not None:
        return End(event.outcome, event.reason, "", event.reference, event.partition)
    letter = next((one for one in letters if one.topic in _OF_MAILS and one.state == "open"), None)
    if letter is not None:
        return End(DEAD_LETTERED, letter.reason, letter.message)
    report = next((step for step in steps if step.outcome == NOTIFICATION_RESULT), None)
    if report is not None:
        return _as_told(report)
    # One sender's rejections lie in one partition, so that the highest offset is the last word.
    rejections = [step for step in steps if step.topic == MAIL_REJECTED.short]
    last = max(rejections, key=lambda step: step.topic_offset, default=None)
    if last is not None and last.outcome != "released":
        return _as_told(last)
    if any(one.topic in _OF_MAILS and one.state == DISCARDED for one in letters):
        return End(DISCARDED)
    return End(ON_THE_WAY, detail=last.detail if last else "")


def _as_told(step: Step) -> End:
    return End(step.outcome, step.reason, step.detail, step.reference, step.partition)
