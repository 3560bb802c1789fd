"""Faust as we use it: an app that only consumes, and topics of raw bytes."""

import logging
from typing import Any

import faust
from faust.app.base import BootStrategy

from runtime.config import ProcessConfig


class ConsumeOnly(BootStrategy):
    """Faust's producer is left out: it is not idempotent, and `runtime.publisher` needs half of its CPU."""

    enable_kafka_producer = False


class App(faust.App):
    BootStrategy = ConsumeOnly
    logger = logging.getLogger("faust.app")


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
