"""Mails in, `Examined` out, whatever the mails do to the child that reads them."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace

from resolver.parsing.headers import header_block
from resolver.resolve import Examined
from resolver.sandbox import child
from resolver.sandbox.only_sender import only_sender
from resolver.sandbox.plain import from_plain
from runtime.child_process import ChildEndedError, ChildProcess, Limit
from runtime.logs import get_logger
from runtime.metrics import MAILS_OVER_LIMITS
from schemas.mail import Defect

log = get_logger(__name__)

COMMAND = (sys.executable, "-m", child.__name__)
# Only for a child that hangs without using CPU: on a busy machine its two seconds of CPU may take long.
PATIENCE_SECONDS = 30.0
GROUP_BYTES = 500_000  # sent at once: on a busy machine each change of process costs as much as reading a mail
BEGINNING_BYTES = 4 << 20  # what is still read of a mail that takes too much memory
MAX_HEAD_BYTES = 64 << 10

NamedMail = tuple[str, bytes]  # what the log calls it, and its bytes


class SandboxedParser:
    """Examines mails in a child process, started when the first one comes and again whenever one has ended.

    For one thread. `command` starts the child; it answers within `patience` seconds or is killed.
    """

    def __init__(self, command: Sequence[str] = COMMAND, patience: float = PATIENCE_SECONDS) -> None:
        self._command = command
        self._patience = patience
        self._child: ChildProcess | None = None

    def examine(self, mails: Sequence[NamedMail], own: frozenset[str]) -> list[Examined]:
        """Each as `resolver.resolve.examine` does; of one past the limits what its headers say, and `unparsed`.

        Raises `OutageError` where no child can be started.
        """
        return [examined for group in _groups(mails) for examined in self._group(group, own)]

    def close(self) -> None:
        """Ends the child; another one is started if there is more to examine."""
        if self._child:
            self._child.end()
            self._child = None

    def _group(self, group: Sequence[NamedMail], own: frozenset[str]) -> list[Examined]:
        """What stands before a mail that ends the child is not read again."""
        examined: list[Examined] = []
        while len(examined) < len(group):
            try:
                examined += self._ask([raw for _, raw in group[len(examined) :]], own)
            except ChildEndedError as end:
                examined += map(from_plain, end.answers)
                if len(examined) < len(group):
                    name, raw = group[len(examined)]
                    examined.append(self._past_limits(name, raw, own, end.limit))
        return examined

    def _past_limits(self, name: str, raw: bytes, own: frozenset[str], limit: Limit) -> Examined:
        """A mail that ended the child. CPU is counted for each mail; else it is read alone, in two more children."""
        for _ in () if limit is Limit.CPU else range(2):
            log.warning("reading a mail ended the child; it is read once more", mail_id=name, limit=limit)
            try:
                return self._ask([raw], own)[0]
            except ChildEndedError as end:
                limit = end.limit
            if limit is Limit.CPU:
                break
        MAILS_OVER_LIMITS.labels(limit).inc()
        log.error("a mail is past the limits of reading; it goes on with its raw form", mail_id=name, limit=limit)
        if limit is Limit.MEMORY and len(raw) > BEGINNING_BYTES:
            return self._by_part(raw[:BEGINNING_BYTES], BEGINNING_BYTES, own) or self._by_headers(raw, own)
        return self._by_headers(raw, own)

    def _by_headers(self, raw: bytes, own: frozenset[str]) -> Examined:
        head = _head(raw)
        examined = self._by_part(head, MAX_HEAD_BYTES, own)
        if examined is None:
            return only_sender(head if len(head) < MAX_HEAD_BYTES else b"")
        nothing = {"text": "", "reply": "", "html": None}
        return replace(examined, mail=examined.mail.model_copy(update=nothing))

    def _by_part(self, part: bytes, room: int, own: frozenset[str]) -> Examined | None:
        """What the beginning of a mail says; no files, which may be cut in the middle. `room`: where it was cut.

        With its header block cut, another From may stand behind: then nothing proves the sender.
        """
        try:
            [examined] = self._ask([part], own)
        except ChildEndedError:
            return None
        told = {"attachments": (), "defects": (*examined.mail.defects, Defect.UNPARSED)}
        is_cut = len(header_block(part)) == room
        doubts = (*examined.doubts, Defect.UNPARSED) if is_cut else examined.doubts
        return replace(examined, mail=examined.mail.model_copy(update=told), files=(), doubts=doubts)

    def _ask(self, raws: list[bytes], own: frozenset[str]) -> list[Examined]:
        if self._child and self._child.given != own:
            self.close()
        self._child = self._child or ChildProcess(self._command, self._patience, own, "reads mails")
        try:
            return [from_plain(answer) for answer in self._child.ask(raws)]
        except ChildEndedError:
            self._child = None
            raise


def _groups(mails: Sequence[NamedMail]) -> Iterator[list[NamedMail]]:
    group: list[NamedMail] = []
    size = 0
    for mail in mails:
        if group and size + len(mail[1]) > GROUP_BYTES:
            yield group
            group, size = [], 0
        group.append(mail)
        size += len(mail[1])
    if group:
        yield group


def _head(raw: bytes) -> bytes:
    """The header block of a mail, where that ends early enough; else its beginning."""
    return header_block(raw[:MAX_HEAD_BYTES])
