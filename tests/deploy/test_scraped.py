"""A real Prometheus scrapes a real /metrics with our rules: all of it is understood, and the first event is seen."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from deploy.local.ports import wait_until
from deploy.local.servers.prometheus import Prometheus
from runtime.telemetry.health import Health, HealthServer
from runtime.telemetry.metrics import BUILD_INFO, DEAD_LETTERS, HANDOVER_SECONDS
from tests.deploy.test_alerts import ALERTS, FILES
from tests.deploy.test_dashboard import queries

pytestmark = pytest.mark.debian
SECONDS = 30


@pytest.fixture(scope="module")
def prometheus(promtool: Path) -> Iterator[Prometheus]:
    """With the metrics of this process, which says that it is the resolver."""
    BUILD_INFO.clear()
    BUILD_INFO.labels("resolver", "0").set(1)
    with ExitStack() as stack:
        served = stack.enter_context(closing(HealthServer(Health(), "127.0.0.1", 0).start()))
        prometheus = stack.enter_context(Prometheus([f"127.0.0.1:{served.port}"], FILES))
        assert wait_until(lambda: bool(prometheus.query("mailcall_build_info")), SECONDS)
        yield prometheus


def firing(prometheus: Prometheus) -> set[str]:
    alerts: list[dict[str, Any]] = prometheus.ask("alerts")["alerts"]
    return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}


def test_every_rule_is_evaluated_and_every_panel_answered(prometheus: Prometheus) -> None:
    def rules() -> list[dict[str, Any]]:
        return [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]

    assert wait_until(lambda: all(rule["health"] != "unknown" for rule in rules()), SECONDS)
    assert [rule for rule in rules() if rule["health"] != "ok"] == []
    assert {rule["name"] for rule in rules()} > set(ALERTS)
    for _, query, _ in queries():
        prometheus.query(query)  # raises where it is none


def test_the_first_dead_letter_of_its_kind_is_told_of(prometheus: Prometheus) -> None:
    """Its counter begins to exist with it: `increase` alone would not see it."""
    assert "MailcallDeadLetters" not in firing(prometheus)
    DEAD_LETTERS.labels("resolver", "null-value").inc()
    assert wait_until(lambda: "MailcallDeadLetters" in firing(prometheus), SECONDS)


def test_a_quantile_of_a_histogram_is_a_number(prometheus: Prometheus) -> None:
    HANDOVER_SECONDS.labels("resolver", "mail.fetched.v1").observe(0)

    def seconds() -> list[str]:
        HANDOVER_SECONDS.labels("resolver", "mail.fetched.v1").observe(0.4)
        found = prometheus.query('stage_topic:mailcall_handover_seconds:p95_5m{topic="mail.fetched.v1"}')
        return [one["value"][1] for one in found]

    assert wait_until(lambda: any(0 < float(value) <= 0.5 for value in seconds()), SECONDS)
