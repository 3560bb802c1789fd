"""What both loops do around a handler: decide a batch, say what is to be published, count, stop in time."""

import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import CancelledError
from datetime import UTC, datetime

from runtime.config import ProcessConfig
from runtime.dead_letters import dead_letter, fault
from runtime.deferral import deferred
from runtime.lifecycle import TOO_MANY_DEAD_LETTERS, StopProcess
from runtime.logs import get_logger
from runtime.metrics import BATCH_RECORDS, BATCH_SECONDS, DEAD_LETTERS, HANDOVER_SECONDS, RECORDS
from runtime.outcomes import Dead, FinalOutcome, Handler, InFlight, Ok, OutageError, Outcome, Reject, Retry
from runtime.outgoing import ProducerRecord, prepare
from schemas.topics import Topic, without_prefix
from schemas.wire import Record

log = get_logger(__name__)
_WORDS: dict[type[FinalOutcome], str] = {Ok: "ok", Reject: "reject", Retry: "retry", Dead: "dead"}


class HandlerRunner:
    """One handler of one process, for one loop."""

    def __init__(self, handler: Handler, config: ProcessConfig) -> None:
        self.name = handler.stage
        self._handler = handler
        self._prefix = config.topic_prefix
        self._limit = config.dead_letter_limit
        self._topics: dict[str, Topic] = {topic.name(config.topic_prefix): topic for topic in handler.topics}
        self._handover = {
            name: HANDOVER_SECONDS.labels(self.name, without_prefix(name, self._prefix)) for name in self._topics
        }
        self._dead_in_a_row = 0

    def decide(self, records: Sequence[Record]) -> list[Outcome]:
        """The handler's answer to each record. After an exception the records are handed to it one by one.

        Raises `OutageError`: decide the same records again later.
        """
        try:
            return self._ask(records)
        except OutageError:
            raise
        except Exception as error:
            if len(records) == 1:
                return [self._failed(records[0], error)]
            log.warning("a batch failed and is handled one by one", stage=self.name, error=type(error).__name__)
            return [outcome for record in records for outcome in self.decide([record])]

    def outcome(self, record: Record, pending: InFlight) -> FinalOutcome:
        """Of a record whose work is done. Raises `OutageError`: decide it again later; `CancelledError`: at once."""
        try:
            return pending.outcome()
        except (OutageError, CancelledError):
            raise
        except Exception as error:
            return self._failed(record, error)

    def outgoing(self, record: Record, outcome: FinalOutcome) -> list[ProducerRecord]:
        """What is to be published for one outcome, before the record is done."""
        topic = self._topics[record.topic]
        if isinstance(outcome, Dead):
            now = datetime.now(UTC)
            log.error(
                "dead letter",
                stage=self.name,
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
                reason=outcome.reason,
                why=outcome.text[:500],
            )
            return [dead_letter(record, topic, outcome, self.name, self._prefix, now), *self._outputs(outcome)]
        outputs = self._outputs(outcome)
        if isinstance(outcome, Retry):
            now_ms = int(datetime.now(UTC).timestamp() * 1000)
            outputs.append(deferred(record, topic, outcome, self._prefix, now_ms))
        return outputs

    def _outputs(self, outcome: FinalOutcome) -> list[ProducerRecord]:
        return [prepare(message, self._prefix) for message in outcome.outputs]

    def check_limit(self, outcomes: Sequence[FinalOutcome]) -> None:
        """Raises `StopProcess` when too many records in a row are dead letters; then none of them is published.

        Those of which whoever asked is told neither count nor end the row.
        """
        for outcome in outcomes:
            if isinstance(outcome, Dead):
                self._dead_in_a_row += not outcome.outputs
            else:
                self._dead_in_a_row = 0
            if self._limit and self._dead_in_a_row > self._limit:
                raise StopProcess(
                    TOO_MANY_DEAD_LETTERS,
                    f"{self.name}: more than {self._limit} records in a row cannot be handled, the last for "
                    f"{outcome.reason if isinstance(outcome, Dead) else ''}. The rest stays on the topic. "
                    "Mend the cause (`mailcall dead-letters list`), then start again; "
                    "MAILCALL_DEAD_LETTER_LIMIT=0 lets them all through.",
                )

    def count(self, records: Sequence[Record], outcomes: Sequence[FinalOutcome]) -> None:
        """Counts records whose outputs are acknowledged, and what each took since it was published."""
        for (kind, reason), number in Counter((type(o), getattr(o, "reason", "")) for o in outcomes).items():
            RECORDS.labels(self.name, _WORDS[kind], reason).inc(number)
            if kind is Dead:
                DEAD_LETTERS.labels(self.name, reason).inc(number)
        now = time.time()
        for record, outcome in zip(records, outcomes, strict=True):
            if not isinstance(outcome, Retry) and record.timestamp_ms > 0:
                self._handover[record.topic].observe(max(0.0, now - record.timestamp_ms / 1000))

    def measure(self, records: int, seconds: float) -> None:
        """Notes what a batch took from being fetched until its outputs were acknowledged, or it was in hand."""
        BATCH_SECONDS.labels(self.name).observe(seconds)
        BATCH_RECORDS.labels(self.name).observe(records)

    def _ask(self, records: Sequence[Record]) -> list[Outcome]:
        outcomes = list(self._handler.handle(records))
        if len(outcomes) != len(records):
            raise RuntimeError("the handler answered with another number of outcomes than it got records")
        for record, outcome in zip(records, outcomes, strict=True):
            if isinstance(outcome, Retry | InFlight) and not self._topics[record.topic].deferred:
                raise RuntimeError("the handler defers a record of a topic that is not deferred")
        return outcomes

    def _failed(self, record: Record, error: Exception) -> FinalOutcome:
        outcome = fault(error)
        log.error("the handler failed", stage=self.name, topic=record.topic, offset=record.offset, why=outcome.text)
        return outcome


def word(outcome: FinalOutcome) -> str:
    """As metrics and traces name it."""
    return _WORDS[type(outcome)]
