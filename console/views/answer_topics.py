"""Which topics answer what the window asks, and how an answer is read from them."""

from collections.abc import Mapping
from typing import Any

from console.desk.desk_commands import read_dead_letter, read_event
from console.servers.server_tests import read_result
from console.views.answers import Reader
from schemas.topics import CALL_EVENTS, DESK_REQUESTED, SERVER_TEST_RESULTS
from schemas.wire import Record


def readers(prefix: str) -> Mapping[str, Reader]:
    """By the full name of the topic: of a test a `ServerTestResult`, of a desk request its `Answer`, each by its id."""
    return {
        SERVER_TEST_RESULTS.name(prefix): read_result,
        CALL_EVENTS.name(prefix): _event,
        DESK_REQUESTED.dlq(prefix): _dead_letter,
    }


def _event(record: Record) -> tuple[str, Any] | None:
    answer = read_event(record)
    return None if answer is None else (answer.request_id, answer)


def _dead_letter(record: Record) -> tuple[str, Any] | None:
    answer = read_dead_letter(record)
    return None if answer is None else (answer.request_id, answer)
