"""`python -m logger`: the process that logs calls."""

from runtime.garbage import collect_nothing

if __name__ == "__main__":
    collect_nothing()  # while everything else is imported

import sys
import threading
from functools import partial

from desk.engine import open_desk
from desk.migrate import upgrade
from logger.config import LoggerConfig
from logger.handler import LoggerHandler
from logger.publish import relay_until
from runtime.kafka.producer import Publisher
from runtime.lifecycle import beside, run
from runtime.outages import Outage, Stopped, retry_until_available
from runtime.processing.consumer import ConsumerLoop
from runtime.scheduling import work_in_batches
from runtime.settings_view import SettingsView
from runtime.telemetry.health import Health
from schemas.topics import NOTIFICATION_RESULTS


def main(config: LoggerConfig, stop: threading.Event, health: Health) -> None:
    """Wires the process and runs it until `stop`."""
    engine = open_desk(config.desk_url, by_keys=True)
    publisher = Publisher(config)
    try:
        retry_until_available(lambda: upgrade(engine), Outage("logger", health), stop.wait)
        health.ready("database", True)
        view = SettingsView(config, health)
        view.start(stop)
        handler = LoggerHandler(engine, lambda: view.current, publisher.publish, config.topic_prefix)
        relay = partial(relay_until, stop, engine, publisher.publish, health, handler.published)
        try:
            with beside(relay, stop):
                loop = ConsumerLoop(
                    config, handler, publisher, "logger", stop, health, unhurried=(NOTIFICATION_RESULTS,)
                )
                loop.run()
        finally:
            handler.close()
    except Stopped:
        pass  # stopped while it waited
    finally:
        publisher.close()
        engine.dispose()


if __name__ == "__main__":
    work_in_batches()
    sys.exit(run("logger", LoggerConfig, main))
