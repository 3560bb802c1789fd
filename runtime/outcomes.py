"""What a step answers with. Only the shell (a consumer loop) acts on it."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any, Protocol

from schemas.reasons import EXPLANATIONS, Reason
from schemas.topics import Topic
from schemas.wire import OutputRecord, Record


@dataclass(frozen=True, slots=True)
class Ok:
    """Handled: publish the outputs, then the record is done."""

    outputs: tuple[OutputRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class Reject:
    """Handled, to no effect downstream: publish the outputs (a `mail.rejected`), count the reason; then it is done."""

    reason: Reason
    outputs: tuple[OutputRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class Retry:
    """Not now: defer the record to the topic's `.retry`. Only for topics of the catalogue that are `deferred`."""

    reason: Reason
    after_seconds: float
    outputs: tuple[OutputRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class Dead:
    """Never: the record goes to the topic's `.dlq` with this reason. `text` holds no content of the mail.

    `outputs` tell whoever asked that nothing came of it, so they mend it: such a record is no sign that the stage is
    ill, and many of them do not stop it.
    """

    reason: Reason
    text: str
    outputs: tuple[OutputRecord, ...] = ()


FinalOutcome = Ok | Reject | Retry | Dead


def _nothing_to_keep(_fallback: Retry) -> None: ...


@dataclass(frozen=True, slots=True)
class InFlight:
    """In hand: others need not wait for it. Like `Retry` only for topics of the catalogue that are `deferred`.

    `work` ends with whatever it ends with, and may be cancelled as long as it has not begun. `outcome` is asked for
    then: it raises what the work raised. `fallback` is done if the record has to be let go of before: it must be due
    after the work has ended for certain. `letting_go` is called before that, for what must be durable then.
    """

    work: "Future[Any]"
    outcome: Callable[[], FinalOutcome]
    fallback: Retry
    letting_go: Callable[[Retry], None] = _nothing_to_keep


Outcome = FinalOutcome | InFlight


def with_outputs(outcome: FinalOutcome, more: tuple[OutputRecord, ...]) -> FinalOutcome:
    """The outcome with further outputs. A dead letter has none but its own."""
    if isinstance(outcome, Dead) or not more:
        return outcome
    return replace(outcome, outputs=outcome.outputs + more)


def answer_with_outputs(answer: Outcome, more: tuple[OutputRecord, ...]) -> Outcome:
    """As `with_outputs`; of what is pending, once its outcome is there."""
    if isinstance(answer, InFlight):
        pending = answer
        return replace(pending, outcome=lambda: with_outputs(pending.outcome(), more))
    return with_outputs(answer, more)


class OutageError(Exception):
    """Trouble that every record would meet: broker, database or blob store away. The loop waits in place.

    `remedy`: what to do about it; that of the reason where the text says no more than the reason does.
    """

    def __init__(self, reason: Reason, text: str, remedy: str = "") -> None:
        super().__init__(text)
        self.reason = reason
        self.remedy = remedy or EXPLANATIONS[reason].remedy


class Handler(Protocol):
    """One stage's work, the same under kafka-python and under Faust.

    `handle` gets a batch in the order of each partition and answers with one outcome a record, in the same order. Every
    effect of its own is durable when it returns, and idempotent: the same records may come again. It raises
    `OutageError` to be called again with the same batch later; after any other exception the loop hands it the records
    one by one, and the record that still fails is a dead letter (`handler-failed`). Of a `InFlight` record the effects
    are durable when its outcome is there.
    """

    stage: str
    topics: tuple[Topic, ...]

    def handle(self, records: Sequence[Record]) -> Sequence[Outcome]: ...
