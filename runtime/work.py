"""What the worker thread of the consumer loop does with one batch: decide, publish, count."""

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Protocol

from runtime.dead_letters import without_value
from runtime.deferral import as_original, is_due, put_back
from runtime.health import Health
from runtime.outcomes import Dead, Outcome
from runtime.outgoing import Outgoing
from runtime.publisher import UnpublishableError
from runtime.stage import Stage
from runtime.waiting import Outage, wait_out
from schemas.reasons import Reason
from schemas.wire import Record


class Publishes(Protocol):
    def publish(self, messages: Sequence[Outgoing]) -> None:
        """Returns when all are acknowledged. Raises `OutageError`, `UnpublishableError`."""


class Work:
    """`retry_topics`: name of each `.retry` topic -> name of the topic that its records belong to."""

    def __init__(self, stage: Stage, publisher: Publishes, retry_topics: Mapping[str, str], health: Health) -> None:
        self._stage = stage
        self._publisher = publisher
        self._retry_topics = retry_topics
        self._health = health
        self._outage = Outage(stage.name, health)
        self._give_up = threading.Event()
        self._waiting = threading.Event()

    @property
    def waiting(self) -> bool:
        """True while an outage is waited out."""
        return self._waiting.is_set()

    def give_up(self) -> None:
        """Ends the wait for an outage, now or as soon as there is one: the batch raises `Stopped`."""
        self._give_up.set()

    def do(self, batch: Sequence[Record]) -> None:
        """Returns when all is durable. Raises `Stopped` when given up, `StopProcess` at the dead-letter limit."""
        self._give_up.clear()
        started = time.monotonic()
        records = self._take(batch)
        outcomes = wait_out(lambda: self._stage.decide(records), self._outage, self._wait) if records else []
        self._stage.check_limit(outcomes)
        outgoing = [self._stage.outgoing(record, outcome) for record, outcome in zip(records, outcomes, strict=True)]
        try:
            self._publish([message for messages in outgoing for message in messages])
        except UnpublishableError:
            outcomes = list(map(self._publish_one, records, outcomes, outgoing))
        self._stage.count(outcomes, time.monotonic() - started)
        self._health.progress()

    def _take(self, batch: Sequence[Record]) -> list[Record]:
        """The records as the handler gets them; those of a `.retry` topic that are not due go back to its end."""
        now_ms = int(time.time() * 1000)
        early = [put_back(r) for r in batch if r.topic in self._retry_topics and not is_due(r, now_ms)]
        if early:
            self._publish(early)
        return [
            as_original(r, self._retry_topics[r.topic]) if r.topic in self._retry_topics else r
            for r in batch
            if r.topic not in self._retry_topics or is_due(r, now_ms)
        ]

    def _publish(self, outgoing: Sequence[Outgoing]) -> None:
        wait_out(lambda: self._publisher.publish(outgoing), self._outage, self._wait)

    def _publish_one(self, record: Record, outcome: Outcome, outgoing: Sequence[Outgoing]) -> Outcome:
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
