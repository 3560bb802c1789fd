"""Faust as we use it: an app that only consumes raw bytes, and agents that only fill a buffer."""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache
from typing import Any

from runtime.config import ProcessConfig
from runtime.kafka.aiokafka_security import for_faust, renew_aiokafka_sessions
from runtime.kafka.brief_fetches import hold_aiokafka_fetches_briefly
from runtime.kafka.poll_limits import limit_aiokafka_polls
from runtime.kafka.response_reader import read_aiokafka_responses_whole
from runtime.kafka.security import security_of
from runtime.kafka.unreadable_records import fix_aiokafka_records
from runtime.processing.faust_consumer import ReadCommittedTransport
from runtime.processing.faust_library import BootStrategy, faust
from schemas.wire import Record

Event = Any  # faust.events.Event


class ConsumeOnly(BootStrategy):
    """Without Faust's producer: it is not idempotent, and `runtime/kafka/producer.py` needs half of its CPU."""

    enable_kafka_producer = False
    enable_sensors = False


class App(faust.App):
    BootStrategy = ConsumeOnly
    logger = logging.getLogger("faust.app")

    def on_init_dependencies(self) -> Iterable[Any]:
        """Without Faust's monitor: what it notes of each message nobody reads."""
        services: Iterable[Any] = super().on_init_dependencies()
        self.sensors.remove(self.monitor)
        return services

    def _new_producer(self) -> Any:
        """Nothing is sent by it, so that no message waits until there is less to send: Faust looks at each of them."""
        producer: Any = super()._new_producer()
        producer.buffer.wait_until_ebb = _at_once
        return producer

    def _new_transport(self) -> ReadCommittedTransport:
        return ReadCommittedTransport(self.conf.broker_consumer, self)


async def _at_once(*_: Any) -> None: ...


def make_app(config: ProcessConfig, group: str, datadir: str) -> App:
    """An app in the shape of docs/adr/0002-faust.md. `group` is the consumer group; `datadir` stays empty."""
    fix_aiokafka_records()
    limit_aiokafka_polls()
    hold_aiokafka_fetches_briefly()
    read_aiokafka_responses_whole()
    renew_aiokafka_sessions()
    _give_events_at_once()
    return App(
        group,
        broker=[f"kafka://{server.strip()}" for server in config.kafka_bootstrap_servers.split(",")],
        broker_credentials=for_faust(security_of(config)),
        datadir=datadir,
        autodiscover=False,
        key_serializer="raw",
        value_serializer="raw",
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        broker_session_timeout=config.session_seconds,
        broker_heartbeat_interval=config.session_seconds * 0.3,
        broker_request_timeout=config.session_seconds + 10,
        broker_commit_interval=config.commit_seconds or 0.1,
        broker_max_poll_records=config.batch_records,
        consumer_auto_offset_reset="earliest",
        HttpClient=object,  # never made; the default's module, aiohttp, takes 10 MB
        stream_wait_empty=True,
        stream_buffer_maxsize=4 * config.batch_records,  # more than the consumer holds
    )


@cache
def _give_events_at_once() -> None:
    """Once a process: before each event a stream ends its turn of the loop, which is a fifth of what an event costs.

    Here it need not: it waits where nothing is left, or `EventBuffer` has no room. Without its part in Cython it still
    gives one event a turn.
    """
    with suppress(ImportError):
        from faust._cython import streams

        streams.sleep = _at_once


class Undecoded(faust.Schema[Any, Any]):
    """Keys and values stay the bytes that they are, without a way through the codecs, which could refuse them.

    An event has no headers of its own: those of its message are a list, in which a name can stand twice.
    """

    def compile(self, app: Any, **_: Any) -> Any:
        make_event = app.conf.Event  # once: Faust notes each look into its settings

        async def decode(message: Any, **_: Any) -> Event:
            return make_event(app, message.key, message.value, None, message)

        return decode


class EventBuffer:
    """Events between the agents and the worker, in order and bounded."""

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
        before = 0
        while before < len(self._events):  # an agent may bring what one poll has given one by one, one a turn
            before = len(self._events)
            await asyncio.sleep(0)
        batch = [self._events.popleft()]
        size = _size(batch[0])
        while self._events and size + _size(self._events[0]) <= self._max_bytes:
            batch.append(self._events.popleft())
            size += _size(batch[-1])
        self._emptied.set()
        return batch


def add_agents(app: App, topics: Sequence[str], buffer: EventBuffer) -> None:
    """One per topic (full name), with concurrency 1."""

    async def take(stream: Any) -> None:
        events = stream.noack()
        async for _ in events:
            await buffer.put(events.current_event)

    for name in topics:
        topic = app.topic(name, schema=Undecoded())
        app.agent(topic, name=f"mailcall-{name}", concurrency=1)(take)


def crashed_service(service: Any) -> str | None:
    """Name of the first of Faust's services that has crashed: Faust itself runs on without its consumer thread."""
    if service.crashed:
        return type(service).__name__
    return next(filter(None, map(crashed_service, service._children)), None)


def to_record(event: Event) -> Record:
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
