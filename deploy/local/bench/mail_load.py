"""The messages of one measured build: made, spread over its mailboxes by sender, and kept for the outcome."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from zlib import crc32

from deploy.local.bench.mail_host import BenchMailHost
from deploy.local.bench.mails import BenchMail, make_mails
from deploy.local.bench.servers import acknowledgement_id, mailbox, server_id
from schemas import ids
from schemas.tokens import TokenKeys


class MailLoad:
    """All messages of one sender come in the same mailbox, in their order: an answer never before what it answers.

    `sent`: all messages that were taken so far, in order.
    """

    def __init__(self, mail_host: BenchMailHost, mailboxes: int, token_keys: TokenKeys, seed: int) -> None:
        self._mail_host, self._mailboxes = mail_host, mailboxes
        self._token_keys, self._now = token_keys, datetime.now(UTC)
        self.sent: list[BenchMail] = []
        self._next = make_mails(
            sys.maxsize, seed=seed, recipient=mailbox(0), acknowledgement_id=self._acknowledgement_id
        )

    def take(self, count: int) -> list[BenchMail]:
        mails = list(islice(self._next, count))
        self.sent += mails
        return mails

    def deliver(self, mails: Iterable[BenchMail]) -> None:
        for mail in mails:
            self._mail_host.deliver(mailbox(self._box(mail)), [mail])

    def server_of(self, mail: BenchMail) -> str:
        return server_id(self._box(mail))

    def mail_id(self, mail: BenchMail) -> str:
        return ids.mail_id(self.server_of(mail), mail.raw)

    def announced(self, mails: Sequence[BenchMail]) -> Iterator[float]:
        """When `EXISTS` announced each of them, in seconds since 1970. They were delivered last of all."""
        boxes = [self._mail_host.announced(mailbox(number)) for number in range(self._mailboxes)]
        positions = [max(box, default=0) for box in boxes]
        times = {}
        for mail in reversed(mails):
            box = self._box(mail)
            times[mail.number] = boxes[box][positions[box]]
            positions[box] -= 1
        return (times[mail.number] for mail in mails)

    def _box(self, mail: BenchMail) -> int:
        return crc32(mail.sender.encode()) % self._mailboxes

    def _acknowledgement_id(self, mail: BenchMail) -> str:
        return acknowledgement_id(self.server_of(mail), self._token_keys, self._now, mail)
