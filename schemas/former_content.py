"""The content id as 0.1 made it, by what it left out: ledgers of that release hold such ids. Pure.

Nothing here may change: a mail that was logged by 0.1 is known again by this id alone when it comes by a second way.
"""

import hashlib
import re
from collections.abc import Iterable

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
_STORE_HEADERS = re.compile(
    rb"(?:Status|X-Status|X-UID|X-UIDL|X-Keywords|X-IMAP|X-IMAPbase|X-Mozilla-[\w-]+|Content-Length|Lines)[ \t]*:",
    re.IGNORECASE,
)


def former_content_id(server_id: str, fields: Iterable[bytes], body: memoryview) -> str:
    """`fields`: the header fields of the mail, with their line ends, `body` all below: cut as in `schemas.content`."""
    state = hashlib.sha256(b"%d:%s" % (len(server_id), server_id.encode()))
    state.update(b"".join(field for field in fields if not _added_on_the_way(field)))
    state.update(body)
    return state.hexdigest()[:32]


def _added_on_the_way(field: bytes) -> bool:
    name = field.partition(b":")[0].rstrip().lower()
    return name in TRANSPORT_HEADERS or name.startswith(TRANSPORT_PREFIXES) or _STORE_HEADERS.match(field) is not None
