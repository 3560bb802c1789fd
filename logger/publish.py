"""Publishing what the outbox holds: at once while the loop runs, and later what a logger left behind."""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from desk import outbox
from runtime.health import Health
from runtime.logs import get_logger
from runtime.outcomes import OutageError
from runtime.publisher import UnpublishableError
from schemas.wire import OutputRecord

log = get_logger(__name__)

EVERY_SECONDS = 10.0
LEFT_BEHIND = timedelta(seconds=30)  # a logger at work publishes its rows sooner, or knows them and tries again


def publish_all(publish: outbox.Publish, messages: Sequence[OutputRecord]) -> None:
    """Publishes all, less what the broker refuses for what it is: that is logged, and stops nothing else."""
    try:
        publish(messages)
        return
    except UnpublishableError:
        if len(messages) == 1:
            log.exception("a record that the broker refuses is left out", topic=messages[0].topic.short)
            return
    for message in messages:
        publish_all(publish, [message])


def relay_until(
    stop: threading.Event, engine: Engine, publish: outbox.Publish, health: Health, every_seconds: float = EVERY_SECONDS
) -> None:
    """Publishes what other loggers left behind, at once all of it and then now and again, until `stop`."""

    def send(messages: Sequence[OutputRecord]) -> None:
        with health.step("outbox"):
            publish_all(publish, messages)

    older_than = datetime.now(UTC)
    while True:
        try:
            rows = outbox.relay(engine, send, older_than)
            if rows:
                log.warning("published what another logger left behind", rows=rows)
        except OutageError as error:
            log.info("what is left behind has to wait", reason=error.reason)
        if stop.wait(every_seconds):
            return
        older_than = datetime.now(UTC) - LEFT_BEHIND
