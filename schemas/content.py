"""The content id: equal for one message that was received by two routes. Pure.

A mail takes on headers while it travels and where it is kept: the way it took, what each system found out about it,
whom a copy was delivered for. Nobody knows all of them. So a mail is told by what its author's program wrote.
"""

import hashlib
import re

from schemas.line_endings import to_lf

# Who wrote to whom, when, what about and in answer to what (RFC 5322, 3.6.1 to 3.6.5), how the body is to be read (RFC
# 2045, 2183), and who sent the mail on by hand (RFC 5322, 3.6.6): such a copy is a mail of its own. Not Sender, which
# lists rewrite, and not MIME-Version, which gateways add.
AUTHORED = (
    *b"from reply-to to cc subject date message-id in-reply-to references".split(),
    *b"content-type content-transfer-encoding content-disposition".split(),
    *b"resent-from resent-to resent-cc resent-date resent-message-id".split(),
)
MAX_HEAD_BYTES = 100_000  # past these a header counts as content: two such copies are two mails

_FIELD = re.compile(rb"[^\n]*\n(?:[ \t][^\n]*\n)*")
_AUTHORED = frozenset(AUTHORED)
_TAIL_BYTES = 1024


def content_id(server_id: str, raw: bytes) -> str:
    """32 hexadecimal digits: the same for two mails of one incoming server that differ in how they came, and only so.

    Taken over the headers of `AUTHORED`, in that order and wherever their lines are folded, and over the body, with
    line ends made equal and those at the end left out.
    """
    fields, body = _head_and_body(raw)
    authored: dict[bytes, list[bytes]] = {}
    for field in fields:
        name, _, value = field.partition(b":")
        if (name := name.rstrip().lower()) in _AUTHORED:
            authored.setdefault(name, []).append(b" ".join(value.split()))
    state = hashlib.sha256(b"content 2 %s\n" % server_id.encode())
    written = [b"%s:%s" % (name, value) for name in AUTHORED if name in authored for value in authored[name]]
    state.update(b"\n".join(written))
    state.update(b"\n\n")
    state.update(body)
    return state.hexdigest()[:32]


def _head_and_body(raw: bytes) -> tuple[list[bytes], memoryview]:
    """The fields of the header as they stand, with their line ends, and all below it."""
    if raw.find(b"\n") != raw.find(b"\r\n") + 1:  # a mail keeps to one kind of line end, and a mail server to CRLF
        raw = to_lf(raw).replace(b"\n", b"\r\n")
    head_end = (raw.find(b"\n\r\n", 0, MAX_HEAD_BYTES) + 1) or (raw.rfind(b"\n", 0, MAX_HEAD_BYTES) + 1)
    body_end = max(head_end, _end_of_text(raw))
    return _FIELD.findall(raw[:head_end]), memoryview(raw)[head_end:body_end]


def _end_of_text(raw: bytes) -> int:
    """`len(raw.rstrip(b"\\r\\n"))`, without a copy of all the rest."""
    end = len(raw)
    while end:
        start = max(0, end - _TAIL_BYTES)
        if text := raw[start:end].rstrip(b"\r\n"):
            return start + len(text)
        end = start
    return 0


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


def former_content_id(server_id: str, raw: bytes) -> str:
    """The content id as 0.1 made it: messages that it logged stand in the ledger under that one."""
    fields, body = _head_and_body(raw)
    state = hashlib.sha256(b"%d:%s" % (len(server_id), server_id.encode()))
    state.update(b"".join(field for field in fields if not _added_on_the_way(field)))
    state.update(body)
    return state.hexdigest()[:32]


def _added_on_the_way(field: bytes) -> bool:
    name = field.partition(b":")[0].rstrip().lower()
    if name in _AUTHORED:
        return False
    return name in TRANSPORT_HEADERS or name.startswith(TRANSPORT_PREFIXES) or _STORE_HEADERS.match(field) is not None
