"""Messages in, `Examined` out, whatever a message does to the child process that parses it.

The parser is imported only where a message is past the limits: it takes as much memory here as in the child.
"""

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace

from resolver.resolve import Examined
from resolver.sandbox.forms import from_plain
from resolver.sender_address import SenderAddress
from runtime.child.process import ChildEndedError, ChildProcess, Limit
from runtime.telemetry.logs import get_logger
from runtime.telemetry.metrics import MAILS_OVER_LIMITS
from schemas.addresses import normalise
from schemas.mail import Defect, Mailbox, ParsedMail, Screening

log = get_logger(__name__)

COMMAND = (sys.executable, "-m", "resolver.sandbox.child")
# Only for a child that hangs without using CPU: on a busy machine its two seconds of CPU may take long.
TIMEOUT_SECONDS = 30.0
GROUP_BYTES = 2_000_000  # sent at once: each change of process costs as much as reading a mail on a busy machine
BEGINNING_BYTES = 4 << 20  # what is still read of a mail that takes too much memory
MAX_HEAD_BYTES = 64 << 10

NamedMail = tuple[str, bytes]  # what the log calls it, and its bytes


class SandboxedParser:
    """Examines messages in a child process, which is started for the first one and again whenever it has ended.

    For one thread. `command` starts the child; it responds within `timeout` seconds or is killed.
    """

    def __init__(self, command: Sequence[str] = COMMAND, timeout: float = TIMEOUT_SECONDS) -> None:
        self._command = command
        self._timeout = timeout
        self._child: ChildProcess | None = None

    def examine(self, mails: Sequence[NamedMail], own: frozenset[str]) -> list[Examined]:
        """Each as by `resolver.resolve.examine`; of one that exceeds the limits what its headers say, and `unparsed`.

        Raises `OutageError` where no child can be started.
        """
        return [examined for group in _groups(mails) for examined in self._group(group, own)]

    def close(self) -> None:
        """Ends the child; another one is started if more is examined."""
        if self._child:
            self._child.end()
            self._child = None

    def _group(self, group: Sequence[NamedMail], own: frozenset[str]) -> list[Examined]:
        """The messages before one that ends the child are not parsed again."""
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
        """A message that ended the child. CPU is limited per message; for other limits it is retried alone, twice."""
        for _ in () if limit is Limit.CPU else range(2):
            log.warning("parsing a message ended the child process; retrying", mail_id=name, limit=limit)
            try:
                return self._ask([raw], own)[0]
            except ChildEndedError as end:
                limit = end.limit
            if limit is Limit.CPU:
                break
        MAILS_OVER_LIMITS.labels(limit).inc()
        log.error("a message exceeds the limits of parsing; its raw form is attached", mail_id=name, limit=limit)
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
        from resolver.parsing.headers import header_block

        told = {"attachments": (), "defects": (*examined.mail.defects, Defect.UNPARSED)}
        is_cut = len(header_block(part)) == room
        doubts = (*examined.doubts, Defect.UNPARSED) if is_cut else examined.doubts
        return replace(examined, mail=examined.mail.model_copy(update=told), files=(), doubts=doubts)

    def _ask(self, raws: list[bytes], own: frozenset[str]) -> list[Examined]:
        if self._child and self._child.given != own:
            self.close()
        self._child = self._child or ChildProcess(self._command, self._timeout, own, "reads mails")
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
    from resolver.parsing.headers import header_block

    return header_block(raw[:MAX_HEAD_BYTES])


_FROM = re.compile(rb"(?:^|\r)From[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)", re.IGNORECASE | re.MULTILINE)
_ENCODED_WORD = re.compile(rb"=\?[^\s?]++\?[bq]\?[^\s?]*+\?=", re.IGNORECASE)
_ADDRESS = re.compile(rb"(?<![\w.@+-])[\w.+-]{1,64}+@[A-Za-z0-9.-]{1,253}+(?![\w@+])", re.ASCII)


def only_sender(head: bytes) -> Examined:
    """What is known of a mail with this header block: the only address in its only From, where that is plain.

    No Authentication-Results are read, so nothing ever proves this sender.
    """
    from resolver.ambiguity import is_plain_from

    fields = [_ENCODED_WORD.sub(b"", field) for field in _FROM.findall(head)]
    found = _ADDRESS.findall(fields[0]) if fields else []
    address = found[0].decode("ascii") if len(found) == 1 else ""
    if not is_plain_from(fields, address):
        address = ""
    return Examined(
        mail=ParsedMail(from_=Mailbox(address=address) if address else None, defects=(Defect.UNPARSED,)),
        files=(),
        screening=Screening(verdict="person"),
        sender=SenderAddress(
            normalise(address), "", "From" if address else "", "the mail's headers cannot be read within the limits"
        ),
        answerable=False,
    )
