"""What outbound's tests share: a notification, a server's settings, the clock's only moment."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from deploy.local.servers.smtp_sink import SmtpSink
from desk.deliveries import DeliveryLedger
from desk.engine import open_desk
from outbound.choose import Chosen
from schemas.events import NotificationRequested
from schemas.settings import Authentication, EmailOptions, OutgoingServer, Security
from tests.desks import new_desk
from tests.outbound.desk import Desk

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def make_request() -> Callable[..., NotificationRequested]:
    def make(**changes: Any) -> NotificationRequested:
        values: dict[str, Any] = {
            "notification_id": "0123456789abcdef" * 2,
            "recipient": "ursula@example.com",
            "recipient_name": "Ursula Usher",
            "partition": "it",
            "event": "CallLogged",
            "data": {"reference": "C-000123", "subject": "Printer on fire", "priority": "P2"},
            "requested_at": NOW,
        }
        return NotificationRequested.model_validate(values | changes)

    return make


@pytest.fixture
def make_server() -> Callable[..., OutgoingServer]:
    def make(**changes: Any) -> OutgoingServer:
        values: dict[str, Any] = {
            "id": "it-out",
            "host": "127.0.0.1",
            "security": Security.NONE,
            "authentication": Authentication.NONE,
            "from_address": "it@desk.example",
            "from_name": "IT help desk",
            "timeout_seconds": 5,
        }
        return OutgoingServer.model_validate(values | changes)

    return make


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[DeliveryLedger]:
    engine = open_desk(new_desk(tmp_path / "desk.db"))
    ledger = DeliveryLedger(engine)
    yield ledger
    ledger.close()
    engine.dispose()


@pytest.fixture
def desk(ledger: DeliveryLedger, now: datetime) -> Iterator[Desk]:
    desk = Desk(ledger, now)
    yield desk
    desk.delivery.close()


@pytest.fixture
def served(desk: Desk, smtp_sink: SmtpSink, make_server: Callable[..., OutgoingServer]) -> Desk:
    """A desk whose default outgoing server is the sink."""
    desk.apply(make_server(port=smtp_sink.port), EmailOptions(default_outgoing_server="it-out"))
    return desk


def by(server: OutgoingServer) -> Chosen:
    """The partition's own server sends."""
    return Chosen(server, server)
