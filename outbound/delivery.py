"""Mails to their servers: each server has lanes of its own, a lane one connection and one thread.

A slow server delays only its own mail: nobody waits for its lanes. What they have in hand is pending meanwhile.
"""

import time
import zlib
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, wait
from datetime import datetime

from outbound.lane import DeliveryContext, Lane, Ledger, OutgoingMail, ProfileOf
from outbound.results import Results
from outbound.server_states import CircuitBreakers
from outbound.transports import Login

BRIEFLY_SECONDS = 0.5  # quick lanes are waited for: so long at most, and little longer than their mails should take
MARGIN_SECONDS = 0.01
STALLED_SECONDS = 0.05  # no longer than that where none of those that are waited for is done meanwhile
_CLOSE_SECONDS = 5.0

_Key = tuple[str, int]


class Delivery:
    """All lanes. `deliver` is called from one thread; the lanes' threads record each result as soon as it is there."""

    def __init__(
        self,
        ledger: Ledger,
        states: CircuitBreakers,
        login: Login,
        now: Callable[[], datetime],
        profile_of: ProfileOf = lambda _server: None,
    ) -> None:
        self._post = DeliveryContext(ledger, states, now, profile_of)
        self.held = self._post.held
        self._login = login
        self._lanes: dict[_Key, Lane] = {}
        self._in_hand: dict[str, Future[Results]] = {}
        self._lines: dict[str, tuple[_Key, Future[Results]]] = {}  # the lane that has a line's last mail in hand

    def in_hand(self, notification_id: str) -> "Future[Results] | None":
        """The mail that a lane is still to send, or is sending."""
        known = self._in_hand.get(notification_id)
        return None if known is None or known.done() else known

    def settle(self) -> None:
        """Record what was sent while the database was away. Raises `OutageError` while it still is."""
        self._post.record_late()

    def deliver(self, mails: Sequence[OutgoingMail], planned: float) -> dict[str, "Future[Results] | None"]:
        """By notification id, the results to come for each recipient; None where its lane has too much in hand, or
        another lane has an earlier mail of its line, which it would overtake. `planned`: as `Lane.take` has it.

        Returns as soon as the lanes of those servers are done that answer quickly, and soon whatever they do. Results
        are in the ledger when they are there. A future raises `OutageError` where the ledger is away: then the lane
        sends nothing more, and what was sent is not sent again when the same mails come once more.
        """
        parted: dict[_Key, list[OutgoingMail]] = {}
        taken: dict[str, Future[Results] | None] = {}
        lane_of: dict[str, _Key | None]
        lane_of = {line: key for line, (key, work) in self._lines.items() if not work.done()}
        for mail in mails:
            key, line = self._lane_key(mail), mail.order.line
            if lane_of.setdefault(line, key) == key:
                parted.setdefault(key, []).append(mail)
            else:
                taken[mail.order.id] = lane_of[line] = None
        quick: list[Future[Results]] = []
        expected = 0.0
        for key, part in parted.items():
            lane = self._lane(key)
            is_quick, seconds = lane.is_quick, lane.seconds_in_hand + len(part) * lane.seconds_a_mail
            futures = lane.take(part, planned)
            for mail, future in zip(part, futures, strict=True):
                taken[mail.order.id] = future
                if future is not None:
                    self._lines[mail.order.line] = key, future
            if is_quick:
                quick += (future for future in futures if future is not None)
                expected = max(expected, seconds)
        _wait_briefly(quick, min(BRIEFLY_SECONDS, MARGIN_SECONDS + 4 * expected))
        self._in_hand = {id_: one for id_, one in (self._in_hand | taken).items() if one is not None and not one.done()}
        self._lines = {line: last for line, last in self._lines.items() if not last[1].done()}
        return taken

    def close(self) -> None:
        """Let each lane end the mail it is sending, for some seconds; then break its connection."""
        lanes = self._lanes.values()
        for lane in lanes:
            lane.stop()
        wait([lane.last for lane in lanes if lane.last], _CLOSE_SECONDS)
        for lane in lanes:
            lane.close()

    def _lane_key(self, mail: OutgoingMail) -> _Key:
        """Mails of one line go through one lane, so that they arrive in their order."""
        return mail.server.id, zlib.crc32(mail.order.line.encode()) % mail.server.connections

    def _lane(self, key: _Key) -> Lane:
        if key not in self._lanes:
            self._lanes[key] = Lane(f"lane-{key[0]}-{key[1]}", self._post, self._login)
        return self._lanes[key]


def _wait_briefly(work: Collection["Future[Results]"], seconds: float) -> None:
    """Until all is done, or nothing more is."""
    until = time.monotonic() + seconds
    while work and (left := until - time.monotonic()) > 0:
        done, work = wait(work, min(left, STALLED_SECONDS))
        if not done:
            break
