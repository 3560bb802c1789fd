"""One message as its server gave it: in memory or in a temporary file, and checked against the size announced.

A message that is longer than announced is whole: servers count line endings differently. One that is shorter may have
been cut off, or its size was a guess (Exchange may announce three times as much). So it is read once more: if the
server gives the same bytes again, complete by its protocol, they are the whole message.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, NamedTuple, cast

FIRST_PART_BYTES = 100_000  # of a message that is not held in memory: its header, and mostly all of its text
MAX_SPOOL_BYTES = 2_000_000_000  # of a message larger than this only the beginning is kept
UNKNOWN_SIZE = 1  # of a message whose size the server does not say: at least one byte
_DIGESTED_BYTES = 1_000_000  # at once


class RemoteMail(NamedTuple):
    """One message as its server gave it.

    `handle`: what `apply_after_fetch` finds it by (UID, UIDL); `locator`: the same for people. `raw` is all of it; or,
    if `size` (all bytes) is set, its beginning: then `spool` holds all of it, or is None if even that was too much.
    """

    handle: str
    locator: str
    raw: bytes
    internal_date: datetime | None = None
    size: int | None = None
    spool: BinaryIO | None = None

    @property
    def bytes_in_all(self) -> int:
        return len(self.raw) if self.size is None else self.size

    @property
    def is_kept_whole(self) -> bool:
        """Whether all of it is published: of an endless message only the beginning is."""
        return self.size is None or self.spool is not None


def spooled(
    handle: str,
    locator: str,
    pieces: Iterable[bytes],
    *,
    room: int,
    internal_date: datetime | None = None,
    announced: int = 0,
) -> RemoteMail:
    """A message that comes in pieces: held in memory up to `room` bytes, beyond that in a temporary file.

    `announced`: its size as the server says, in case not all of it is read.
    """
    spool = cast(BinaryIO, SpooledTemporaryFile(max_size=room))  # noqa: SIM115 - it goes with the message
    size = 0
    for piece in pieces:
        spool.write(piece)
        size += len(piece)
        if size > MAX_SPOOL_BYTES:
            spool.seek(0)
            return RemoteMail(handle, locator, spool.read(FIRST_PART_BYTES), internal_date, max(size, announced))
    spool.seek(0)
    if size <= room:
        return RemoteMail(handle, locator, spool.read(), internal_date)
    return RemoteMail(handle, locator, spool.read(FIRST_PART_BYTES), internal_date, size, spool)


def is_short(mail: RemoteMail, announced: int) -> bool:
    return mail.bytes_in_all < announced


def agreed(mail: RemoteMail, again: RemoteMail, announced: int) -> bool:
    """Whether the second reading of a short message is all of it: as long as announced, or the same bytes again."""
    return not is_short(again, announced) or (again.bytes_in_all > 0 and _digest(again) == _digest(mail))


def short_of(mail: RemoteMail, again: RemoteMail, announced: int) -> str:
    """Why a message counts as not given: both readings are short, and they differ."""
    return f"of {announced} bytes it gives {mail.bytes_in_all} and then {again.bytes_in_all}"


def _digest(mail: RemoteMail) -> bytes:
    """SHA-256 of all of its bytes that are kept."""
    if mail.spool is None:
        return hashlib.sha256(mail.raw).digest()
    digest = hashlib.sha256()
    mail.spool.seek(0)
    while piece := mail.spool.read(_DIGESTED_BYTES):
        digest.update(piece)
    mail.spool.seek(0)
    return digest.digest()
