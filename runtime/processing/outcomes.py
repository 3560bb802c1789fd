"""Outcomes: what a handler says of each record. Only the consumer around it acts on them."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from schemas.reasons import Reason
from schemas.topics import Topic
from schemas.wire import OutputRecord, Record, UndecodableError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ok:
    """Processed: publish the outputs, then the record is done."""

    outputs: tuple[OutputRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class Reject:
    """Processed, without effect downstream: publish the outputs (a `mail.rejected`) and count the reason."""

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
    """Never: the record goes to the topic's `.dlq` with this reason. `text` holds no content of the message.

    `outputs` notify the sender of the record, who then corrects it: such a record does not show that the stage is ill,
    and however many they are, they do not stop it.
    """

    reason: Reason
    text: str
    outputs: tuple[OutputRecord, ...] = ()


FinalOutcome = Ok | Reject | Retry | Dead


def _nothing_to_keep(_fallback: Retry) -> None: ...


@dataclass(frozen=True, slots=True)
class InFlight:
    """Begun: other records need not wait for it. Like `Retry` only for topics of the catalogue that are `deferred`.

    `work` ends in any way, and may be cancelled as long as it has not begun. `outcome` is called then; it raises what
    the work raised. `fallback` is the outcome where the record's partition is revoked earlier: it must be due after the
    work has ended for certain. `before_fallback` is called before that, for what must be durable by then.
    """

    work: "Future[Any]"
    outcome: Callable[[], FinalOutcome]
    fallback: Retry
    before_fallback: Callable[[Retry], None] = _nothing_to_keep


Outcome = FinalOutcome | InFlight


def with_outputs(outcome: FinalOutcome, more: tuple[OutputRecord, ...]) -> FinalOutcome:
    """The outcome with further outputs. A dead letter has only its own."""
    if isinstance(outcome, Dead) or not more:
        return outcome
    return replace(outcome, outputs=outcome.outputs + more)


def with_outputs_at_the_end(outcome: Outcome, more: tuple[OutputRecord, ...]) -> Outcome:
    """As `with_outputs`; for a record in flight, once its final outcome is there."""
    if isinstance(outcome, InFlight):
        in_flight = outcome
        return replace(in_flight, outcome=lambda: with_outputs(in_flight.outcome(), more))
    return with_outputs(outcome, more)


class Handler(Protocol):
    """The logic of one stage, the same under kafka-python and under Faust.

    `handle` gets a batch, each partition in its order, and returns one outcome per record, in the same order. Each of
    its own effects is durable when it returns, and idempotent: the same records may be redelivered. It raises
    `OutageError` to be called again later with the same batch; after any other exception it is called with the records
    one by one, and the record that still fails is a dead letter (`handler-failed`). The effects of an `InFlight` record
    are durable when its outcome is there.
    """

    stage: str
    topics: tuple[Topic, ...]

    def handle(self, records: Sequence[Record]) -> Sequence[Outcome]: ...


def decode_batch(
    records: Sequence[Record], decode: Callable[[Record], T]
) -> tuple[list[tuple[int, T]], list[FinalOutcome | None]]:
    """(index, decoded) of every record that can be decoded, and a list of outcomes as long as `records`.

    The list holds `Dead` where `decode` raised `UndecodableError`, and None where the caller has to put its outcome.
    """
    decoded: list[tuple[int, T]] = []
    outcomes: list[FinalOutcome | None] = [None] * len(records)
    for index, record in enumerate(records):
        try:
            decoded.append((index, decode(record)))
        except UndecodableError as error:
            outcomes[index] = Dead(error.reason, str(error))
    return decoded, outcomes
