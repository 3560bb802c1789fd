"""Senders' mailboxes, looked into by IMAP: which of their mails has been answered, and with what."""

import contextlib
import imaplib
from collections.abc import Collection
from dataclasses import dataclass
from email import message_from_bytes, policy
from types import TracebackType
from typing import Self


@dataclass(frozen=True, slots=True)
class Reply:
    """A mail that a sender received. `answers` is the Message-ID it names in In-Reply-To, empty where it names none."""

    mailbox: str
    message_id: str
    answers: str
    subject: str
    text: str


class Mailboxes:
    """Mailboxes of one mail host, all with the same password. `look` gives what came since the last look."""

    def __init__(self, host: str, imap_port: int, addresses: Collection[str], password: str) -> None:
        self._seen = dict.fromkeys(addresses, 0)
        self._connections = {address: imaplib.IMAP4(host, imap_port, timeout=30) for address in addresses}
        for address, connection in self._connections.items():
            connection.login(address, password)

    def look(self) -> list[Reply]:
        return [answer for address in self._connections for answer in self._new_in(address)]

    def _new_in(self, address: str) -> list[Reply]:
        connection, seen = self._connections[address], self._seen[address]
        _, (count, *_rest) = connection.select("INBOX", readonly=True)
        there = int(count or b"0")
        if there == seen:
            return []
        _, data = connection.fetch(f"{seen + 1}:{there}", "(BODY.PEEK[])")
        self._seen[address] = there
        return [_answer(address, part[1]) for part in data if isinstance(part, tuple)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection in self._connections.values():
            with contextlib.suppress(imaplib.IMAP4.error, OSError):
                connection.logout()


def _answer(mailbox: str, raw: bytes) -> Reply:
    message = message_from_bytes(raw, policy=policy.default)
    body = message.get_body(("plain", "html"))
    return Reply(
        mailbox,
        str(message["Message-ID"] or ""),
        str(message["In-Reply-To"] or "").strip(),
        str(message["Subject"] or ""),
        body.get_content() if body else "",
    )
