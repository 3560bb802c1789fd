"""The benchmark's mail host: a small IMAP server (RFC 3501; IDLE of RFC 2177) in a process of its own.

It knows what ingest and django-helpdesk ask of a server, and no more. GreenMail needs 100 ms of CPU for each command on
a mailbox of 2,000 mails (measured), so that with it the benchmark would measure GreenMail.
"""

import asyncio
import contextlib
import multiprocessing
import re
import signal
import ssl
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

from deploy.local.bench.mails import BenchMail
from deploy.local.ports import HOST, free_port
from deploy.local.servers.certificates import Certificates

_UIDVALIDITY = 1
_LIMIT = 1_000_000  # bytes of a command: a list of UIDs can be long
_BACKLOG = 1000  # hundreds of mailboxes may be logged in to at once
_INTERNALDATE = "%d-%b-%Y %H:%M:%S +0000"


class BenchMailHost:
    """Serves the mailboxes from the beginning to the end of its block, over TLS where it is given certificates.

    Any password will do.
    """

    host = HOST

    def __init__(self, mailboxes: Sequence[str], certificates: Certificates | None = None) -> None:
        self.imap_port = free_port()
        context = multiprocessing.get_context("spawn")
        self._pipe, far_end = context.Pipe()
        arguments = (far_end, self.imap_port, tuple(mailboxes), certificates)
        self._process = context.Process(target=_serve, args=arguments, name="mail-host", daemon=True)

    @property
    def pid(self) -> int | None:
        return self._process.pid

    def deliver(self, mailbox: str, mails: Iterable[BenchMail]) -> None:
        """Put the mails into a mailbox, in order; clients in IDLE are notified of each."""
        for mail in mails:
            self._pipe.send((mailbox, mail.raw))
            self._pipe.recv()

    def announced(self, mailbox: str) -> Mapping[int, float]:
        """Position of a mail in the mailbox (from 1) -> when `EXISTS` announced it, in seconds since 1970."""
        self._pipe.send((mailbox, None))
        announced: dict[int, float] = self._pipe.recv()
        return announced

    def idle(self) -> int:
        """In how many mailboxes a client waits in IDLE."""
        self._pipe.send((None, None))
        waiting: int = self._pipe.recv()
        return waiting

    def __enter__(self) -> Self:
        self._process.start()
        self._pipe.recv()  # it listens
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.join()


@dataclass(eq=False)
class _Mailbox:
    mails: list[bytes] = field(default_factory=list)
    announced: dict[int, float] = field(default_factory=dict)
    idle: set["_Session"] = field(default_factory=set)

    def deliver(self, raw: bytes) -> None:
        self.mails.append(raw)
        for session in self.idle:
            session.tell()


class _Session:
    """One client's connection, in its one mailbox: that of its user name."""

    def __init__(
        self, mailboxes: Mapping[str, _Mailbox], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._mailboxes = mailboxes
        self._reader = reader
        self._writer = writer
        self._mailbox = _Mailbox()
        self._known = 0  # mails that were announced to the client

    async def run(self) -> None:
        self._writer.write(b"* OK ready\r\n")
        while line := await self._reader.readline():
            tag, command, arguments = (*line.decode().strip().split(" ", 2), "")[:3]
            if command.upper() == "UID":
                command, _, arguments = arguments.partition(" ")
            await self._answer(tag, command.upper(), arguments)
            if command.upper() == "LOGOUT":
                break
        self._writer.close()

    def tell(self) -> None:
        """Of the mails that have come since, in one line."""
        there = len(self._mailbox.mails)
        if there > self._known:
            self._writer.write(b"* %d EXISTS\r\n" % there)
            now = time.time()
            for position in range(self._known + 1, there + 1):
                self._mailbox.announced.setdefault(position, now)
            self._known = there

    async def _answer(self, tag: str, command: str, arguments: str) -> None:
        match command:
            case "CAPABILITY":
                self._writer.write(b"* CAPABILITY IMAP4rev1 IDLE UIDPLUS\r\n")
            case "LOGIN":
                self._mailbox = self._mailboxes[arguments.split(" ")[0].strip('"')]
            case "SELECT" | "EXAMINE":
                self._select()
            case "SEARCH":
                there = " ".join(map(str, range(1, len(self._mailbox.mails) + 1)))
                self._writer.write(f"* SEARCH {there}\r\n".encode())
            case "FETCH":
                self._fetch(*arguments.split(" ", 1))
            case "IDLE":
                await self._idle()
        self.tell()
        self._writer.write(f"{tag} OK done\r\n".encode())
        await self._writer.drain()

    def _select(self) -> None:
        self._known = len(self._mailbox.mails)
        self._writer.write(
            b"* FLAGS (\\Seen)\r\n* %d EXISTS\r\n* OK [UIDVALIDITY %d] numbers\r\n* OK [UIDNEXT %d] next\r\n"
            % (self._known, _UIDVALIDITY, self._known + 1)
        )

    def _fetch(self, uids: str, items: str) -> None:
        date = time.strftime(_INTERNALDATE, time.gmtime()).encode()
        for uid in _numbers(uids, len(self._mailbox.mails)):
            raw = self._mailbox.mails[uid - 1]
            if items == "(RFC822)":
                self._writer.writelines((b"* %d FETCH (RFC822 {%d}\r\n" % (uid, len(raw)), raw, b")\r\n"))
            elif "BODY" in items:
                head = b'* %d FETCH (UID %d INTERNALDATE "%s" BODY[] {%d}\r\n' % (uid, uid, date, len(raw))
                self._writer.writelines((head, raw, b")\r\n"))
            else:
                self._writer.write(b"* %d FETCH (UID %d RFC822.SIZE %d)\r\n" % (uid, uid, len(raw)))

    async def _idle(self) -> None:
        self._writer.write(b"+ idling\r\n")
        self.tell()
        self._mailbox.idle.add(self)
        try:
            await self._reader.readline()  # DONE
        finally:
            self._mailbox.idle.discard(self)


def _numbers(uids: str, last: int) -> Iterator[int]:
    """The numbers of a sequence set (RFC 3501, 9) that are there; the last one stands for `*`."""
    for first, colon, final in re.findall(r"(\d+|\*)(:?)(\d+|\*)?", uids):
        bounds = sorted(last if text == "*" else int(text) for text in (first, final if colon else first))
        yield from range(max(bounds[0], 1), min(bounds[1], last) + 1)


def _serve(pipe: "Connection", port: int, names: tuple[str, ...], certificates: Certificates | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the benchmark, which then ends this
    asyncio.run(_listen(pipe, port, {name: _Mailbox() for name in names}, certificates))


async def _listen(
    pipe: "Connection", port: int, mailboxes: Mapping[str, _Mailbox], certificates: Certificates | None
) -> None:
    async def run_session(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):  # a client may go when it likes
            await _Session(mailboxes, reader, writer).run()

    context = _tls(certificates) if certificates else None
    server = await asyncio.start_server(run_session, HOST, port, limit=_LIMIT, backlog=_BACKLOG, ssl=context)
    loop = asyncio.get_running_loop()
    threading.Thread(target=_take_orders, args=(pipe, mailboxes, loop), name="orders", daemon=True).start()
    pipe.send("listening")
    await server.serve_forever()


def _tls(certificates: Certificates) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.certificate, certificates.key)
    return context


def _take_orders(pipe: "Connection", mailboxes: Mapping[str, _Mailbox], loop: asyncio.AbstractEventLoop) -> None:
    while True:
        try:
            name, raw = pipe.recv()
        except EOFError:
            return
        if name is None:
            pipe.send(sum(bool(mailbox.idle) for mailbox in mailboxes.values()))
        elif raw is None:
            pipe.send(mailboxes[name].announced)
        else:
            loop.call_soon_threadsafe(mailboxes[name].deliver, raw)
            pipe.send("delivered")
