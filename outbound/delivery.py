"""Mails to their servers: each server has lanes of its own, a lane one connection and one thread.

A slow server delays only its own mail: after a few seconds its mails are called deferred, while its lane goes on with
them. Should the deferred record come back before the lane is done, `in_hand` knows it; after, the ledger does.
"""

import threading
import time
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from mailserver.errors import MailServerError
from outbound.compose import Composed
from outbound.cpu import counted
from outbound.headers import wire_address
from outbound.results import Order
from outbound.server_states import ServerStates
from outbound.transport import Login, SmtpTransport
from runtime.logs import get_logger
from runtime.outcomes import OutageError
from schemas.events import NotificationResult
from schemas.reasons import Reason
from schemas.settings import OutgoingServer

PATIENCE_SECONDS = 5.0  # how long a batch waits for its servers
START_WITHIN_SECONDS = 300.0  # what a lane has not begun by then, it leaves to the deferred record
IN_HAND_SECONDS = 900.0  # when that record comes: the mail begun last has met its time-outs by then
MAX_IN_HAND = 500  # mails of late batches that one lane keeps
_CLOSE_SECONDS = 5.0

log = get_logger(__name__)


class Ledger(Protocol):
    """Where results are kept for good: `desk.deliveries.DeliveryLedger`."""

    def record(self, result: NotificationResult) -> None: ...


Results = tuple[NotificationResult, ...]


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail ready to be sent, what asked for it, and to whom it is still to go."""

    order: Order
    server: OutgoingServer
    composed: Composed
    recipients: tuple[str, ...]


@dataclass(slots=True)
class _Batch:
    """What one lane was given at once. `results` fills while the lane works."""

    mails: Sequence[Mail]
    start_before: float
    results: dict[str, Results] = field(default_factory=dict)
    done: "Future[None]" = field(default_factory=Future)


class Delivery:
    """All lanes. `deliver` is called from one thread; the lanes' threads record each result as soon as it is final."""

    def __init__(
        self, ledger: Ledger, states: ServerStates, login: Login, connections: int, now: Callable[[], datetime]
    ) -> None:
        self._post = _Post(ledger, states, now)
        self._login = login
        self._connections = connections
        self._lanes: dict[tuple[str, int], _Lane] = {}

    def in_hand(self, notification_id: str) -> bool:
        """Whether a lane is still to send this mail, or is sending it."""
        return notification_id in self._post.in_hand

    def settle(self) -> None:
        """Record what was sent while the database was away. Raises `OutageError` while it still is."""
        self._post.record_late()

    def deliver(self, mails: Sequence[Mail]) -> dict[str, Results]:
        """By notification id, the result for each recipient. Returns after `PATIENCE_SECONDS` whatever the servers do.

        `sent` and `failed` are in the ledger by then. Raises `OutageError` where the ledger is away: nothing more is
        sent then, and what was sent is not sent again when the same mails come once more.
        """
        parted: dict[tuple[str, int], list[Mail]] = {}
        for mail in mails:
            parted.setdefault(self._lane_key(mail), []).append(mail)
        taken = [(self._lane(key), part) for key, part in parted.items()]
        given = [(lane.busy, lane.take(part)) for lane, part in taken]
        wait([batch.done for was_busy, batch in given if not was_busy], PATIENCE_SECONDS)
        for _, batch in given:
            if batch.done.done():
                batch.done.result()  # raises what stopped the lane
        return {mail.order.id: self._results(mail, batch) for _, batch in given for mail in batch.mails}

    def close(self) -> None:
        """Let each lane end the mail it is sending, for some seconds; then break its connection."""
        lanes = self._lanes.values()
        for lane in lanes:
            lane.stop()
        wait([lane.last for lane in lanes if lane.last], _CLOSE_SECONDS)
        for lane in lanes:
            lane.close()

    def _lane_key(self, mail: Mail) -> tuple[str, int]:
        """Mails to one recipient go through one lane, so that they arrive in their order."""
        return mail.server.id, zlib.crc32(mail.order.request.recipient.encode()) % self._connections

    def _lane(self, key: tuple[str, int]) -> "_Lane":
        if key not in self._lanes:
            self._lanes[key] = _Lane(f"smtp-{key[0]}-{key[1]}", self._post, self._login)
        return self._lanes[key]

    def _results(self, mail: Mail, batch: _Batch) -> Results:
        known = batch.results.get(mail.order.id)
        return known or mail.order.results(
            mail.recipients, "deferred", Reason.SERVER_SLOW, self._post.now(), server_id=mail.server.id
        )


class _Post:
    """What the lanes share: the ledger, the servers' states, and which mails are in hand."""

    def __init__(self, ledger: Ledger, states: ServerStates, now: Callable[[], datetime]) -> None:
        self.states = states
        self.now = now
        self.in_hand: set[str] = set()
        self._ledger = ledger
        self._unrecorded: dict[tuple[str, str], NotificationResult] = {}

    def record(self, result: NotificationResult) -> None:
        """One autocommitted upsert, before the lane sends its next mail: a crash repeats at most one mail a lane."""
        key = (result.notification_id, result.recipient)
        self._unrecorded[key] = result
        self._ledger.record(result)
        del self._unrecorded[key]

    def record_late(self) -> None:
        for result in list(self._unrecorded.values()):
            self.record(result)


class _Lane:
    """One connection to one server and the thread that uses it."""

    def __init__(self, name: str, post: _Post, login: Login) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._post = post
        self._login = login
        self._transport: SmtpTransport | None = None
        self._waiting = 0
        self._stopping = threading.Event()
        self.last: Future[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether it has not ended an earlier batch: its server is slow."""
        return self.last is not None and not self.last.done()

    def take(self, mails: Sequence[Mail]) -> _Batch:
        """Begin with these mails, once those taken before are done; refuse them all if those are too many."""
        batch = _Batch(mails, time.monotonic() + START_WITHIN_SECONDS)
        if self.busy and self._waiting + len(mails) > MAX_IN_HAND:
            return batch
        self._waiting += len(mails)
        self._post.in_hand.update(mail.order.id for mail in mails)
        self.last = batch.done = self._executor.submit(self._run, batch)
        return batch

    def stop(self) -> None:
        """End after the mail that is being sent."""
        self._stopping.set()
        self._executor.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        if self._transport is not None:
            if self.busy:
                self._transport.abort()
            else:
                self._transport.quit()

    def _run(self, batch: _Batch) -> None:
        try:
            for mail in batch.mails:
                if self._stopping.is_set() or time.monotonic() > batch.start_before:
                    return
                batch.results[mail.order.id] = self._deliver(mail)
        except OutageError:
            raise
        except Exception:
            log.exception("a lane failed; its mails come again")
            if self._transport is not None:
                self._transport.close()
            raise
        finally:
            self._waiting -= len(batch.mails)
            self._post.in_hand.difference_update(mail.order.id for mail in batch.mails)

    def _deliver(self, mail: Mail) -> Results:
        """One attempt. Each part of the recipients is recorded before the next part gets the mail."""
        results: list[NotificationResult] = []
        size = mail.server.recipients_per_mail
        for start in range(0, len(mail.recipients), size):
            part = self._hand_over(mail, mail.recipients[start : start + size])
            with counted("record"):
                for result in part:
                    self._post.record(result)
            results += part
        return tuple(results)

    def _hand_over(self, mail: Mail, recipients: tuple[str, ...]) -> Results:
        """One SMTP transaction."""
        order, server, states = mail.order, mail.server, self._post.states
        trouble = states.trouble(server, self._post.now())
        if trouble is not None:
            return self._deferred(mail, recipients, trouble.reason, trouble.text)
        wire = {recipient: wire_address(recipient) for recipient in recipients}
        try:
            with counted("send"):
                verdicts = self._transport_to(server).send(
                    mail.composed.sender, tuple(wire.values()), mail.composed.content
                )
        except MailServerError as error:
            states.failed(server, error, self._post.now())
            log.warning("outgoing server is in trouble", server=server.id, reason=error.reason, why=error.text)
            return self._deferred(mail, recipients, error.reason, error.text)
        states.succeeded(server, self._post.now())
        return tuple(
            order.result(
                recipient, verdict.outcome, verdict.reason, self._post.now(),
                server_id=server.id, reply=verdict.reply, message_id=mail.composed.message_id,
            )
            for recipient, verdict in ((one, verdicts[address]) for one, address in wire.items())
        )  # fmt: skip

    def _deferred(self, mail: Mail, recipients: tuple[str, ...], reason: Reason, reply: str) -> Results:
        now, server = self._post.now(), mail.server
        return mail.order.results(recipients, "deferred", reason, now, server_id=server.id, reply=reply)

    def _transport_to(self, server: OutgoingServer) -> SmtpTransport:
        """The kept connection, unless the server's settings were changed."""
        kept = self._transport
        if kept is not None and (kept.server is server or kept.server == server):
            return kept
        if kept is not None:
            kept.quit()
        self._transport = SmtpTransport(server, self._login)
        return self._transport
