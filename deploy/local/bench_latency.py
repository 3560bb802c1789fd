"""From the line that tells a waiting IMAP client of a new mail to the committed row of its call."""

import imaplib
import re
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Self

import psycopg

from deploy.local.bench_mails import BenchMail
from deploy.local.bench_servers import PASSWORD
from deploy.local.mail_host import MailHost
from schemas import ids

_EXISTS = re.compile(rb"\* (\d+) EXISTS")


class IdleWatch:
    """A second IMAP client that waits in IDLE (RFC 2177) on the same mailbox, and notes when it is told of a mail."""

    def __init__(self, mail_host: MailHost, mailbox: str) -> None:
        self._told: list[tuple[float, int]] = []  # seconds since 1970, number of mails in the mailbox
        self._connection = imaplib.IMAP4(mail_host.host, mail_host.imap_port)
        self._connection.login(mailbox, PASSWORD)
        self._connection.select("INBOX", readonly=True)
        self._connection.send(b"idle IDLE\r\n")
        self._connection.readline()
        self._thread = threading.Thread(target=self._run, name="idle-watch", daemon=True)

    def told_of(self, position: int) -> float | None:
        """When the watch was told of the mail at this position of the mailbox (from 1), in seconds since 1970."""
        return next((moment for moment, count in self._told if count >= position), None)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.sock.shutdown(socket.SHUT_RDWR)  # wakes the thread; only then may the file be closed
        self._thread.join()
        self._connection.shutdown()

    def _run(self) -> None:
        while True:
            try:
                line = self._connection.readline()
            except (OSError, ValueError):
                return
            if not line:
                return
            exists = _EXISTS.match(line)
            if exists:
                self._told.append((time.time(), int(exists[1])))


def at_pace(mails: Iterable[BenchMail], per_second: float) -> Iterator[BenchMail]:
    """The mails, each not before its time."""
    began = time.monotonic()
    for number, mail in enumerate(mails):
        time.sleep(max(0.0, began + number / per_second - time.monotonic()))
        yield mail


def latencies_ms(
    watch: IdleWatch, server_id: str, mails: Sequence[BenchMail], first_position: int, dsn: str
) -> list[float]:
    """Milliseconds from the IDLE line to the commit, of each mail that has both."""
    committed = _commit_times(dsn)
    result = []
    for offset, mail in enumerate(mails):
        told, stored = watch.told_of(first_position + offset), committed.get(ids.mail_id(server_id, mail.raw))
        if told is not None and stored is not None:
            result.append((stored - told) * 1000)
    return result


def _commit_times(dsn: str) -> Mapping[str, float]:
    """Mail id -> seconds since 1970. The ledger's rows are never changed, so `xmin` is the logger's transaction."""
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("SELECT mail_id, extract(epoch FROM pg_xact_commit_timestamp(xmin)) FROM mails")
        return {mail_id: float(seconds) for mail_id, seconds in rows}
