"""The requests to Microsoft Graph that find, create, mark and move a draft, or the copy of what was sent.

A draft is known by a property of ours, which goes with it into Sent Items, and by its Message-ID. Whatever does not
succeed raises `mailserver.exchange.graph.GraphError`.
"""

import base64
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from mailserver.errors import MailServerError
from mailserver.exchange.graph import GraphSession
from mailserver.exchange.graph_responses import GraphError
from schemas.reasons import Reason

LOOK_BACK = timedelta(days=7)  # a message is not sent again later than that; Exchange need not look further
# Seconds to wait, in turn, until the copy of an accepted message is there to be asked for its Message-ID.
COPY_AFTER = (0.0, 0.3, 1.0)
PROPERTY = "String {b4f3d0a2-6c1e-4f0b-9a57-2d8e3c7f1a60} Name MailcallId"
_FIELDS = "$select=id,isDraft,internetMessageId&$top=10"


@dataclass(frozen=True, slots=True)
class MailboxMessage:
    """A message of ours in the mailbox: its draft, or the copy of what was sent."""

    id: str
    is_draft: bool
    message_id: str


def create_draft(session: GraphSession, content: bytes) -> str:
    """Id of a new draft made of these MIME bytes."""
    response = session.ask("POST", "/messages", base64.b64encode(content), {"Content-Type": "text/plain"})
    return quote(_text(response.value, "id"), safe="=")


def mark_draft(session: GraphSession, draft: str, mark: str, hidden: Sequence[str]) -> None:
    """Set the property that the draft is known by, and add its recipients that no header names."""
    changes = {
        "singleValueExtendedProperties": [{"id": PROPERTY, "value": mark}],
        "bccRecipients": [{"emailAddress": {"address": address}} for address in hidden],
    }
    session.patch(f"/messages/{draft}", changes)


def find_by_mark(session: GraphSession, mark: str) -> MailboxMessage | None:
    since = (datetime.now(UTC) - LOOK_BACK).strftime("%Y-%m-%dT%H:%M:%SZ")
    has = f"singleValueExtendedProperties/any(ep: ep/id eq '{PROPERTY}' and ep/value eq '{_quoted(mark)}')"
    return _find(session, f"receivedDateTime ge {since} and {has}")


def find_by_message_id(session: GraphSession, own: str) -> MailboxMessage | None:
    return _find(session, f"internetMessageId eq '<{_quoted(own)}>'")


def find_copy(session: GraphSession, mark: str) -> MailboxMessage | None:
    """The copy of what was sent, once it is there."""
    for seconds in COPY_AFTER:
        time.sleep(seconds)
        message = find_by_mark(session, mark)
        if message is not None and not message.is_draft:
            return message
    return None


def move_to_deleted(session: GraphSession, id_: str) -> None:
    """Move to Deleted Items, where it is found as well. What is gone already is gone."""
    try:
        session.post(f"/messages/{id_}/move", {"destinationId": "deleteditems"})
    except GraphError as error:
        if error.status != 404:
            raise


def _quoted(text: str) -> str:
    return text.replace("'", "''")


def _find(session: GraphSession, condition: str) -> MailboxMessage | None:
    """The message in any folder; one that was sent before one that was not."""
    response = session.get(f"/messages?$filter={quote(condition)}&{_FIELDS}")
    values = response.value.get("value")
    messages = [_message(value) for value in values if isinstance(value, dict)] if isinstance(values, list) else []
    return min(messages, key=lambda message: message.is_draft, default=None)


def _message(value: Mapping[str, Any]) -> MailboxMessage:
    id_ = quote(_text(value, "id"), safe="=")
    return MailboxMessage(id_, value.get("isDraft") is True, str(value.get("internetMessageId") or ""))


def _text(value: Mapping[str, Any], name: str) -> str:
    """A text that a response must have."""
    text = value.get(name)
    if not isinstance(text, str) or not text:
        missing = f"a response of Microsoft Graph has no {name}: check what is between here and the service (a proxy)"
        raise MailServerError(Reason.SERVER_UNREACHABLE, missing, temporary=True)
    return text
