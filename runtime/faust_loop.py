"""The Faust loop: the same handler, driven by a Faust app in the one shape that loses nothing (docs/adr/0002-faust.md).

One agent with concurrency 1 over raw bytes. It only hands its events over, so no exception can leave it and acknowledge
a record by accident. Beside it one task takes whatever has arrived as a batch, has it handled and its outputs
acknowledged (`runtime.work`, in a thread), and only then acknowledges the events, in order.
"""

import asyncio
import tempfile
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from kafka import TopicPartition

from runtime.backlog import Backlog
from runtime.broker_rights import require_access
from runtime.config import ProcessConfig
from runtime.consumer import PROBE_SECONDS
from runtime.faust_app import App, make_app, raw_topic
from runtime.health import Health
from runtime.lag import LagProbe
from runtime.logs import get_logger
from runtime.outcomes import Handler, OutageError
from runtime.publisher import Publisher
from runtime.stage import HandlerRunner
from runtime.waiting import Outage, Stopped, wait_for_broker
from runtime.work import BatchRunner
from schemas.wire import Record

log = get_logger(__name__)

POSITION_SECONDS = 5.0  # a position that is not known by then waits for the broker
LEAVE_SECONDS = 30.0  # more than the batch in work may wait for the broker
LOOK_SECONDS = 1.0  # how often the stop event and Faust's own state are looked at
Event = Any  # faust.events.Event


def run_faust(
    config: ProcessConfig, handler: Handler, group: str, stop: threading.Event, health: Health | None = None
) -> None:
    """Returns after `stop`, with all that was in work finished and committed and the group left.

    Raises `StopProcess` when too many records in a row are dead letters, `RuntimeError` when Faust itself has failed.
    """
    if any(topic.deferred for topic in handler.topics):
        raise ValueError("the Faust loop reads no .retry topics: deferred topics need the consumer loop")
    health = health or Health(config.stall_seconds)
    health.ready("assignment", False, "no partitions yet")
    topics = [topic.name(config.topic_prefix) for topic in handler.topics]
    full_name = f"{config.topic_prefix}.{group}"
    try:
        wait_for_broker(lambda: require_access(config, topics, full_name), handler.stage, health, stop)
    except Stopped:
        return
    with tempfile.TemporaryDirectory(prefix="mailcall-faust-") as datadir:
        asyncio.run(_serve(config, handler, full_name, datadir, stop, health))


async def _serve(
    config: ProcessConfig, handler: Handler, group: str, datadir: str, stop: threading.Event, health: Health
) -> None:
    app = make_app(config, group, datadir)
    publisher = Publisher(config, handler.stage)
    inbox = EventBuffer(config.batch_records, config.batch_bytes)
    backlog = Backlog(handler, config)
    work = BatchRunner(HandlerRunner(handler, config), publisher, {}, health)
    _add_agent(app, [topic.name(config.topic_prefix) for topic in handler.topics], inbox)
    _follow_assignment(app, handler.stage, health)
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix=handler.stage) as thread:
        await app.start()
        worker = asyncio.create_task(_work_through(inbox, work, backlog, thread))
        probe = LagProbe(config, group)
        watchdog = asyncio.create_task(_watch_lag(app, probe, backlog, handler.stage, health))
        try:
            await _until_stop(app, worker, stop)
        finally:
            watchdog.cancel()
            await _leave(app, worker, work)
            publisher.close()


class EventBuffer:
    """Events between the agent and the worker, in order and bounded. `take` waits for one and gives all there are."""

    def __init__(self, max_records: int, max_bytes: int) -> None:
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._events: deque[Event] = deque()
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()

    async def put(self, event: Event) -> None:
        """Returns when there is room for another event."""
        self._events.append(event)
        self._filled.set()
        while len(self._events) >= self._max_records:
            self._emptied.clear()
            await self._emptied.wait()

    async def take(self) -> list[Event]:
        """A batch: at least one event, and as many more as have arrived and fit."""
        while not self._events:
            self._filled.clear()
            await self._filled.wait()
        batch = [self._events.popleft()]
        size = _size(batch[0])
        while self._events and size + _size(self._events[0]) <= self._max_bytes:
            batch.append(self._events.popleft())
            size += _size(batch[-1])
        self._emptied.set()
        return batch


def _add_agent(app: App, topics: Sequence[str], inbox: EventBuffer) -> None:
    async def take(stream: Any) -> None:
        async for event in stream.noack().events():
            await inbox.put(event)

    for name in topics:
        app.agent(raw_topic(app, name), name=f"mailcall-{name}", concurrency=1)(take)


def _follow_assignment(app: App, stage: str, health: Health) -> None:
    async def assigned(*_: Any, **__: Any) -> None:
        health.ready("assignment", True)
        log.info("partitions assigned", stage=stage)

    async def revoked(*_: Any, **__: Any) -> None:
        health.ready("assignment", False, "the group shares out the partitions anew")

    app.on_partitions_assigned.connect(assigned, weak=False)
    app.on_partitions_revoked.connect(revoked, weak=False)


async def _work_through(inbox: EventBuffer, work: BatchRunner, backlog: Backlog, thread: ThreadPoolExecutor) -> None:
    """Handles batch after batch. What it raises ends the loop with nothing of that batch acknowledged."""
    loop = asyncio.get_running_loop()
    while True:
        events = await inbox.take()
        batch = [_record(event) for event in events]
        backlog.taken(batch)
        await loop.run_in_executor(thread, work.do, batch)
        for event in events:
            event.ack()


async def _until_stop(app: App, worker: "asyncio.Task[None]", stop: threading.Event) -> None:
    """Returns at `stop`; raises what ended the worker, or `RuntimeError` where a part of Faust has crashed."""
    while not stop.is_set():
        await asyncio.wait([worker], timeout=LOOK_SECONDS)
        if worker.done():
            worker.result()
        crashed = crashed_service(app)
        if crashed:
            raise RuntimeError(f"Faust's {crashed} has crashed; the process has to start anew")


async def _leave(app: App, worker: "asyncio.Task[None]", work: BatchRunner) -> None:
    """Stops fetching, lets the batch in work finish, commits and leaves the group.

    A batch that waits for an outage is given up: Faust would wait for its acknowledgement for ever, as it does for a
    broker that answers nothing.
    """
    leaving = asyncio.create_task(app.stop())
    deadline = time.monotonic() + LEAVE_SECONDS
    while not leaving.done() and time.monotonic() < deadline:
        if work.waiting:
            work.give_up()
        if worker.done():
            app.consumer.unacked.clear()
        await asyncio.wait([leaving], timeout=LOOK_SECONDS)
    left = leaving.done()
    while not leaving.done():  # of its many steps each waits anew
        leaving.cancel()
        await asyncio.wait([leaving], timeout=LOOK_SECONDS)
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
    if left:
        log.info("left the group")
    else:
        log.warning("could not tell the group good-bye; it notices by itself")


async def _watch_lag(app: App, probe: LagProbe, backlog: Backlog, stage: str, health: Health) -> None:
    """States progress only while nothing is to be done: agents were seen to stall while the process looks alive."""
    outage = Outage(stage, health)
    try:
        while True:
            await asyncio.sleep(PROBE_SECONDS)
            partitions = [TopicPartition(tp.topic, tp.partition) for tp in app.consumer.assignment()]
            try:
                lag = await asyncio.to_thread(probe.measure, partitions, await _handled(app, partitions))
            except OutageError as error:
                outage.failed(error)
                continue
            outage.over()
            backlog.measured(lag)
            if not any(lag.values()):
                health.progress()
    finally:
        probe.close()


async def _handled(app: App, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
    """How far all is handled: as far as was read, once nothing of it is in hand."""
    try:
        async with asyncio.timeout(POSITION_SECONDS):
            positions = {partition: await app.consumer.position(partition) for partition in partitions}
    except TimeoutError:
        return {}
    return {} if app.consumer.unacked else {tp: offset for tp, offset in positions.items() if offset is not None}


def crashed_service(service: Any) -> str | None:
    """Name of the first of Faust's services that has crashed: Faust itself goes on without its consumer thread."""
    if service.crashed:
        return type(service).__name__
    return next(filter(None, map(crashed_service, service._children)), None)


def _record(event: Event) -> Record:
    message = event.message
    return Record(
        message.topic,
        message.partition,
        message.offset,
        event.key,
        event.value,
        message.headers,
        int(message.timestamp * 1000),
    )


def _size(event: Event) -> int:
    return len(event.value or b"")
