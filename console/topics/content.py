"""What a record's content may be shown as, to whom, and what is never shown: secrets, sealed or not. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from console.access.rights import Identity, Right
from runtime.security.redaction import conceal
from schemas.topics import (
    CALL_EVENTS,
    DESK_REQUESTED,
    MAIL_FETCHED,
    MAIL_REJECTED,
    MAIL_RESOLVED,
    MAILBOX_CURSORS,
    NOTIFICATION_REQUESTED,
    NOTIFICATION_RESULTS,
    PERSONS,
    SERVER_STATUS,
    SERVER_TEST_RESULTS,
    SERVER_TESTS,
    SETTINGS,
    SETTINGS_CHANGES,
    Topic,
)
from schemas.wire import Record

MOST_BYTES = 2_000_000
MOST_CHARACTERS = 200_000
HIDDEN = "set, and never shown"

# What may be read by whom. A topic that is not here is never shown: `server.tokens`.
_RIGHTS: Mapping[str, Right] = {
    **dict.fromkeys((topic.short for topic in (MAIL_FETCHED, MAIL_RESOLVED, MAIL_REJECTED)), Right.HELD_MAIL),
    # A test's result shows a mail.
    **dict.fromkeys((topic.short for topic in (SERVER_TESTS, SERVER_TEST_RESULTS)), Right.HELD_MAIL),
    **dict.fromkeys(
        (topic.short for topic in (SETTINGS, SETTINGS_CHANGES, SERVER_STATUS, MAILBOX_CURSORS)), Right.SYSTEM_SET_UP
    ),
    **dict.fromkeys(
        (topic.short for topic in (DESK_REQUESTED, CALL_EVENTS, NOTIFICATION_REQUESTED, NOTIFICATION_RESULTS)),
        Right.READ_CALLS,
    ),
    PERSONS.short: Right.PERSONS,
}
# Fields that hold a secret, or what opens something, wherever they stand.
_SECRET_FIELDS = frozenset(("sealed", "password", "client_secret", "refresh_token", "access_token", "token", "secret"))


@dataclass(frozen=True, slots=True)
class Content:
    """`text`: JSON, indented, without secrets; None where it is not shown, and `why` says why not."""

    text: str | None
    why: str = ""


def right_for(topic: Topic) -> Right | None:
    """The right that the content of the topic's records, dead letters among them, needs; None: nobody sees it."""
    return _RIGHTS.get(topic.short)


def may_see(topic: Topic, identity: Identity) -> bool:
    """Records of calls and mails are of any partition: visitors who see some partitions find them by their pages."""
    right = right_for(topic)
    return right is not None and identity.may_for_all(right)


def content_of(topic: Topic, record: Record) -> Content:
    """The value of a record as it may be shown to somebody with the right."""
    if record.value is None:
        return Content(None, "The record has no value: it deletes its key, or marks that something was replayed.")
    if topic.value is None:
        return Content(None, "It is a mail: the page of the mail shows it safely.")
    if len(record.value) > MOST_BYTES:
        return Content(None, f"It has {len(record.value)} bytes, which is too much for a page.")
    try:
        plain = json.loads(record.value)
    except (ValueError, RecursionError):
        return Content(None, f"It is no JSON, so {len(record.value)} bytes of it are not shown.")
    text = conceal(json.dumps(_without_secrets(plain), indent=2, ensure_ascii=False))
    if len(text) > MOST_CHARACTERS:
        text = f"{text[:MOST_CHARACTERS]}\n... and {len(text) - MOST_CHARACTERS} characters more"
    return Content(text)


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: HIDDEN if _is_secret(name, inner) else _without_secrets(inner) for name, inner in value.items()}
    return [_without_secrets(inner) for inner in value] if isinstance(value, list) else value


def _is_secret(name: str, value: Any) -> bool:
    return name.lower() in _SECRET_FIELDS and isinstance(value, str) and bool(value)
