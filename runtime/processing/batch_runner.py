"""One batch, in the worker thread: run the handler, publish every output, count. Outages are retried in place."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, replace
from typing import Protocol

from runtime.kafka.producer import ProducerRecord, UnpublishableError
from runtime.outages import Outage, OutageError, retry_until_available
from runtime.processing.dead_letters import without_value
from runtime.processing.handler_runner import HandlerRunner, label_of
from runtime.processing.outcomes import Dead, FinalOutcome, InFlight, Outcome
from runtime.processing.retry_topics import as_original, is_due, requeue
from runtime.telemetry.health import Health
from runtime.telemetry.traces import Span, current
from schemas.reasons import Reason
from schemas.wire import Record


class SupportsPublish(Protocol):
    def publish(self, records: Sequence[ProducerRecord]) -> None:
        """Returns when all are acknowledged. Raises `OutageError`, `UnpublishableError`."""


SOON = 1.0  # seconds until work that had not begun is due again, for the instance that is assigned its partition


@dataclass(frozen=True, slots=True)
class TracedRecord:
    """A record as it was read, as the handler gets it, and the span that ends when it is done."""

    raw: Record
    record: Record
    span: Span


@dataclass(frozen=True, slots=True)
class InFlightRecord:
    """A record whose outcome is not there yet."""

    traced: TracedRecord
    in_flight: InFlight

    @property
    def raw(self) -> Record:
        return self.traced.raw

    @property
    def record(self) -> Record:
        return self.traced.record


class BatchRunner:
    """`retry_topics`: name of each `.retry` topic -> name of the topic that its records belong to."""

    def __init__(
        self, runner: HandlerRunner, publisher: SupportsPublish, retry_topics: Mapping[str, str], health: Health
    ) -> None:
        self._runner = runner
        self._publisher = publisher
        self._retry_topics = retry_topics
        self._health = health
        self._outage = Outage(runner.stage, health)
        self._cancelled = threading.Event()
        self._waiting = threading.Event()
        self._traces = current()

    @property
    def waiting(self) -> bool:
        """True while an outage is being retried."""
        return self._waiting.is_set()

    def cancel(self) -> None:
        """Ends the wait for an outage, now or as soon as there is one: the batch raises `Stopped`."""
        self._cancelled.set()

    def run(self, batch: Sequence[Record]) -> list[InFlightRecord]:
        """Returns when all is durable, but for the records in flight, which it returns.

        Raises `Stopped` when cancelled, `StopProcess` at the dead-letter limit.
        """
        self._cancelled.clear()
        started = time.monotonic()
        raw, originals = self._due(batch)
        traced = self._traces.process(self._runner.stage, originals)
        records = traced.records
        outcomes = (
            retry_until_available(lambda: self._runner.run_handler(records), self._outage, self._wait)
            if records
            else []
        )
        in_flight = self._conclude(list(map(TracedRecord, raw, records, traced.spans)), outcomes)
        traced.end()
        self._runner.measure(len(records), time.monotonic() - started)
        return in_flight

    def complete(self, in_flight: Sequence[InFlightRecord]) -> list[InFlightRecord]:
        """Like `run`, for records whose work is done."""
        self._cancelled.clear()
        outcomes = [self._outcome(record) for record in in_flight]
        return self._conclude([record.traced for record in in_flight], outcomes)

    def drain(self, in_flight: Sequence[InFlightRecord]) -> None:
        """Publishes the outcomes of these, or their fallbacks. Raises `OutageError`, `UnpublishableError`."""
        outcomes = [self._last_outcome(record) for record in in_flight]
        outputs = [
            self._runner.to_publish(one.record, outcome) for one, outcome in zip(in_flight, outcomes, strict=True)
        ]
        self._publisher.publish([output for several in outputs for output in several])
        self._runner.count([one.record for one in in_flight], outcomes)
        _end([one.traced.span for one in in_flight], outcomes)

    def _last_outcome(self, record: InFlightRecord) -> FinalOutcome:
        """Raises `OutageError`."""
        in_flight = record.in_flight
        fallback = in_flight.fallback
        if in_flight.work.cancelled():
            fallback = replace(fallback, after_seconds=SOON)
        elif in_flight.work.done():
            try:
                return self._runner.final_outcome(record.record, in_flight)
            except OutageError:
                pass
        in_flight.before_fallback(fallback)
        return fallback

    def _outcome(self, record: InFlightRecord) -> Outcome:
        """The final outcome, or what the handler returns once the outage is over that prevented it."""
        try:
            return self._runner.final_outcome(record.record, record.in_flight)
        except (OutageError, CancelledError):  # cancelled: by another record that had the same work in flight
            return retry_until_available(lambda: self._runner.run_handler([record.record])[0], self._outage, self._wait)

    def _conclude(self, traced: Sequence[TracedRecord], outcomes: Sequence[Outcome]) -> list[InFlightRecord]:
        """Publishes and counts the final outcomes; returns the records that are still in flight."""
        in_flight: list[InFlightRecord] = []
        done: list[TracedRecord] = []
        final: list[FinalOutcome] = []
        for one, outcome in zip(traced, outcomes, strict=True):
            if isinstance(outcome, InFlight):
                in_flight.append(InFlightRecord(one, outcome))
            else:
                done.append(one)
                final.append(outcome)
        records = [one.record for one in done]
        self._runner.check_limit(final)
        outputs = [self._runner.to_publish(record, outcome) for record, outcome in zip(records, final, strict=True)]
        try:
            self._publish([output for several in outputs for output in several])
        except UnpublishableError:
            final = list(map(self._publish_one, records, final, outputs))
        self._runner.count(records, final)
        _end([one.span for one in done], final)
        self._health.progress()
        return in_flight

    def _due(self, batch: Sequence[Record]) -> tuple[list[Record], list[Record]]:
        """Records as they were read, and as they were first; those of `.retry` that are not due go to its end."""
        now_ms = int(time.time() * 1000)
        early = [requeue(r) for r in batch if r.topic in self._retry_topics and not is_due(r, now_ms)]
        if early:
            self._publish(early)
        raw = [r for r in batch if r.topic not in self._retry_topics or is_due(r, now_ms)]
        return raw, [as_original(r, self._retry_topics[r.topic]) if r.topic in self._retry_topics else r for r in raw]

    def _publish(self, outputs: Sequence[ProducerRecord]) -> None:
        retry_until_available(lambda: self._publisher.publish(outputs), self._outage, self._wait)

    def _publish_one(self, record: Record, outcome: FinalOutcome, outputs: Sequence[ProducerRecord]) -> FinalOutcome:
        """Publishes one record's outputs; where they cannot be published the record is a dead letter."""
        try:
            self._publish(outputs)
            return outcome
        except UnpublishableError as error:
            dead = outcome if isinstance(outcome, Dead) else Dead(Reason.HANDLER_FAILED, str(error))
        letter, *notices = self._runner.to_publish(record, dead)
        try:
            self._publish([letter, *notices])
        except UnpublishableError:
            self._publish([without_value(letter), *notices])
        return dead

    def _wait(self, seconds: float) -> bool:
        self._waiting.set()
        try:
            return self._cancelled.wait(seconds)
        finally:
            self._waiting.clear()


def split(records: Sequence[Record], max_bytes: int) -> Iterator[tuple[int, int]]:
    """(start, end) of batches of at most `max_bytes` of values; a record that is larger is a batch of its own."""
    start = size = 0
    for index, record in enumerate(records):
        length = len(record.value or b"")
        if index > start and size + length > max_bytes:
            yield start, index
            start, size = index, 0
        size += length
    if records:
        yield start, len(records)


def _end(spans: Sequence[Span], outcomes: Sequence[FinalOutcome]) -> None:
    for span, outcome in zip(spans, outcomes, strict=True):
        span.end(label_of(outcome), getattr(outcome, "reason", ""))
