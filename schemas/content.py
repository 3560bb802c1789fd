"""Whether two mails are one and the same that reached a server by different ways. Pure.

A mail takes on headers while it travels: the way it took, what each system made of it. They differ between two copies
of one mail; all else is the mail itself.
"""

import hashlib
import re

from schemas.ids import STORE_HEADERS
from schemas.line_ends import to_lf

# The way (RFC 5321, section 4.4; RFC 5322, 3.6.7), whom a copy was delivered for, and what was found out on the way:
# authentication (RFC 8601, 7208, 6376), spam and viruses. What a person's program writes is never among them, and not
# what a mailing list adds (List-*), nor a person who sends a mail on (Resent-*): their copies are mails of their own.
TRANSPORT_HEADERS = frozenset(
    b"received return-path delivered-to x-received x-delivered-to x-original-to original-recipient envelope-to "
    b"x-envelope-to x-envelope-from x-rcpt-to x-resolved-to apparently-to x-sieve "
    b"authentication-results authentication-results-original received-spf dkim-signature dkim-filter "
    b"domainkey-signature x-google-dkim-signature x-gm-message-state x-google-smtp-source x-gm-features "
    b"x-authentication-warning x-authenticated-sender x-originating-ip x-source-ip x-antivirus x-antivirus-status "
    b"x-scanned-by x-bogosity x-eopattributedmessage x-eoptenantattributedmessage".split()
)
TRANSPORT_PREFIXES = (
    *b"arc- x-spam- x-virus- x-amavis- x-rspamd- x-ms-exchange- x-microsoft-antispam x-forefront- x-ses-".split(),
    *b"x-mimecast- x-barracuda- x-ironport- x-sophos- x-mailscanner x-proofpoint- x-ham-report".split(),
)
MAX_HEAD_BYTES = 100_000  # past these a header counts as content: two such copies are two mails

_FIELD = re.compile(rb"[^\n]*\n(?:[ \t][^\n]*\n)*")


def content_id(server_id: str, raw: bytes) -> str:
    """32 hexadecimal digits: the same for two mails of one incoming server that differ in how they came, and only so.

    Taken over the bytes less the headers of transport and store, with line ends made equal and those at the end left
    out. The Message-ID is among these bytes.
    """
    if raw.find(b"\n") != raw.find(b"\r\n") + 1:  # a mail keeps to one kind of line end, and a mail server to CRLF
        raw = to_lf(raw).replace(b"\n", b"\r\n")
    head_end = (raw.find(b"\n\r\n", 0, MAX_HEAD_BYTES) + 1) or (raw.rfind(b"\n", 0, MAX_HEAD_BYTES) + 1)
    body_end = max(head_end, len(raw.rstrip(b"\r\n")))
    state = hashlib.sha256(b"%d:%s" % (len(server_id), server_id.encode()))
    state.update(b"".join(field for field in _FIELD.findall(raw[:head_end]) if not _added_on_the_way(field)))
    state.update(memoryview(raw)[head_end:body_end])
    return state.hexdigest()[:32]


def _added_on_the_way(field: bytes) -> bool:
    name = field.partition(b":")[0].rstrip().lower()
    return name in TRANSPORT_HEADERS or name.startswith(TRANSPORT_PREFIXES) or STORE_HEADERS.match(field) is not None
