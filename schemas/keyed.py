"""Settings and persons on their compacted topics: a value under another key than its own is refused."""

from collections.abc import Callable, Mapping
from typing import Any

from schemas.reasons import Reason
from schemas.topics import PERSONS, SETTINGS, Topic
from schemas.wire import EventAttributes, Record, UndecodableError, decode

# Short name of a topic -> the key that a value of it has.
_KEYS: Mapping[str, Callable[[Any], str]] = {
    SETTINGS.short: lambda setting: f"{setting.kind}/{setting.id}",
    PERSONS.short: lambda person: person.id,
}


def key_of(record: Record) -> str:
    """The record's key as text, whatever its bytes are."""
    return (record.key or b"").decode("utf-8", "replace")


def decode_keyed(topic: Topic, record: Record) -> tuple[EventAttributes, Any]:
    """As `decode`, for `settings` and `persons`. Raises `UndecodableError` also where the key is not the value's own.

    A record under another's key would be taken for that other one by some readers, and by compaction.
    """
    context, value = decode(topic, record)
    if record.key != _KEYS[topic.short](value).encode():
        raise UndecodableError(Reason.WRONG_SCHEMA, "the record's key is not that of its value")
    return context, value
