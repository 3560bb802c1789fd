"""Faust as we use it: an app that only consumes, and topics of raw bytes."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any
from weakref import WeakSet

import faust
from faust.app.base import BootStrategy
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from mode.threads import WorkerThread

from runtime.broker_sessions import renew_aiokafka_sessions
from runtime.config import ProcessConfig
from runtime.header_names import mend_aiokafka
from runtime.kafka_security import for_faust, security_of
from runtime.polled_bytes import MAX_POLLED_BYTES, bound_aiokafka

THREAD_SECONDS = 5.0
HELD_SECONDS = 0.05  # until it is looked again whether more may be polled


class ConsumeOnly(BootStrategy):
    """Faust's producer is left out: it is not idempotent, and `runtime.publisher` needs half of its CPU."""

    enable_kafka_producer = False


class Worker(WorkerThread):
    """A thread that is not waited for without end: with a broker that answers nothing it does not end."""

    def __init__(self, service: Any) -> None:
        super().__init__(service)
        self.daemon = True

    def stop(self) -> None:
        self.is_stopped.wait(THREAD_SECONDS)


class ReadCommittedThread(AIOKafkaConsumerThread):
    """Sees no record of an open or aborted transaction. Faust has that only together with transactions of its own."""

    Worker = Worker

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"  # taken when it starts
        return consumer


class ReadCommittedConsumer(Consumer):
    """Polls for more only while less than a poll's bytes wait to be handled: Faust's own queues count records alone."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._held: WeakSet[Any] = WeakSet()

    async def getmany(self, timeout: float) -> AsyncIterator[Any]:
        if sum(len(message.value or b"") for message in self._held if not message.acked) >= MAX_POLLED_BYTES:
            await asyncio.sleep(HELD_SECONDS)
            return
        async for partition, message in super().getmany(timeout):
            self._held.add(message)
            yield partition, message

    def _new_consumer_thread(self) -> ReadCommittedThread:
        return ReadCommittedThread(self, loop=self.loop, beacon=self.beacon)


class ReadCommittedTransport(Transport):
    Consumer = ReadCommittedConsumer


class App(faust.App):
    BootStrategy = ConsumeOnly
    logger = logging.getLogger("faust.app")

    def _new_transport(self) -> ReadCommittedTransport:
        return ReadCommittedTransport(self.conf.broker_consumer, self)


def make_app(config: ProcessConfig, group: str, datadir: str) -> App:
    """An app in the shape of docs/adr/0002-faust.md. `group` is the consumer group; `datadir` stays empty."""
    mend_aiokafka()
    bound_aiokafka()
    renew_aiokafka_sessions()
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
        stream_wait_empty=True,
        stream_buffer_maxsize=config.batch_records,
    )


def raw_topic(app: App, name: str) -> Any:
    """A topic of bytes: what Faust's own codecs cannot decode they would skip in silence."""
    return app.topic(name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
