"""How the fake of Microsoft Graph takes mails to send: drafts of MIME or JSON, attachments, upload sessions."""

import binascii
import json
import re
import uuid
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import getaddresses
from typing import Any

from tests.exchange.graph_store import Item, Mailbox, new_id

MOST_REQUEST_BYTES = 4 * 1024 * 1024  # of any request: larger attachments go by upload session
ADDRESSES = ("To", "Cc", "Bcc")


class RefusedMailError(Exception):
    """What was sent cannot be taken: status, code and message of the answer."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True)
class Sent:
    """A mail that left a mailbox: whose it was, to whom, and its bytes as they were delivered (no Bcc)."""

    mailbox: str
    recipients: tuple[str, ...]
    raw: bytes


@dataclass
class Upload:
    """An upload session: pieces of an attachment, in order."""

    mailbox: Mailbox
    item: str
    name: str
    kind: str
    size: int
    came: bytearray = field(default_factory=bytearray)


def of_base64(body: bytes) -> bytes:
    """MIME as it is posted: the whole request is base64 text."""
    try:
        raw = b64decode(body, validate=False)
    except (binascii.Error, ValueError):
        raw = b""
    if not re.match(rb"[!-9;-~]+:", raw):
        raise RefusedMailError(400, "ErrorMimeContentInvalidBase64String", "Invalid base64 string for MIME content.")
    return raw


def of_json(message: dict[str, Any]) -> bytes:
    """MIME of a message resource."""
    mail = EmailMessage(policy=policy.SMTP)
    for header, key in (("To", "toRecipients"), ("Cc", "ccRecipients"), ("Bcc", "bccRecipients")):
        addresses = [one["emailAddress"]["address"] for one in message.get(key) or ()]
        if addresses:
            mail[header] = ", ".join(addresses)
    mail["Subject"] = message.get("subject") or ""
    body = message.get("body") or {}
    html = (body.get("contentType") or "text").lower() == "html"
    mail.set_content(body.get("content") or "", subtype="html" if html else "plain")
    for header_ in message.get("internetMessageHeaders") or ():
        if not header_["name"].lower().startswith("x-"):
            raise RefusedMailError(400, "InvalidInternetMessageHeader", "The header's name has to begin with x- or X-.")
        mail[header_["name"]] = header_["value"]
    for attachment in message.get("attachments") or ():
        _add(mail, attachment["name"], attachment.get("contentType") or "", b64decode(attachment["contentBytes"]))
    return mail.as_bytes()


def attached(item: Item, name: str, kind: str, content: bytes) -> None:
    """The draft with one more attachment."""
    mail = message_from_bytes(item.raw, policy=policy.SMTP)
    assert isinstance(mail, EmailMessage)
    _add(mail, name, kind, content)
    item.raw = mail.as_bytes()


def _add(mail: EmailMessage, name: str, kind: str, content: bytes) -> None:
    maintype, _, subtype = (kind or "application/octet-stream").partition("/")
    mail.add_attachment(content, maintype=maintype, subtype=subtype or "octet-stream", filename=name)


def attachments_json(item: Item) -> list[dict[str, object]]:
    return [
        {
            "@odata.type": "#microsoft.graph.fileAttachment",
            "id": f"{item.id[:-1]}{number}=",
            "name": part.get_filename() or "",
            "contentType": part.get_content_type(),
            "size": len(part.get_payload(decode=True) or b""),
            "isInline": False,
            "contentBytes": b64encode(bytes(part.get_payload(decode=True) or b"")).decode(),
        }
        for number, part in enumerate(item.mail.iter_attachments())
    ]


def recipients_of(raw: bytes) -> tuple[str, ...]:
    mail = message_from_bytes(raw, policy=policy.compat32)
    found = getaddresses([str(value) for header in ADDRESSES for value in mail.get_all(header, [])])
    return tuple(dict.fromkeys(address for _, address in found if "@" in address))


def as_sent(raw: bytes, sender: str, *, replace_id: bool, drop_headers: bool) -> bytes:
    """What Exchange makes of a mail on its way: a Message-ID and a From where there is none, and what is switched on.

    Header fields are taken out as lines, so that the rest stays byte for byte.
    """
    head, gap, body = raw.partition(b"\r\n\r\n" if b"\r\n\r\n" in raw else b"\n\n")
    fields = re.split(rb"\r?\n(?![ \t])", head)
    if drop_headers:
        fields = [one for one in fields if not re.match(rb"(?:auto-submitted|x-[^:]*)\s*:", one, re.IGNORECASE)]
    if replace_id:
        fields = [one for one in fields if not re.match(rb"message-id\s*:", one, re.IGNORECASE)]
    names = {one.split(b":", 1)[0].strip().lower() for one in fields}
    if b"message-id" not in names:
        fields.append(f"Message-ID: <{uuid.uuid4().hex}@exchange.example>".encode())
    if b"from" not in names:
        fields.append(f"From: <{sender}>".encode())
    return b"\r\n".join(fields) + (gap or b"\r\n\r\n") + body


def without_bcc(raw: bytes) -> bytes:
    head, gap, body = raw.partition(b"\r\n\r\n" if b"\r\n\r\n" in raw else b"\n\n")
    fields = [one for one in re.split(rb"\r?\n(?![ \t])", head) if not re.match(rb"bcc\s*:", one, re.IGNORECASE)]
    return b"\r\n".join(fields) + gap + body


def message_of(body: bytes) -> dict[str, Any]:
    try:
        message = json.loads(body or b"{}")
    except ValueError:
        message = None
    if not isinstance(message, dict):
        raise RefusedMailError(400, "BadRequest", "Unable to read JSON request payload.")
    return message


def parameters_of(body: bytes) -> dict[str, Any]:
    """Those of an action, whose names may be in any case: here in lower case."""
    return {name.lower(): value for name, value in message_of(body).items()}


def draft_of(mailbox: Mailbox, body: bytes, kind: str) -> Item:
    raw = of_base64(body) if kind.startswith("text/plain") else of_json(message_of(body))
    item = mailbox.put(raw, "drafts", is_read=True, is_draft=True)
    if not kind.startswith("text/plain"):
        for one in message_of(body).get("singleValueExtendedProperties") or ():
            item.properties[one["id"]] = one["value"]
    return item


def upload_id() -> str:
    return new_id("up", 40)
