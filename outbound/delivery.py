"""Messages to their servers: each server has connections of its own, each used by one thread.

A slow server delays only its own messages: nobody waits for its connections. What they have is in flight meanwhile.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from datetime import datetime

from outbound.delivery_order import RecentDeferrals
from outbound.recording import Ledger, ResultRecorder
from outbound.results import Results
from outbound.server_availability import CircuitBreakers
from outbound.server_connection import DeliveryContext, OutgoingMail, ProfileOf, ServerConnection
from outbound.transports.base import Login
from schemas.settings import OutgoingServer

BRIEFLY_SECONDS = 0.5  # quick connections are waited for: this long at most, little longer than messages should take
MARGIN_SECONDS = 0.01
STALLED_SECONDS = 0.05  # no longer than that where none of those that are waited for is done meanwhile
_CLOSE_SECONDS = 5.0

_Key = tuple[str, int]


class Delivery:
    """All connections. `deliver` is called from one thread; each connection's thread records a result at once."""

    def __init__(
        self,
        ledger: Ledger,
        breakers: CircuitBreakers,
        login: Login,
        now: Callable[[], datetime],
        profile_of: ProfileOf = lambda _server: None,
    ) -> None:
        self.deferrals = RecentDeferrals()
        self._recorder = ResultRecorder(ledger)
        self._context = DeliveryContext(self._recorder, breakers, self.deferrals, now, profile_of)
        self._login = login
        self._connections: dict[_Key, ServerConnection] = {}
        self._in_flight: dict[str, Future[Results]] = {}
        self._lines: dict[str, tuple[_Key, Future[Results]]] = {}  # the connection that has a line's last message

    def in_flight(self, notification_id: str) -> "Future[Results] | None":
        """The message that a connection is still to send, or is sending."""
        work = self._in_flight.get(notification_id)
        return None if work is None or work.done() else work

    def flush_ledger(self) -> None:
        """Record what was sent while the database was unavailable. Raises `OutageError` while it still is."""
        self._recorder.flush_unrecorded()

    def deliver(self, mails: Sequence[OutgoingMail], planned: float) -> dict[str, "Future[Results] | None"]:
        """By notification id, the results to come for each recipient; None where its connection has too much in flight,
        or another one has an earlier message of its line, which it would overtake. `planned`: see `take`.

        Returns as soon as the connections to those servers are done that reply quickly, and soon in any case. Results
        are in the ledger when they are there. A future raises `OutageError` where the ledger is unavailable: then the
        connection sends nothing more, and what was sent is not sent again when the same messages are redelivered.
        """
        by_connection: dict[_Key, list[OutgoingMail]] = {}
        loads: dict[str, dict[_Key, int]] = {}
        taken: dict[str, Future[Results] | None] = {}
        connection_of: dict[str, _Key | None]
        connection_of = {line: key for line, (key, work) in self._lines.items() if not work.done()}
        for mail in mails:
            line, server = mail.job.line, mail.server
            load = loads.get(server.id) or loads.setdefault(server.id, self._load(server))
            key = connection_of[line] if line in connection_of else min(load, key=load.__getitem__)
            if key in load:
                load[key] += 1
                connection_of[line] = key
                by_connection.setdefault(key, []).append(mail)
            else:
                taken[mail.job.id] = connection_of[line] = None
        quick: list[Future[Results]] = []
        runs: list[Future[None]] = []
        expected = 0.0
        for key, part in by_connection.items():
            connection = self._connection(key)
            is_quick = connection.is_quick
            seconds = connection.seconds_in_flight + len(part) * connection.seconds_per_message
            futures = connection.take(part, planned)
            for mail, future in zip(part, futures, strict=True):
                taken[mail.job.id] = future
                if future is not None:
                    self._lines[mail.job.line] = key, future
            if is_quick and connection.last and futures[0]:
                runs.append(connection.last)
                quick += (future for future in futures if future is not None)
                expected = max(expected, seconds)
        _wait_briefly(runs, quick, min(BRIEFLY_SECONDS, MARGIN_SECONDS + 4 * expected))
        self._in_flight = {
            id_: work for id_, work in (self._in_flight | taken).items() if work is not None and not work.done()
        }
        self._lines = {line: last for line, last in self._lines.items() if not last[1].done()}
        return taken

    def close(self) -> None:
        """Let each connection end the message it is sending, for some seconds; then break it."""
        connections = self._connections.values()
        for connection in connections:
            connection.stop()
        wait([connection.last for connection in connections if connection.last], _CLOSE_SECONDS)
        for connection in connections:
            connection.close()

    def _load(self, server: OutgoingServer) -> dict[_Key, int]:
        """How many messages each of the server's connections has."""
        keys = [(server.id, number) for number in range(server.connections)]
        return {key: self._connection(key).in_flight for key in keys}

    def _connection(self, key: _Key) -> ServerConnection:
        if key not in self._connections:
            self._connections[key] = ServerConnection(f"connection-{key[0]}-{key[1]}", self._context, self._login)
        return self._connections[key]


def _wait_briefly(runs: Sequence["Future[None]"], work: Sequence["Future[Results]"], seconds: float) -> None:
    """Until all is done, or nothing more is. `runs`: of the connections that have the work; to wait for these few costs
    less than for each message."""
    until = time.monotonic() + seconds
    while work and (left := until - time.monotonic()) > 0:
        wait(runs, min(left, STALLED_SECONDS))
        before, work = len(work), [one for one in work if not one.done()]
        if len(work) == before:
            break
