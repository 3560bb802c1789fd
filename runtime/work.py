"""What the worker thread of the consumer loop does with one batch: decide, publish, count."""

import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, replace
from typing import Protocol

from runtime.dead_letters import without_value
from runtime.deferral import as_original, is_due, requeue
from runtime.health import Health
from runtime.outcomes import Dead, FinalOutcome, InFlight, OutageError, Outcome
from runtime.outgoing import ProducerRecord
from runtime.publisher import UnpublishableError
from runtime.stage import HandlerRunner, word
from runtime.traces import Span, current
from runtime.waiting import Outage, retry_until_available
from schemas.reasons import Reason
from schemas.wire import Record


class SupportsPublish(Protocol):
    def publish(self, messages: Sequence[ProducerRecord]) -> None:
        """Returns when all are acknowledged. Raises `OutageError`, `UnpublishableError`."""


SOON = 1.0  # seconds until work that had not begun is taken up by whoever has its partition then


@dataclass(frozen=True, slots=True)
class Taken:
    """A record as it was read, as the handler gets it, and the span that ends when it is done."""

    raw: Record
    record: Record
    span: Span


@dataclass(frozen=True, slots=True)
class InFlightRecord:
    """A record that is in hand."""

    taken: Taken
    pending: InFlight

    @property
    def raw(self) -> Record:
        return self.taken.raw

    @property
    def record(self) -> Record:
        return self.taken.record


class BatchRunner:
    """`retry_topics`: name of each `.retry` topic -> name of the topic that its records belong to."""

    def __init__(
        self, stage: HandlerRunner, publisher: SupportsPublish, retry_topics: Mapping[str, str], health: Health
    ) -> None:
        self._stage = stage
        self._publisher = publisher
        self._retry_topics = retry_topics
        self._health = health
        self._outage = Outage(stage.name, health)
        self._give_up = threading.Event()
        self._waiting = threading.Event()
        self._traces = current()

    @property
    def waiting(self) -> bool:
        """True while an outage is waited out."""
        return self._waiting.is_set()

    def give_up(self) -> None:
        """Ends the wait for an outage, now or as soon as there is one: the batch raises `Stopped`."""
        self._give_up.set()

    def do(self, batch: Sequence[Record]) -> list[InFlightRecord]:
        """Returns when all is durable but for those that are pending, which it returns.

        Raises `Stopped` when given up, `StopProcess` at the dead-letter limit.
        """
        self._give_up.clear()
        started = time.monotonic()
        raw, originals = self._due(batch)
        traced = self._traces.process(self._stage.name, originals)
        records = traced.records
        answers = (
            retry_until_available(lambda: self._stage.decide(records), self._outage, self._wait) if records else []
        )
        pended = self._conclude(list(map(Taken, raw, records, traced.spans)), answers)
        traced.end()
        self._stage.measure(len(records), time.monotonic() - started)
        return pended

    def settle(self, pended: Sequence[InFlightRecord]) -> list[InFlightRecord]:
        """Like `do`, for records whose work is done."""
        self._give_up.clear()
        answers = [self._answer(one) for one in pended]
        return self._conclude([one.taken for one in pended], answers)

    def let_go(self, pended: Sequence[InFlightRecord]) -> None:
        """Publishes what became of these, or their fall-backs. Raises `OutageError`, `UnpublishableError`."""
        outcomes = [self._last_outcome(one) for one in pended]
        outgoing = [self._stage.outgoing(one.record, outcome) for one, outcome in zip(pended, outcomes, strict=True)]
        self._publisher.publish([message for messages in outgoing for message in messages])
        self._stage.count([one.record for one in pended], outcomes)
        _end([one.taken.span for one in pended], outcomes)

    def _last_outcome(self, pended: InFlightRecord) -> FinalOutcome:
        """Raises `OutageError`."""
        pending = pended.pending
        fallback = pending.fallback
        if pending.work.cancelled():
            fallback = replace(fallback, after_seconds=SOON)
        elif pending.work.done():
            try:
                return self._stage.outcome(pended.record, pending)
            except OutageError:
                pass
        pending.letting_go(fallback)
        return fallback

    def _answer(self, pended: InFlightRecord) -> Outcome:
        """The outcome, or what is answered once trouble has passed that kept it from being had."""
        try:
            return self._stage.outcome(pended.record, pended.pending)
        except (OutageError, CancelledError):  # cancelled: by another record that had the same work in hand
            return retry_until_available(lambda: self._stage.decide([pended.record])[0], self._outage, self._wait)

    def _conclude(self, taken: Sequence[Taken], answers: Sequence[Outcome]) -> list[InFlightRecord]:
        """Publishes and counts the outcomes; those that are none yet are returned."""
        pended: list[InFlightRecord] = []
        done: list[Taken] = []
        outcomes: list[FinalOutcome] = []
        for one, answer in zip(taken, answers, strict=True):
            if isinstance(answer, InFlight):
                pended.append(InFlightRecord(one, answer))
            else:
                done.append(one)
                outcomes.append(answer)
        records = [one.record for one in done]
        self._stage.check_limit(outcomes)
        outgoing = [self._stage.outgoing(record, outcome) for record, outcome in zip(records, outcomes, strict=True)]
        try:
            self._publish([message for messages in outgoing for message in messages])
        except UnpublishableError:
            outcomes = list(map(self._publish_one, records, outcomes, outgoing))
        self._stage.count(records, outcomes)
        _end([one.span for one in done], outcomes)
        self._health.progress()
        return pended

    def _due(self, batch: Sequence[Record]) -> tuple[list[Record], list[Record]]:
        """Records as they were read, and as they were first; those of `.retry` that are not due go to its end."""
        now_ms = int(time.time() * 1000)
        early = [requeue(r) for r in batch if r.topic in self._retry_topics and not is_due(r, now_ms)]
        if early:
            self._publish(early)
        raw = [r for r in batch if r.topic not in self._retry_topics or is_due(r, now_ms)]
        return raw, [as_original(r, self._retry_topics[r.topic]) if r.topic in self._retry_topics else r for r in raw]

    def _publish(self, outgoing: Sequence[ProducerRecord]) -> None:
        retry_until_available(lambda: self._publisher.publish(outgoing), self._outage, self._wait)

    def _publish_one(self, record: Record, outcome: FinalOutcome, outgoing: Sequence[ProducerRecord]) -> FinalOutcome:
        """Publishes one record's outputs; where they cannot be published the record is a dead letter."""
        try:
            self._publish(outgoing)
            return outcome
        except UnpublishableError as error:
            dead = outcome if isinstance(outcome, Dead) else Dead(Reason.HANDLER_FAILED, str(error))
        letter, *told = self._stage.outgoing(record, dead)
        try:
            self._publish([letter, *told])
        except UnpublishableError:
            self._publish([without_value(letter), *told])
        return dead

    def _wait(self, seconds: float) -> bool:
        self._waiting.set()
        try:
            return self._give_up.wait(seconds)
        finally:
            self._waiting.clear()


def _end(spans: Sequence[Span], outcomes: Sequence[FinalOutcome]) -> None:
    for span, outcome in zip(spans, outcomes, strict=True):
        span.end(word(outcome), getattr(outcome, "reason", ""))
