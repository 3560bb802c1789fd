"""What came of a mail, held against the size that its server announced (RFC822.SIZE; LIST). Pure.

What is longer is whole: servers count line ends differently. What is shorter may be a part; but some servers' sizes are
guesses (Exchange may announce three times as much), and a mail is not owed for ever because its server counts badly. So
it is read once more: where the server says twice, complete by its protocol, that this is all, it is.
"""

import hashlib

from ingest.connectors.base import RemoteMail

UNKNOWN_SIZE = 1  # of a mail whose size the server does not tell: at least one byte
_DIGESTED_BYTES = 1_000_000  # at once


def is_short(mail: RemoteMail, announced: int) -> bool:
    return mail.bytes_in_all < announced


def agreed(mail: RemoteMail, again: RemoteMail, announced: int) -> bool:
    """Whether the second reading of a short mail is all of it: as long as announced, or the same bytes once more."""
    return not is_short(again, announced) or (again.bytes_in_all > 0 and _digest(again) == _digest(mail))


def short_of(mail: RemoteMail, again: RemoteMail, announced: int) -> str:
    """Why a mail counts as not given, where both readings are short and not the same."""
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
