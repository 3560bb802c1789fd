"""Faust as we use it: the app's settings, raw topics, and publishing that waits for every acknowledgement."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import faust
from aiokafka.errors import (  # type: ignore[import-untyped]
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
)
from faust.exceptions import ProducerSendError
from faust.transport.drivers import aiokafka as driver

from runtime.clients import MAX_RECORD_BYTES, broker_away
from runtime.config import ProcessConfig
from runtime.metrics import PUBLISH_FAILURES, PUBLISHED
from runtime.outgoing import Outgoing
from runtime.publisher import UnpublishableError, check_size
from schemas.reasons import Reason


class IdempotentProducer(driver.Producer):
    """Faust asks for idempotence only together with transactions."""

    def _settings_extra(self) -> Mapping[str, Any]:
        return {"acks": "all", "enable_idempotence": True}


class App(faust.App):
    """A Faust app whose producer is idempotent."""

    def _new_producer_transport(self) -> Any:
        transport: Any = super()._new_producer_transport()
        transport.Producer = IdempotentProducer
        return transport


def make_app(config: ProcessConfig, group: str, datadir: str) -> App:
    """An app in the shape of docs/adr/0002-faust.md. `group` is the consumer group; `datadir` stays empty."""
    return App(
        group,
        broker=[f"kafka://{server.strip()}" for server in config.kafka_bootstrap_servers.split(",")],
        datadir=datadir,
        autodiscover=False,
        key_serializer="raw",
        value_serializer="raw",
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        broker_session_timeout=10,
        broker_heartbeat_interval=3,
        broker_request_timeout=20,
        broker_commit_interval=config.commit_seconds or 0.1,
        broker_max_poll_records=config.batch_records,
        consumer_auto_offset_reset="earliest",
        stream_wait_empty=True,
        stream_buffer_maxsize=config.batch_records,
        producer_request_timeout=10,
        producer_max_request_size=MAX_RECORD_BYTES,
        producer_max_batch_size=512 * 1024,
        producer_compression_type="lz4",
    )


def raw_topic(app: App, name: str) -> Any:
    """A topic of bytes: what Faust's own codecs cannot decode they would skip in silence."""
    return app.topic(name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")


class FaustPublisher:
    """Publishes through the app's producer; called from a worker thread while the app's loop runs in another."""

    def __init__(self, app: App, prefix: str, loop: asyncio.AbstractEventLoop) -> None:
        self._app = app
        self._prefix = prefix
        self._loop = loop
        self._topics: dict[str, Any] = {}

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """As `Publisher.publish`."""
        if not messages:
            return
        for message in messages:
            check_size(message)
        try:
            asyncio.run_coroutine_threadsafe(self._send(messages), self._loop).result()
        except (KafkaError, ProducerSendError, OSError, TimeoutError) as error:
            if isinstance(error.__cause__ or error, MessageSizeTooLargeError | RecordListTooLargeError):
                raise UnpublishableError(f"the broker refuses a record: {type(error).__name__}") from error
            PUBLISH_FAILURES.labels(Reason.BROKER_AWAY).inc()
            raise broker_away(error) from error
        for topic, count in Counter(message.topic for message in messages).items():
            PUBLISHED.labels(topic.removeprefix(f"{self._prefix}.")).inc(count)

    async def _send(self, messages: Sequence[Outgoing]) -> None:
        sent = [
            await self._topic(message.topic).send(key=message.key, value=message.value, headers=list(message.headers))
            for message in messages
        ]
        await asyncio.gather(*sent)

    def _topic(self, name: str) -> Any:
        if name not in self._topics:
            self._topics[name] = raw_topic(self._app, name)
        return self._topics[name]
