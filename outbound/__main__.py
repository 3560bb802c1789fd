"""`python -m outbound`: the process that sends notifications."""

from runtime.garbage import collect_nothing

if __name__ == "__main__":
    collect_nothing()  # while everything else is imported

import sys
import threading
import time
from datetime import UTC, datetime

from desk.deliveries import DeliveryLedger
from desk.engine import open_desk
from desk.migrate import wait_until_current
from mailserver.logins import Logins
from mailserver.token_store import TopicTokenStore
from outbound.config import OutboundConfig
from outbound.delivery import Delivery
from outbound.handler import OutboundHandler
from outbound.server_availability import CircuitBreakers, RateLimiter
from outbound.server_test import server_tester
from runtime.kafka.producer import Publisher
from runtime.lifecycle import beside, run
from runtime.net.dialling import refuse_networks
from runtime.outages import Outage, Stopped, retry_until_available
from runtime.processing.consumer import ConsumerLoop
from runtime.processing.group import BESIDE_PROBE_SECONDS
from runtime.scheduling import work_in_batches
from runtime.security.token_keys import token_keys_of
from runtime.server_tests import ServerTestHandler
from runtime.settings_view import SettingsView
from runtime.telemetry.health import Health


def _now() -> datetime:
    return datetime.now(UTC)


def main(config: OutboundConfig, stop: threading.Event, health: Health) -> None:
    """Wires the process and runs it until `stop`."""
    refuse_networks(config.refused_networks)
    token_keys = token_keys_of(config)
    view = SettingsView(config, health)
    view.start(stop)
    engine = open_desk(config.desk_url)
    ledger = DeliveryLedger(engine)
    publisher = Publisher(config)
    logins = Logins(config, TopicTokenStore(config, publisher.publish), lambda: view.current)
    breakers = CircuitBreakers(logins.secret_ends)
    breakers.settings_changed(view.current)
    view.on_change(breakers.settings_changed)
    delivery = Delivery(
        ledger, breakers, logins.account, _now, lambda server: view.current.mapi_profile(server.profile or "")
    )
    rate_limiter = RateLimiter(lambda: loop.share(), time.monotonic)
    handler = OutboundHandler(lambda: view.current, ledger, delivery, breakers, _now, rate_limiter, token_keys)
    loop = ConsumerLoop(config, handler, publisher, "outbound", stop, health)
    tests = ServerTestHandler(server_tester(logins.account, _now), lambda: view.current, _now)
    # With a health of its own: most instances have no partition of the tests, and are ready all the same.
    test_loop = ConsumerLoop(
        config,
        tests,
        publisher,
        "outbound-tests",
        stop,
        Health(config.stall_seconds),
        probe_seconds=BESIDE_PROBE_SECONDS,
    )
    try:
        retry_until_available(lambda: wait_until_current(engine, 1), Outage("outbound", health), stop.wait)
        with beside(test_loop.run, stop):
            loop.run()
    except Stopped:
        pass  # asked to stop while it waited
    finally:
        tests.close()
        delivery.close()
        publisher.close()
        ledger.close()
        engine.dispose()


if __name__ == "__main__":
    work_in_batches()
    sys.exit(run("outbound", OutboundConfig, main))
