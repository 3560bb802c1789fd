"""The consumer of a stage, on Faust: the same batches, driven by a Faust app in the one shape that loses nothing.

The user asked for Faust; docs/adr/0002-faust.md says which shape. One agent with concurrency 1 over raw bytes only
puts its events into a buffer, so that no exception can leave it and acknowledge a record by accident. One task takes
what has arrived as a batch, has it processed and its outputs acknowledged (`BatchRunner`, in a thread), and only then
acknowledges the events, in order.
"""

import asyncio
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, cast

from runtime.config import ProcessConfig
from runtime.kafka.library import TopicPartition
from runtime.kafka.producer import Publisher
from runtime.kafka.rights import require_access
from runtime.outages import Outage, OutageError, Stopped, wait_for_broker
from runtime.processing.batch_runner import BatchRunner
from runtime.processing.faust_app import App, Event, EventBuffer, add_agents, crashed_service, make_app, to_record
from runtime.processing.faust_consumer import Place, ReadCommittedConsumer
from runtime.processing.group import PROBE_SECONDS
from runtime.processing.handler_runner import HandlerRunner
from runtime.processing.lag import Backlog, LagProbe
from runtime.processing.outcomes import Handler
from runtime.telemetry.health import Health
from runtime.telemetry.logs import get_logger

log = get_logger(__name__)

POSITION_SECONDS = 5.0  # a position that is not known by then waits for the broker
LEAVE_SECONDS = 30.0  # more than a running batch may wait for the broker
CHECK_SECONDS = 5.0  # how often it is checked whether a part of Faust has crashed
LEAVE_CHECK_SECONDS = 1.0  # and while it leaves: whether a batch retries an outage


def run_faust(
    config: ProcessConfig, handler: Handler, group: str, stop: threading.Event, health: Health | None = None
) -> None:
    """Returns after `stop`, with every batch finished and committed and the group left.

    Raises `StopProcess` when too many records in a row are dead letters, `RuntimeError` when Faust itself has failed.
    """
    if any(topic.deferred for topic in handler.topics):
        raise ValueError("the Faust adapter reads no .retry topics: deferred topics need ConsumerLoop")
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
    buffer = EventBuffer(config.batch_records, config.batch_bytes)
    backlog = Backlog(handler, config)
    runner = BatchRunner(HandlerRunner(handler, config), publisher, {}, health)
    add_agents(app, [topic.name(config.topic_prefix) for topic in handler.topics], buffer)
    _follow_assignment(app, handler.stage, health)
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix=handler.stage) as thread:
        await app.start()
        worker = asyncio.create_task(_run_batches(buffer, runner, backlog, thread))
        probe = LagProbe(config, group)
        watchdog = asyncio.create_task(_watch_lag(app, probe, backlog, handler.stage, health))
        try:
            await _until_stop(app, worker, stop)
        finally:
            watchdog.cancel()
            await _leave(app, worker, runner)
            publisher.close()


def _follow_assignment(app: App, stage: str, health: Health) -> None:
    async def assigned(*_: Any, **__: Any) -> None:
        health.ready("assignment", True)
        log.info("partitions assigned", stage=stage)

    async def revoked(*_: Any, **__: Any) -> None:
        health.ready("assignment", False, "a rebalance of the consumer group")

    app.on_partitions_assigned.connect(assigned, weak=False)
    app.on_partitions_revoked.connect(revoked, weak=False)


async def _run_batches(buffer: EventBuffer, runner: BatchRunner, backlog: Backlog, thread: ThreadPoolExecutor) -> None:
    """Processes batch after batch. What it raises ends the consumer with nothing of that batch acknowledged."""
    loop = asyncio.get_running_loop()
    while True:
        events: list[Event] = await buffer.take()
        batch = [to_record(event) for event in events]
        backlog.taken(batch)
        await loop.run_in_executor(thread, runner.run, batch)
        for event in events:
            event.ack()


async def _until_stop(app: App, worker: "asyncio.Task[None]", stop: threading.Event) -> None:
    """Returns at `stop`; raises what ended the worker, or `RuntimeError` where a part of Faust has crashed."""
    stopping = _stopping(stop)
    while not stop.is_set():
        await asyncio.wait([worker, stopping], timeout=CHECK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if worker.done():
            worker.result()
        crashed = crashed_service(app)
        if crashed:
            raise RuntimeError(f"Faust's {crashed} has crashed; the process has to be started again")


def _stopping(stop: threading.Event) -> "asyncio.Future[None]":
    """Is done at `stop`."""
    loop = asyncio.get_running_loop()
    stopping = loop.create_future()

    def wait() -> None:
        stop.wait()
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(stopping.cancel)

    threading.Thread(target=wait, name="wake-at-stop", daemon=True).start()
    return stopping


async def _leave(app: App, worker: "asyncio.Task[None]", runner: BatchRunner) -> None:
    """Stops fetching, lets the running batch finish, commits and leaves the group.

    A batch that retries an outage is cancelled: Faust would wait for its acknowledgement for ever, as it does for a
    broker that does not respond.
    """
    leaving = asyncio.create_task(app.stop())
    deadline = time.monotonic() + LEAVE_SECONDS
    while not leaving.done() and time.monotonic() < deadline:
        if runner.waiting:
            runner.cancel()
        if worker.done():
            app.consumer.unacked.clear()
        await asyncio.wait([leaving], timeout=LEAVE_CHECK_SECONDS)
    left = leaving.done()
    while not leaving.done():  # each of its many steps waits again
        leaving.cancel()
        await asyncio.wait([leaving], timeout=LEAVE_CHECK_SECONDS)
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
    if left:
        log.info("left the group")
    else:
        log.warning("could not leave the group; the broker notices when the session ends")


async def _watch_lag(app: App, probe: LagProbe, backlog: Backlog, stage: str, health: Health) -> None:
    """Reports progress only while there is nothing to do: agents were seen to stall while the process looks alive."""
    outage = Outage(stage, health)
    try:
        while True:
            await asyncio.sleep(PROBE_SECONDS)
            partitions = [TopicPartition(tp.topic, tp.partition) for tp in app.consumer.assignment()]
            try:
                places = await _places(app, partitions)
                lag = lag_of(places)
                if lag is None:
                    processed = {tp: place.position for tp, place in places.items() if place.position is not None}
                    lag = await asyncio.to_thread(probe.measure, partitions, processed)
            except OutageError as error:
                outage.failed(error)
                continue
            outage.over()
            backlog.measured(lag)
            if not any(lag.values()):
                health.progress()
    finally:
        probe.close()


async def _places(app: App, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, Place]:
    """Up to where all is processed, and the ends: as far as was read, once no event is unacknowledged; else nothing."""
    try:
        async with asyncio.timeout(POSITION_SECONDS):
            places = await cast(ReadCommittedConsumer, app.consumer).places(partitions)
    except TimeoutError:
        return {}
    return {} if app.consumer.unacked else places


def lag_of(places: Mapping[TopicPartition, Place]) -> dict[str, int] | None:
    """Records behind, by topic, where the fetches say so: then the broker need not be asked. None: they do not."""
    lag: dict[str, int] = {}
    for partition, place in places.items():
        if place.position is None or place.end is None:
            return None
        lag[partition.topic] = lag.get(partition.topic, 0) + max(0, place.end - place.position)
    return lag or None
