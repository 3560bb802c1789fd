"""What the tests of both loops share: a handler that does as the record's value says, and a loop in a thread."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Self

from kafka.admin import NewTopic

from runtime.config import ProcessConfig
from runtime.kafka.clients import make_admin
from runtime.kafka.producer import Publisher
from runtime.kafka.topic_plans import plans
from runtime.outages import OutageError
from runtime.processing.consumer import ConsumerLoop
from runtime.processing.faust_adapter import run_faust
from runtime.processing.outcomes import Dead, FinalOutcome, Handler, Ok
from runtime.telemetry.health import Health
from schemas.reasons import Reason
from schemas.topics import MAIL_FETCHED, MAIL_RESOLVED, Topic
from schemas.wire import MAX_RECORD_BYTES, OutputRecord, Record

DEADLINE = 60.0
GROUP = "contract"
LoopName = str


@dataclass
class ObedientHandler:
    """`dead`: a dead letter; `fault`: an exception; `outage`: an outage until `outage_over` is set; `!`: an output that
    is too large for its topic; else one output, as large as the record."""

    stage: str = "resolver"
    topics: tuple[Topic, ...] = (MAIL_FETCHED,)
    handled: list[Record] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    outage_over: threading.Event = field(default_factory=threading.Event)
    outages: int = 0

    def handle(self, records: Sequence[Record]) -> Sequence[FinalOutcome]:
        self.batches.append(len(records))
        outcomes = [self._outcome(record) for record in records]
        self.handled += records
        return outcomes

    def _outcome(self, record: Record) -> FinalOutcome:
        value = record.value
        if value is None:
            return Dead(Reason.NULL_VALUE, "the record has no value")
        if value.startswith(b"dead"):
            return Dead(Reason.WRONG_SCHEMA, "field: what is wrong " + "x" * 1000)
        if value.startswith(b"fault"):
            raise ValueError(value.decode())
        if value.startswith(b"outage") and not self.outage_over.is_set():
            self.outages += 1
            raise OutageError(Reason.DATABASE_AWAY, "the database does not answer")
        output = value * MAX_RECORD_BYTES if value == b"!" else value
        return Ok((OutputRecord(MAIL_RESOLVED, (record.key or b"").decode(), output, tuple(record.headers)),))

    def count(self) -> Counter[bytes]:
        return Counter(record.value or b"" for record in self.handled)


class Running:
    """A loop in a thread; at the end of the block it is stopped and has returned."""

    def __init__(self, loop: LoopName, config: ProcessConfig, handler: Handler) -> None:
        self.health = Health()
        self.stop = threading.Event()
        self.error: BaseException | None = None
        self._run = loop_runner(loop, config, handler, self.stop, self.health)
        self._thread = threading.Thread(target=self._catch, name=f"test-{loop}")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        self.stop.set()
        self.wait()

    def wait(self) -> None:
        self._thread.join(DEADLINE)
        assert not self._thread.is_alive(), "the loop has not returned"

    def _catch(self) -> None:
        try:
            self._run()
        except BaseException as error:
            self.error = error


def loop_runner(
    loop: LoopName, config: ProcessConfig, handler: Handler, stop: threading.Event, health: Health
) -> Callable[[], None]:
    if loop == "faust":
        return lambda: run_faust(config, handler, GROUP, stop, health)

    def run() -> None:
        publisher = Publisher(config)
        try:
            ConsumerLoop(config, handler, publisher, GROUP, stop, health).run()
        finally:
            publisher.close()

    return run


def make_topics(config: ProcessConfig, names: Sequence[str], partitions: int = 4) -> None:
    """Topics as topic set-up makes them, but only these and with few partitions: tests share one broker."""
    wanted = [plan for plan in plans(config.topic_prefix) if plan.name in names]
    admin = make_admin(config)
    try:
        admin.create_topics(
            [NewTopic(p.name, min(partitions, p.partitions), 1, topic_configs=p.settings) for p in wanted]
        )
        admin.wait_for_topics([plan.name for plan in wanted])
    finally:
        admin.close()


def until(condition: Callable[[], object], what: str, every: float = 0.02) -> None:
    """Waits for the condition, and fails with `what` after the deadline."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {DEADLINE:.0f} s"
        time.sleep(every)
