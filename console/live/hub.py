"""Tells every open page what has changed, by name; the page then asks for its part again, under its own rights.

No client has a queue: it knows up to which version it has been told, the hub the version of the last change of each
name. A slow page is told once of many changes, and what is kept does not grow, whatever pages do.
"""

import asyncio
import secrets
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress

Tell = Callable[[Iterable[str]], None]  # names of what has changed

MAX_CLIENTS = 500
MAX_CLIENTS_EACH = 20  # of one account


class TooManyClientsError(Exception):
    """No further page can be told: too many are open."""


class Hub:
    """`changed` may be called from any thread; `client` within an event loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._run = secrets.token_hex(4)  # of another run of the process, a version says nothing
        self._version = 0
        self._versions: dict[str, int] = {}
        self._clients: dict[Client, str] = {}

    def changed(self, names: Iterable[str]) -> None:
        """Tells that something changed of each of these names, which are words of a fixed list."""
        with self._lock:
            for name in names:
                self._version += 1
                self._versions[name] = self._version
            clients = list(self._clients)
        for client in clients:
            client.wake()

    @contextmanager
    def client(self, account_id: str, names: Collection[str], last_event_id: str = "") -> "Iterator[Client]":
        """A client that is told of these names: since `last_event_id`, where that is of this run; else of all.

        Raises `TooManyClientsError`.
        """
        client = Client(self, frozenset(names), self._seen(last_event_id))
        with self._lock:
            same = sum(account == account_id for account in self._clients.values())
            if len(self._clients) >= MAX_CLIENTS or same >= MAX_CLIENTS_EACH:
                raise TooManyClientsError
            self._clients[client] = account_id
        try:
            yield client
        finally:
            with self._lock:
                del self._clients[client]

    @property
    def clients(self) -> int:
        return len(self._clients)

    def news(self, names: frozenset[str], seen: int) -> tuple[list[str], int]:
        """Names that changed after version `seen`, and the version of the last change."""
        with self._lock:
            found = [name for name, version in self._versions.items() if version > seen and name in names]
            return sorted(found), self._version

    def event_id(self, version: int) -> str:
        return f"{self._run}-{version}"

    def _seen(self, last_event_id: str) -> int:
        run, _, version = last_event_id.partition("-")
        return int(version) if run == self._run and version.isdecimal() and len(version) < 20 else 0


class Client:
    """One open page. Lives in one event loop."""

    def __init__(self, hub: Hub, names: frozenset[str], seen: int) -> None:
        self._hub = hub
        self._names = names
        self._seen = seen
        self._loop = asyncio.get_running_loop()
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """From any thread."""
        with suppress(RuntimeError):  # its loop has just been closed
            self._loop.call_soon_threadsafe(self._woken.set)

    async def news(self, seconds: float) -> tuple[list[str], str]:
        """Names that changed since the last call, and the id of that moment; waits up to `seconds` for some."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not (found := self._take())[0]:
                    self._woken.clear()  # a change since the line above wakes it only after this one
                    await self._woken.wait()
                return found
        return [], self._hub.event_id(self._seen)

    def _take(self) -> tuple[list[str], str]:
        names, self._seen = self._hub.news(self._names, self._seen)
        return names, self._hub.event_id(self._seen)
