"""How the fake of Microsoft Graph changes the recipients of a draft, and what it refuses to send."""

import re
from collections.abc import Mapping, Sequence
from email import message_from_bytes, policy
from email.utils import getaddresses
from typing import Any

from tests.exchange.graph_sending import RefusedMailError

_FIELDS = {"toRecipients": b"To", "ccRecipients": b"Cc", "bccRecipients": b"Bcc"}
_MESSAGES = {
    "ErrorInvalidRecipients": "At least one recipient is not valid.",
    "ErrorSendAsDenied": "The user account which was used to submit this request does not have the right to send mail "
    "on behalf of the specified sending account.",
    "ErrorExceededMessageLimit": "Cannot send mail. The sender has exceeded the limit of messages.",
}


def addressed(raw: bytes, change: Mapping[str, Any]) -> bytes:
    """The draft with the recipients that a PATCH gives it; a field that is not named stays as it is."""
    head, gap, body = raw.partition(b"\r\n\r\n")
    fields = re.split(rb"\r\n(?![ \t])", head)
    for key, name in _FIELDS.items():
        if key in change:
            fields = [one for one in fields if one.partition(b":")[0].strip().lower() != name.lower()]
            addresses = [_written(one["emailAddress"]) for one in change[key]]
            if addresses:
                fields.append(name + b": " + b",\r\n ".join(addresses))
    return b"\r\n".join(fields) + gap + body


def _written(address: Mapping[str, str]) -> bytes:
    name = address.get("name", "")
    return (f'"{name}" <{address["address"]}>' if name else address["address"]).encode()


def refusal_of(raw: bytes, refusals: Mapping[str, tuple[int, str]]) -> RefusedMailError | None:
    """By the first address in From, To, Cc and Bcc that there is one for."""
    mail = message_from_bytes(raw, policy=policy.compat32)
    values: Sequence[str] = [str(one) for name in ("From", "To", "Cc", "Bcc") for one in mail.get_all(name, [])]
    for _, address in getaddresses(values):
        if address in refusals:
            status, code = refusals[address]
            return RefusedMailError(status, code, _MESSAGES.get(code, "It is not sent."))
    return None
