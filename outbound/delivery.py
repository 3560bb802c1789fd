"""Messages to their servers: each server has connections of its own.

A slow server delays only its own messages: nobody waits for its connections. What they have is in flight meanwhile.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, wait
from datetime import datetime
from functools import partial

from outbound.delivery_order import RecentDeferrals
from outbound.message_sender import DeliveryContext, OutgoingMail, ProfileOf
from outbound.recording import Ledger, ResultRecorder
from outbound.results import Results
from outbound.rounds import send_in_rounds
from outbound.server_availability import CircuitBreakers
from outbound.server_connection import ServerConnection
from outbound.transports.base import Login
from schemas.settings import OutgoingServer

BRIEFLY_SECONDS = 0.5  # quick connections are waited for: this long at most, little longer than messages should take
MARGIN_SECONDS = 0.01
STALLED_SECONDS = 0.05  # no longer than that where none of those that are waited for is done meanwhile
_CLOSE_SECONDS = 5.0


class Delivery:
    """All connections. `deliver` is called from one thread; the thread that sends a message records its results."""

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
        self._connections: dict[tuple[str, int], ServerConnection] = {}
        self._in_flight: dict[str, Future[Results]] = {}
        # The connection that has a line's messages, any of which may be cancelled.
        self._lines: dict[str, tuple[ServerConnection, list[Future[Results]]]] = {}

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
        taken: dict[str, Future[Results] | None] = {}
        quick: list[Future[Results]] = []
        runs: list[Future[None]] = []
        expected = 0.0
        for parts in self._share_out(mails, taken):
            waited_for = [connection for connection in parts if connection.is_quick]
            in_rounds = 1 < len(parts) == len(waited_for) and not any(connection.in_flight for connection in parts)
            for connection, part in parts.items():
                seconds = connection.seconds_in_flight + len(part) * connection.seconds_per_message
                futures = connection.take(part, planned)
                for mail, future in zip(part, futures, strict=True):
                    taken[mail.job.id] = future
                    if future is not None:
                        has_line, works = self._lines.get(mail.job.line, (None, []))
                        if has_line is not connection:
                            self._lines[mail.job.line] = connection, (works := [])
                        works.append(future)
                if connection in waited_for:
                    quick += (future for future in futures if future is not None)
                    expected = max(expected, seconds)
            if in_rounds:
                runs.append(waited_for[0].start(partial(send_in_rounds, waited_for, self._recorder.record_each)))
            else:
                started = {connection: connection.start() for connection in parts}
                runs += (started[connection] for connection in waited_for)
        _wait_briefly(runs, quick, min(BRIEFLY_SECONDS, MARGIN_SECONDS + 4 * expected))
        self._in_flight = {
            id_: work for id_, work in (self._in_flight | taken).items() if work is not None and not work.done()
        }
        self._lines = {
            line: (connection, left)
            for line, (connection, works) in self._lines.items()
            if (left := [work for work in works if not work.done()])
        }
        return taken

    def _share_out(
        self, mails: Sequence[OutgoingMail], taken: dict[str, "Future[Results] | None"]
    ) -> Iterable[dict[ServerConnection, list[OutgoingMail]]]:
        """What each connection gets, by server: a line's messages the same one, else the one that has the fewest.

        A message that would overtake its line's earlier ones, which a connection of another server has, is None in
        `taken`.
        """
        loads: dict[str, dict[ServerConnection, int]] = {}  # by server: how many messages each of its connections has
        parts: dict[str, dict[ServerConnection, list[OutgoingMail]]] = {}
        connection_of: dict[str, ServerConnection | None]
        connection_of = {
            line: connection
            for line, (connection, works) in self._lines.items()
            if not all(work.done() for work in works)
        }
        for mail in mails:
            line, server = mail.job.line, mail.server
            load = loads.get(server.id) or loads.setdefault(server.id, self._load(server))
            connection = connection_of[line] if line in connection_of else min(load, key=load.__getitem__)
            if connection in load:
                load[connection] += 1
                connection_of[line] = connection
                parts.setdefault(server.id, {}).setdefault(connection, []).append(mail)
            else:
                taken[mail.job.id] = connection_of[line] = None
        return parts.values()

    def close(self) -> None:
        """Let each connection end the message it is sending, for some seconds; then break it."""
        connections = self._connections.values()
        for connection in connections:
            connection.stop()
        until = time.monotonic() + _CLOSE_SECONDS
        for connection in connections:
            connection.close(until - time.monotonic())

    def _load(self, server: OutgoingServer) -> dict[ServerConnection, int]:
        """How many messages each of the server's connections has."""
        connections = (self._connection(server.id, number) for number in range(server.connections))
        return {connection: connection.in_flight for connection in connections}

    def _connection(self, server_id: str, number: int) -> ServerConnection:
        key = server_id, number
        if key not in self._connections:
            self._connections[key] = ServerConnection(f"connection-{server_id}-{number}", self._context, self._login)
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
