"""A poll of a consumer group asks the thread of the connections for the coordinator only where it has to."""

from types import SimpleNamespace
from typing import Any

import pytest
from kafka.coordinator.base import BaseCoordinator

from runtime.kafka.clients import _take_known_coordinators


@pytest.fixture(autouse=True)
def taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def wait_for_coordinator(_coordinator: Any, timeout_ms: float | None = None) -> bool:
        waited.append(timeout_ms)
        return False

    waited.clear()
    monkeypatch.setattr(BaseCoordinator, "ensure_coordinator_ready", wait_for_coordinator)
    _take_known_coordinators.__wrapped__()


waited: list[float | None] = []


def coordinator(node: int | None, connected: set[int]) -> Any:
    return SimpleNamespace(
        coordinator_id=node, _client=SimpleNamespace(is_disconnected=lambda asked: asked not in connected)
    )


def test_one_that_is_known_and_connected_is_taken_at_once() -> None:
    assert BaseCoordinator.ensure_coordinator_ready(coordinator(0, {0}), timeout_ms=100) is True
    assert not waited


@pytest.mark.parametrize(("node", "connected"), [(None, {0}), (0, set()), (0, {1})])
def test_any_other_is_waited_for_as_ever(node: int | None, connected: set[int]) -> None:
    assert BaseCoordinator.ensure_coordinator_ready(coordinator(node, connected), timeout_ms=100) is False
    assert waited == [100]
