"""Around the handler of a stage: call it, turn exceptions into outcomes, say what to publish, count, stop in time."""

import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import CancelledError
from datetime import UTC, datetime

from runtime.config import ProcessConfig
from runtime.kafka.producer import ProducerRecord, prepare
from runtime.lifecycle import TOO_MANY_DEAD_LETTERS, StopProcess
from runtime.outages import OutageError
from runtime.processing.dead_letters import dead_letter, handler_failed
from runtime.processing.outcomes import Dead, FinalOutcome, Handler, InFlight, Ok, Outcome, Reject, Retry
from runtime.processing.retry_topics import deferred
from runtime.telemetry.logs import get_logger
from runtime.telemetry.metrics import BATCH_RECORDS, BATCH_SECONDS, DEAD_LETTERS, HANDOVER_SECONDS, RECORDS
from schemas.topics import Topic, without_prefix
from schemas.wire import Record

log = get_logger(__name__)
_LABELS: dict[type[FinalOutcome], str] = {Ok: "ok", Reject: "reject", Retry: "retry", Dead: "dead"}


class HandlerRunner:
    """One handler of one process, for one consumer."""

    def __init__(self, handler: Handler, config: ProcessConfig) -> None:
        self.stage = handler.stage
        self._handler = handler
        self._prefix = config.topic_prefix
        self._limit = config.dead_letter_limit
        self._topics: dict[str, Topic] = {topic.name(config.topic_prefix): topic for topic in handler.topics}
        self._handover = {
            name: HANDOVER_SECONDS.labels(self.stage, without_prefix(name, self._prefix)) for name in self._topics
        }
        self._dead_in_a_row = 0

    def run_handler(self, records: Sequence[Record]) -> list[Outcome]:
        """The handler's outcome for each record. After an exception the handler is called with the records one by one.

        Raises `OutageError`: call it again later with the same records.
        """
        try:
            return self._outcomes(records)
        except OutageError:
            raise
        except Exception as error:
            if len(records) == 1:
                return [self._failed(records[0], error)]
            log.warning(
                "a batch failed; its records are processed one by one", stage=self.stage, error=type(error).__name__
            )
            return [outcome for record in records for outcome in self.run_handler([record])]

    def final_outcome(self, record: Record, in_flight: InFlight) -> FinalOutcome:
        """Once the work is done. Raises `OutageError`: run the handler again later; `CancelledError`: at once."""
        try:
            return in_flight.outcome()
        except (OutageError, CancelledError):
            raise
        except Exception as error:
            return self._failed(record, error)

    def to_publish(self, record: Record, outcome: FinalOutcome) -> list[ProducerRecord]:
        """What must be published before the record is done."""
        topic = self._topics[record.topic]
        if isinstance(outcome, Dead):
            now = datetime.now(UTC)
            log.error(
                "dead letter",
                stage=self.stage,
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
                reason=outcome.reason,
                why=outcome.text[:500],
            )
            return [dead_letter(record, topic, outcome, self.stage, self._prefix, now), *self._outputs(outcome)]
        outputs = self._outputs(outcome)
        if isinstance(outcome, Retry):
            now_ms = int(datetime.now(UTC).timestamp() * 1000)
            outputs.append(deferred(record, topic, outcome, self._prefix, now_ms))
        return outputs

    def _outputs(self, outcome: FinalOutcome) -> list[ProducerRecord]:
        return [prepare(output, self._prefix) for output in outcome.outputs]

    def check_limit(self, outcomes: Sequence[FinalOutcome]) -> None:
        """Raises `StopProcess` when too many records in a row are dead letters; then none of them is published.

        Those whose sender is notified neither count nor end the row.
        """
        for outcome in outcomes:
            if isinstance(outcome, Dead):
                self._dead_in_a_row += not outcome.outputs
            else:
                self._dead_in_a_row = 0
            if self._limit and self._dead_in_a_row > self._limit:
                raise StopProcess(
                    TOO_MANY_DEAD_LETTERS,
                    f"{self.stage}: more than {self._limit} records in a row cannot be processed, the last because of "
                    f"{outcome.reason if isinstance(outcome, Dead) else ''}. The rest stays on the topic. "
                    "Fix the cause (`mailcall dead-letters list`), then start again; "
                    "MAILCALL_DEAD_LETTER_LIMIT=0 lets them all through.",
                )

    def count(self, records: Sequence[Record], outcomes: Sequence[FinalOutcome]) -> None:
        """Counts records whose outputs are acknowledged, and measures the time since each was published."""
        for (kind, reason), number in Counter((type(o), getattr(o, "reason", "")) for o in outcomes).items():
            RECORDS.labels(self.stage, _LABELS[kind], reason).inc(number)
            if kind is Dead:
                DEAD_LETTERS.labels(self.stage, reason).inc(number)
        now = time.time()
        for record, outcome in zip(records, outcomes, strict=True):
            if not isinstance(outcome, Retry) and record.timestamp_ms > 0:
                self._handover[record.topic].observe(max(0.0, now - record.timestamp_ms / 1000))

    def measure(self, records: int, seconds: float) -> None:
        """Records the time from a batch being fetched until its outputs were acknowledged, or its records in flight."""
        BATCH_SECONDS.labels(self.stage).observe(seconds)
        BATCH_RECORDS.labels(self.stage).observe(records)

    def _outcomes(self, records: Sequence[Record]) -> list[Outcome]:
        outcomes = list(self._handler.handle(records))
        if len(outcomes) != len(records):
            raise RuntimeError("the handler returned another number of outcomes than it got records")
        for record, outcome in zip(records, outcomes, strict=True):
            if isinstance(outcome, Retry | InFlight) and not self._topics[record.topic].deferred:
                raise RuntimeError("the handler defers a record of a topic that is not deferred")
        return outcomes

    def _failed(self, record: Record, error: Exception) -> FinalOutcome:
        outcome = handler_failed(error)
        log.error("the handler failed", stage=self.stage, topic=record.topic, offset=record.offset, why=outcome.text)
        return outcome


def label_of(outcome: FinalOutcome) -> str:
    """As metrics and traces name it."""
    return _LABELS[type(outcome)]
