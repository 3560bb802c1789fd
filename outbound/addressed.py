"""A mail of ours addressed by its own headers, for a service that knows no envelope beside them. Pure.

Exchange sends to whoever stands in To, Cc and Bcc, and shows Bcc to nobody.
"""

from collections.abc import Sequence
from email.parser import HeaderParser
from email.utils import getaddresses

from outbound import headers
from outbound.headers import CRLF
from schemas.addresses import normalise

_SHOWN = (b"To", b"Cc")


def addressed(content: bytes, recipients: Sequence[str]) -> bytes:
    """The mail to just these recipients: who stands in no header gets it by Bcc, who is not among them stands in none.

    Where its headers name them all, the mail is as it was. `content` is of `outbound.compose`: lines end with CR LF.
    """
    shown, hidden = shown_to(content, recipients)
    return headers.addresses(b"Bcc", hidden) + shown


def shown_to(content: bytes, recipients: Sequence[str]) -> tuple[bytes, list[str]]:
    """The mail in whose headers nobody else stands, and those of these recipients who stand in none."""
    wanted = {normalise(one): one for one in recipients}
    head, end, body = content.partition(CRLF * 2)
    fields: list[bytes] = []
    shown: set[str] = set()
    for field in _fields(head + CRLF):
        name = field.partition(b":")[0]
        if name not in _SHOWN:
            fields.append(field)
            continue
        named = _named(field)
        kept = [(person, address) for person, address in named if normalise(address) in wanted]
        shown.update(normalise(address) for _, address in kept)
        fields.append(field if len(kept) == len(named) else _rewritten(name, kept))
    hidden = [address for key, address in wanted.items() if key not in shown]
    return b"".join(fields) + end[len(CRLF) :] + body, hidden


def _fields(head: bytes) -> list[bytes]:
    """Header fields with their line ends, folded lines with the one they belong to."""
    fields: list[bytes] = []
    for line in head.splitlines(keepends=True):
        if fields and line[:1] in b" \t":
            fields[-1] += line
        else:
            fields.append(line)
    return fields


def _named(field: bytes) -> list[tuple[str, str]]:
    value = next(iter(HeaderParser().parsestr(field.decode("utf-8", "replace")).values()), "")
    return [(person, address) for person, address in getaddresses([value]) if address]


def _rewritten(name: bytes, kept: Sequence[tuple[str, str]]) -> bytes:
    if len(kept) == 1:
        return headers.mailbox(name, *kept[0])
    return headers.addresses(name, [address for _, address in kept])
