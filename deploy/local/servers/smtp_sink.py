"""An SMTP server that takes every mail and keeps it in memory."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.local.ports import HOST, free_port

_TAKEN = "250 OK"


@dataclass(frozen=True)
class CapturedMail:
    """One mail as it came: the envelope's addresses and the raw bytes."""

    sender: str
    recipients: tuple[str, ...]
    raw: bytes


class SmtpSink:
    """Listens from the beginning to the end of its block. `replies`: recipient's address -> the refusal it gets.

    `options` go to aiosmtpd's `SMTP`: `tls_context`, `authenticator` ...
    """

    def __init__(self, port: int | None = None, **options: Any) -> None:
        self.host = HOST
        self.port = port or free_port()
        self.replies: dict[str, str] = {}
        self._messages: list[CapturedMail] = []
        self._clients: set[SMTP] = set()
        self._came = threading.Condition()
        self._controller = _Controller(
            self, hostname=HOST, port=self.port, data_size_limit=50_000_000, enable_SMTPUTF8=True, **options
        )

    @property
    def messages(self) -> tuple[CapturedMail, ...]:
        """In the order in which they came."""
        with self._came:
            return tuple(self._messages)

    def wait_for(self, count: int, seconds: float = 30.0) -> tuple[CapturedMail, ...]:
        """All mails there are, as soon as there are that many. Raises `TimeoutError`."""
        with self._came:
            if not self._came.wait_for(lambda: len(self._messages) >= count, seconds):
                raise TimeoutError(f"{len(self._messages)} of {count} mails came in {seconds:.0f} s")
            return tuple(self._messages)

    def wait_until_left(self, seconds: float = 30.0) -> None:
        """Until no client is connected: nothing that one of them sent is still to come. Raises `TimeoutError`."""
        with self._came:
            if not self._came.wait_for(lambda: not self._clients, seconds):
                raise TimeoutError(f"{len(self._clients)} clients are still connected after {seconds:.0f} s")

    def wait_until(self, met: Callable[[Sequence[CapturedMail]], bool], seconds: float = 30.0) -> None:
        """Until the mails that have come are as wanted. Raises `TimeoutError`."""
        with self._came:
            if not self._came.wait_for(lambda: met(self._messages), seconds):
                raise TimeoutError(f"what was waited for did not come in {seconds:.0f} s")

    def clear(self) -> None:
        with self._came:
            self._messages.clear()

    def connected(self, client: SMTP) -> None:
        with self._came:
            self._clients.add(client)

    def disconnected(self, client: SMTP) -> None:
        with self._came:
            self._clients.discard(client)
            self._came.notify_all()

    async def handle_RCPT(  # noqa: N802 (aiosmtpd's name)
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        reply = self.replies.get(address, _TAKEN)
        if reply == _TAKEN:
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.original_content or b""
        with self._came:
            self._messages.append(CapturedMail(envelope.mail_from or "", tuple(envelope.rcpt_tos), content))
            self._came.notify_all()
        return _TAKEN

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._controller.stop(no_assert=True)


class _Connection(SMTP):
    """Tells the sink when its client comes and goes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.event_handler.connected(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self.event_handler.disconnected(self)


class _Controller(Controller):
    def factory(self) -> SMTP:
        return _Connection(self.handler, **self.SMTP_kwargs)
