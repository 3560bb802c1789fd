"""What outbound's tests share: a notification, a server's settings, the clock's only moment."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from outbound.choose_server import Chosen
from schemas.events import NotificationRequested
from schemas.settings import Authentication, OutgoingServer, Security

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


def by(server: OutgoingServer) -> Chosen:
    """The partition's own server sends."""
    return Chosen(server, server)
