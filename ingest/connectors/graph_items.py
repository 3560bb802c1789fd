"""Messages of a folder in Exchange Online as Microsoft Graph lists them, decoded strictly. Pure.

From https://learn.microsoft.com/graph/api/message-delta and message-list-messages.
"""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from ingest.connectors.remote_mail import UNKNOWN_SIZE

MAX_ID = 1_000  # characters; Exchange's have about 150
DIGEST_CHARACTERS = 16  # 96 bits: no two messages of one mailbox have the same by chance
SIZE = "Integer 0x0E08"  # PidTagMessageSize ([MS-OXPROPS] 2.796): about as long as the mail, in Exchange's own form
QUERY = "$select=receivedDateTime,isRead&$expand=" + quote(f"singleValueExtendedProperties($filter=id eq '{SIZE}')")


@dataclass(frozen=True, slots=True)
class Listed:
    """A message in the folder. `size`: bytes, about; `received`: None if the service does not say it."""

    id: str
    size: int
    received: datetime | None
    is_read: bool = False


@dataclass(slots=True)
class Found:
    """`mails`: by their ids. `removed`: ids of messages that left. `link`: where delta continues; "" of a listing.

    `is_whole`: whether a listing has all messages of the folder.
    """

    mails: dict[str, Listed] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    link: str = ""
    is_whole: bool = True


def digest_of(id_: str) -> str:
    """What a message is recognised by: short, since a cursor holds many."""
    return urlsafe_b64encode(hashlib.sha256(id_.encode()).digest()).decode()[:DIGEST_CHARACTERS]


def values_of(page: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    values = page.get("value")
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []


def id_of(value: Mapping[str, Any]) -> str:
    id_ = value.get("id")
    is_one = isinstance(id_, str) and id_.isascii() and id_.isprintable() and " " not in id_ and len(id_) <= MAX_ID
    return str(id_) if is_one else ""


def listed(id_: str, value: Mapping[str, Any]) -> Listed:
    """`value`: the message as a listing or delta has it, `id_`: its id."""
    return Listed(id_, _size_of(value), _received(value), value.get("isRead") is True)


def _size_of(value: Mapping[str, Any]) -> int:
    properties = value.get("singleValueExtendedProperties")
    for property_ in properties if isinstance(properties, list) else ():
        size = property_.get("value") if isinstance(property_, dict) else None
        if isinstance(size, str) and size.isascii() and size.isdigit() and len(size) < 19:
            return int(size)
    return UNKNOWN_SIZE


def _received(value: Mapping[str, Any]) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value["receivedDateTime"])
    except (KeyError, TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
