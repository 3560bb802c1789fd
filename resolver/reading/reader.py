"""Mails in, `Examined` out, whatever the mails do to the child that reads them."""

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace

from resolver.reading import child
from resolver.reading.process import ChildEndedError, Limit, ReadingProcess
from resolver.resolve import Examined
from resolver.sender import SenderAddress
from runtime.logs import get_logger
from runtime.metrics import MAILS_OVER_LIMITS
from schemas.mail import Defect, ParsedMail, Screening

log = get_logger(__name__)

COMMAND = (sys.executable, "-m", child.__name__)
# Only for a child that hangs without using CPU: on a busy machine its two seconds of CPU may take long.
PATIENCE_SECONDS = 30.0
GROUP_BYTES = 500_000  # sent at once: on a busy machine each change of process costs as much as reading a mail
MAX_HEAD_BYTES = 64 << 10
_BLANK_LINE = re.compile(rb"\n\r*\n")

# What is known of a mail whose headers cannot be read within the limits either.
_NOTHING = Examined(
    mail=ParsedMail(defects=(Defect.UNPARSED,)),
    files=(),
    screening=Screening(verdict="person"),
    sender=SenderAddress("", "", "", "the mail's headers cannot be read within the limits"),
    answerable=False,
)
NamedMail = tuple[str, bytes]  # what the log calls it, and its bytes


class Reader:
    """Examines mails in a child process, started when the first one comes and again whenever one has ended.

    For one thread. `command` starts the child; it answers within `patience` seconds or is killed.
    """

    def __init__(self, command: Sequence[str] = COMMAND, patience: float = PATIENCE_SECONDS) -> None:
        self._command = command
        self._patience = patience
        self._child: ReadingProcess | None = None

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
        if len(group) > 1:
            try:
                return self._ask([raw for _, raw in group], own)
            except ChildEndedError as end:
                log.warning("reading mails ended the child; they are read one by one", limit=end.limit)
        return [self._alone(name, raw, own) for name, raw in group]

    def _alone(self, name: str, raw: bytes, own: frozenset[str]) -> Examined:
        """One mail, with nothing else in the child's hands: past the CPU limit, or the end of two children."""
        for last in (False, True):
            try:
                return self._ask([raw], own)[0]
            except ChildEndedError as end:
                limit = end.limit
            if last or limit is Limit.CPU:
                break
            log.warning("reading a mail ended the child; it is read once more", mail_id=name, limit=limit)
        MAILS_OVER_LIMITS.labels(limit).inc()
        log.error("a mail is past the limits of reading; it goes on with its raw form", mail_id=name, limit=limit)
        return self._by_headers(raw, own)

    def _by_headers(self, raw: bytes, own: frozenset[str]) -> Examined:
        try:
            [examined] = self._ask([_head(raw)], own)
        except ChildEndedError:
            return _NOTHING
        defects = (*examined.mail.defects, Defect.UNPARSED)
        nothing = {"text": "", "reply": "", "html": None, "attachments": ()}
        return replace(examined, mail=examined.mail.model_copy(update={**nothing, "defects": defects}), files=())

    def _ask(self, raws: Sequence[bytes], own: frozenset[str]) -> list[Examined]:
        if self._child and self._child.own != own:
            self.close()
        self._child = self._child or ReadingProcess(self._command, self._patience, own)
        try:
            return self._child.examine(raws)
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
    """The beginning of a mail, to the end of its header block where that comes early enough."""
    start = raw[:MAX_HEAD_BYTES]
    blank = _BLANK_LINE.search(start)
    return start[: blank.end()] if blank else start
