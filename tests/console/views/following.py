"""What the tests of followers share: a view that is followed until the test ends, and what is published for it."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Protocol

from schemas.servers import ServerStatus
from schemas.settings import EmailOptions
from schemas.topics import SERVER_STATUS, SETTINGS
from schemas.wire import OutputRecord, encode

SECONDS = 30.0  # longer than anything here takes: a test that waits for so long has failed


class Starts(Protocol):
    def start(self, stop: threading.Event) -> None: ...
    def join(self) -> None: ...


@contextmanager
def started(*followers: Starts) -> Iterator[None]:
    stop = threading.Event()
    for follower in followers:
        follower.start(stop)
    try:
        yield
    finally:
        stop.set()
        for follower in followers:
            follower.join()


class Told:
    """Collects names that were told, and can wait for one."""

    def __init__(self) -> None:
        self._moved = threading.Condition()
        self.names: list[str] = []

    def __call__(self, names: Iterable[str]) -> None:
        with self._moved:
            self.names += names
            self._moved.notify_all()

    def clear(self) -> None:
        self.names = []

    def wait_for(self, name: str) -> bool:
        with self._moved:
            return self._moved.wait_for(lambda: name in self.names, SECONDS)


def options(token_days: int) -> OutputRecord:
    value = EmailOptions(token_days=token_days)
    return encode(SETTINGS, "email-options/email-options", value, id=str(token_days), source="/t", time=_now())


def status(server_id: str, state: str) -> OutputRecord:
    value = ServerStatus.model_validate(
        {"server_id": server_id, "direction": "incoming", "state": state, "since": _now()}
    )
    return encode(SERVER_STATUS, server_id, value, id=f"{server_id}-{state}", source="/t", time=_now())


def _now() -> datetime:
    return datetime.now(UTC)
