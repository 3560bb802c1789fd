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
REAL_SERVERS = ("PIPELINING", "CHUNKING")  # what Postfix, Exim, Exchange and Gmail offer


@dataclass(frozen=True)
class CapturedMail:
    """One mail as it came: the envelope's addresses and the raw bytes."""

    sender: str
    recipients: tuple[str, ...]
    raw: bytes


class SmtpSink:
    """Listens from the beginning to the end of its block. `replies`: recipient's address -> the refusal it gets.

    `extensions` that aiosmtpd does not have are offered to whoever says EHLO from now on. `options` go to aiosmtpd's
    `SMTP`: `tls_context`, `authenticator` ...
    """

    def __init__(self, port: int | None = None, **options: Any) -> None:
        self.host = HOST
        self.port = port or free_port()
        self.replies: dict[str, str] = {}
        self.extensions: tuple[str, ...] = REAL_SERVERS
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

    async def handle_EHLO(  # noqa: N802
        self, _server: SMTP, session: Session, _envelope: Envelope, name: str, lines: list[str]
    ) -> list[str]:
        session.host_name = name
        return [lines[0], *(f"250-{extension}" for extension in self.extensions), *lines[1:]]

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
    """Tells the sink when its client comes and goes, and takes chunks (RFC 3030)."""

    _replies = b""
    _chunks = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.event_handler.connected(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self.event_handler.disconnected(self)

    async def push(self, status: str | bytes) -> None:
        """Replies to what came together go together, as those of real servers do (RFC 2920, section 3.2)."""
        self._replies += (status.encode() if isinstance(status, str) else status) + b"\r\n"
        if not self._reader._buffer:  # type: ignore[attr-defined]
            replies, self._replies = self._replies, b""
            self._writer.write(replies)
            await self._writer.drain()

    async def smtp_BDAT(self, argument: str) -> None:  # noqa: N802
        size, *last = argument.split()
        chunk = await self._reader.readexactly(int(size))  # whatever comes of it (section 2)
        if await self.check_helo_needed() or await self.check_auth_needed("BDAT"):
            return
        assert self.envelope is not None
        if not self.envelope.rcpt_tos:
            await self.push("503 Error: need RCPT command")
            return
        self._chunks += chunk
        if not last:
            await self.push(_TAKEN)
            return
        self.envelope.content = self.envelope.original_content = self._chunks
        reply = await self.event_handler.handle_DATA(self, self.session, self.envelope)
        self._set_post_data_state()
        await self.push(reply)

    def _set_post_data_state(self) -> None:
        self._chunks = b""
        super()._set_post_data_state()  # type: ignore[no-untyped-call]


class _Controller(Controller):
    def factory(self) -> SMTP:
        return _Connection(self.handler, **self.SMTP_kwargs)
