"""What Graph and EWS have in common: a message addressed by its own headers, its Message-ID, and Exchange's refusals.

Exchange knows no envelope beside a message: it sends to the addresses in To, Cc and Bcc, and shows Bcc to nobody. Pure.
"""

import re
from collections.abc import Sequence
from email.parser import HeaderParser
from email.utils import getaddresses

from mailserver.errors import MailServerError
from outbound import headers
from outbound.account_refusals import about_the_account
from outbound.headers import CRLF
from outbound.transports.base import RecipientResult
from schemas.addresses import normalise
from schemas.reasons import Reason

_OWN_ID = re.compile(rb"(?im)^Message-ID:\s*<([^<>\r\n]{1,900})>")
_VALID_ID = re.compile(r"<[\x21-\x7e]{1,996}>")
_ADDRESS_FIELDS = (b"To", b"Cc")
# https://learn.microsoft.com/exchange/client-developer/web-service-reference/responsecode
RECIPIENT_CODES = frozenset({"ErrorInvalidRecipients", "ErrorMissingRecipients", "ErrorInvalidSmtpAddress"})
_MESSAGE_CODES = frozenset(
    {
        "ErrorMessageSizeExceeded", "ErrorMimeContentInvalid", "ErrorMimeContentInvalidBase64String",
        "ErrorMimeContentConversionFailed", "ErrorContentConversionFailed", "ErrorUnsupportedMimeConversion",
    }
)  # fmt: skip


def own_id(content: bytes) -> str:
    """What stands between the angle brackets of Message-ID."""
    match = _OWN_ID.search(content.partition(b"\r\n\r\n")[0])
    if match is None:
        raise ValueError("a message without Message-ID could not be recognised again")
    return match[1].decode("ascii", "replace")


def given_id(said: str, own: str) -> str:
    """The Message-ID that the server says a message has, if it is not ours; "" too for a value that can be none."""
    return said if said != f"<{own}>" and _VALID_ID.fullmatch(said) else ""


def addressed(content: bytes, recipients: Sequence[str]) -> bytes:
    """The message to just these recipients: those that no header names are put in Bcc, all others are taken out.

    Where its headers name them all, the message is as it was. `content` is of `outbound.compose`: lines end with CR LF.
    """
    shown, hidden = split_recipients(content, recipients)
    return headers.addresses(b"Bcc", hidden) + shown


def split_recipients(content: bytes, recipients: Sequence[str]) -> tuple[bytes, list[str]]:
    """The message whose headers name nobody but these recipients, and those of them that no header names."""
    wanted = {normalise(address): address for address in recipients}
    head, end, body = content.partition(CRLF * 2)
    fields: list[bytes] = []
    shown: set[str] = set()
    for field in _fields(head + CRLF):
        name = field.partition(b":")[0]
        if name not in _ADDRESS_FIELDS:
            fields.append(field)
            continue
        named = _mailboxes(field)
        kept = [(person, address) for person, address in named if normalise(address) in wanted]
        shown.update(normalise(address) for _, address in kept)
        fields.append(field if len(kept) == len(named) else _rewritten(name, kept))
    hidden = [address for key, address in wanted.items() if key not in shown]
    return b"".join(fields) + end[len(CRLF) :] + body, hidden


def refusal(code: str, reply: str, recipient_codes: frozenset[str] = RECIPIENT_CODES) -> RecipientResult | None:
    """What Exchange's error says of the message, as its code tells; None where the code is not about the message.

    `reply`: code and text, one line.
    """
    if about_the_account(reply):
        return RecipientResult("deferred", Reason.ACCOUNT_LIMITED, reply)
    if code in recipient_codes:
        return RecipientResult("failed", Reason.RECIPIENT_REFUSED, reply)
    if code in _MESSAGE_CODES:
        return RecipientResult("failed", Reason.MESSAGE_REFUSED, reply)
    return None


def service_error(error: MailServerError, reason: Reason) -> MailServerError:
    """The error as outbound reports it: whatever it is, messages wait; an outgoing server has no folder to refuse."""
    reason = Reason.SERVER_UNREACHABLE if reason is Reason.FOLDER_REFUSED else reason
    return MailServerError(reason, error.text, temporary=True, after=error.after)


def _fields(head: bytes) -> list[bytes]:
    """Header fields with their line ends, folded lines with the one they belong to."""
    fields: list[bytes] = []
    for line in head.splitlines(keepends=True):
        if fields and line[:1] in b" \t":
            fields[-1] += line
        else:
            fields.append(line)
    return fields


def _mailboxes(field: bytes) -> list[tuple[str, str]]:
    """Display name and address of each."""
    value = next(iter(HeaderParser().parsestr(field.decode("utf-8", "replace")).values()), "")
    return [(person, address) for person, address in getaddresses([value]) if address]


def _rewritten(name: bytes, kept: Sequence[tuple[str, str]]) -> bytes:
    if len(kept) == 1:
        return headers.mailbox(name, *kept[0])
    return headers.addresses(name, [address for _, address in kept])
