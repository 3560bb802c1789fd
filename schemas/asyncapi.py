"""The AsyncAPI 3.1 document, made from the topic catalogue: what each topic holds, who writes it, who reads it."""

from typing import Any

from schemas.topics import MAIL_FETCHED, TOPICS, Topic
from schemas.wire import JSON, RFC822

PROCESSES = ("ingest", "resolver", "logger", "outbound", "console")

# Our readers do without, so that they are not `required`: an integrator may have the plainest of tools.
_BY_CLOUDEVENTS = "needed by CloudEvents, and on every record that Mailcall writes"
# CloudEvents Kafka binding 1.0.2, binary mode: every attribute a header `ce_<name>`; and W3C trace context.
_HEADERS: dict[str, str] = {
    "ce_specversion": f"always 1.0; {_BY_CLOUDEVENTS}",
    "ce_id": f"id of the event; the same cause always gives the same id; {_BY_CLOUDEVENTS}",
    "ce_source": f"who wrote it, such as /mailcall/ingest; {_BY_CLOUDEVENTS}",
    "ce_type": f"type and version of the value; {_BY_CLOUDEVENTS}",
    "ce_time": "when it happened, RFC 3339, UTC",
    "content-type": "of the value",
    "traceparent": "W3C trace context, one trace a mail",
}
# schemas/fetched.py: what is known about a raw mail. An integrator gives ce_serverid; the rest is derived.
FETCHED_HEADERS: dict[str, str] = {
    "ce_serverid": "id of the incoming server the mail belongs to",
    "ce_mailbox": "where it lay, such as INBOX;UIDVALIDITY=1;UID=7",
    "ce_internaldate": "when the mail store took it, ISO 8601 with offset",
    "ce_size": "bytes of the raw mail",
    "ce_sha256": "of the raw mail, hexadecimal",
    "ce_dataref": "blob that holds the raw mail, where the value is empty (claim check)",
    "ce_truncated": "size on its server of a mail over the limit, of which only the beginning is here",
    "ce_wholeref": "the blob that holds all of a mail over the limit",
    "ce_released": "who let a mail through that had been rejected; counts with ce_releasemark only",
    "ce_releasemark": "signature of the release, by the installation's token key",
}
_RAW = {"type": "string", "format": "binary", "description": "RFC 5322 bytes, untouched"}
# What `FetchedMail.from_envelope` cannot derive; where the value is in the blob store it has nothing to derive from.
_NEEDED = ("ce_serverid",)
_NEEDED_WITH = {"ce_dataref": ["ce_id", "ce_size", "ce_sha256"]}


def document() -> dict[str, Any]:
    """The document as plain data, ready for YAML."""
    return {
        "asyncapi": "3.1.0",
        "info": {
            "title": "Mailcall",
            "version": "1",
            "description": "E-mail to service desk. Made by `make schemas` from schemas/topics.py: do not edit.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": JSON,
        "servers": {"broker": _server()},
        "channels": {topic.short: _channel(topic) for topic in TOPICS},
        "operations": {name: operation for topic in TOPICS for name, operation in _operations(topic)},
        "components": {"messages": {topic.short: _message(topic) for topic in TOPICS}},
    }


def _server() -> dict[str, Any]:
    return {
        "host": "{bootstrap}",
        "protocol": "kafka",
        "description": "The Kafka cluster that every process is given as MAILCALL_KAFKA_BOOTSTRAP_SERVERS.",
        "variables": {"bootstrap": {"description": "host:port of a broker"}},
    }


def _channel(topic: Topic) -> dict[str, Any]:
    configuration: dict[str, Any] = {"cleanup.policy": ["compact" if topic.compacted else "delete"]}
    if topic.retention_ms is not None:
        configuration["retention.ms"] = topic.retention_ms
    return {
        "address": topic.name("{prefix}"),
        "description": topic.doc,
        "parameters": {"prefix": {"description": "MAILCALL_TOPIC_PREFIX", "default": "mailcall"}},
        "messages": {topic.short: {"$ref": f"#/components/messages/{topic.short}"}},
        "bindings": {
            "kafka": {"partitions": topic.partitions, "topicConfiguration": configuration, "bindingVersion": "0.5.0"}
        },
    }


def _operations(topic: Topic) -> list[tuple[str, dict[str, Any]]]:
    """One operation for each of our processes that writes or reads the topic; other systems describe themselves."""
    directions = (("send", "writes", topic.writers), ("receive", "reads", topic.readers))
    return [
        (
            f"{process}.{action}.{topic.short}",
            {
                "action": action,
                "summary": f"{process} {verb} {topic.short}.",
                "channel": {"$ref": f"#/channels/{topic.short}"},
                "messages": [{"$ref": f"#/channels/{topic.short}/messages/{topic.short}"}],
            },
        )
        for action, verb, processes in directions
        for process in processes
        if process in PROCESSES
    ]


def _message(topic: Topic) -> dict[str, Any]:
    raw = topic.value is None
    return {
        "name": topic.event_type,
        "title": topic.short,
        "contentType": RFC822 if raw else JSON,
        "headers": _headers(topic),
        "payload": _RAW if raw else {"$ref": f"./json/{topic.short}.v{topic.version}.json"},
        "bindings": {"kafka": {"key": {"type": "string", "description": topic.key}, "bindingVersion": "0.5.0"}},
    }


def _headers(topic: Topic) -> dict[str, Any]:
    is_mail = topic is MAIL_FETCHED
    described = _HEADERS | (FETCHED_HEADERS if is_mail else {})
    properties: dict[str, Any] = {name: {"type": "string", "description": text} for name, text in described.items()}
    properties["ce_type"]["const"] = topic.event_type
    needed = {"required": list(_NEEDED), "dependencies": _NEEDED_WITH} if is_mail else {}
    return {"type": "object", "properties": properties, **needed}
