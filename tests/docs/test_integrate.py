"""docs/integrate.md: its commands write CloudEvents, and it calls needed what AsyncAPI document and SDK call so.

tests/e2e/test_integrators.py runs the examples.
"""

import re
import shlex
from pathlib import Path

import jsonschema_rs
import pytest
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.exceptions import CloudEventValidationError
from cloudevents.core.formats.json import JSONFormat

from schemas.asyncapi import document
from schemas.topics import BY_SHORT_NAME, TOPICS

PAGE = (Path(__file__).resolve().parents[2] / "docs/integrate.md").read_text("utf-8")
MESSAGES = document()["components"]["messages"]
WRITING = [
    shlex.split(command.replace("\\\n", " "))
    for command in re.findall(r"^ +(kcat (?:[^\n]*\\\n)*[^\n]*)$", PAGE, re.MULTILINE)
    if " -P " in command
]
HEADER_ROWS = dict(re.findall(r"^\| `([\w-]+)` \| .* \| (by CloudEvents|no) \|$", PAGE, re.MULTILINE))
# CloudEvents 1.0.2, section "Required attributes"; the SDK makes them up, an id anew each time that a record is read.
MADE_UP = {"ce_specversion", "ce_id"}
PYTHON_HEADERS = re.findall(r"headers ?= ?\[\n(.*?)\n +\]", PAGE, re.DOTALL)


def headers_of(command: list[str]) -> dict[str, str]:
    given = [command[index + 1] for index, word in enumerate(command) if word == "-H"]
    return dict(header.split("=", 1) for header in given)


def topic_of(command: list[str]) -> str:
    return command[command.index("-t") + 1].removeprefix("mailcall.").removesuffix(".v1")


def read_by_the_sdk(headers: dict[str, str]) -> BaseCloudEvent:
    encoded = {name: text.encode() for name, text in headers.items()}
    return from_binary(KafkaMessage(encoded, b"key", b"{}"), JSONFormat())


@pytest.mark.parametrize("command", WRITING, ids=topic_of)
def test_a_command_writes_a_cloud_event_as_the_asyncapi_document_describes_it(command: list[str]) -> None:
    headers, topic = headers_of(command), BY_SHORT_NAME[topic_of(command)]
    event = read_by_the_sdk(headers)
    assert headers.keys() >= MADE_UP
    assert (event.get_specversion(), event.get_type(), event.get_id()) == ("1.0", topic.event_type, headers["ce_id"])
    described = MESSAGES[topic.short]["headers"]
    assert jsonschema_rs.is_valid(described, headers)
    assert headers.keys() <= described["properties"].keys()
    assert headers["content-type"] == MESSAGES[topic.short]["contentType"]


def test_every_topic_that_others_write_has_a_command() -> None:
    others = {"integrators", "MTAs and integrators", "CMDB feeds"}
    assert {topic_of(command) for command in WRITING} == {
        topic.short for topic in TOPICS if others & set(topic.writers)
    }


def test_python_writes_the_same_headers() -> None:
    assert len(PYTHON_HEADERS) == 3
    for written in PYTHON_HEADERS:
        assert re.findall(r'\("([\w-]+)"', written) == [
            "ce_specversion",
            "ce_type",
            "ce_source",
            "ce_id",
            "content-type",
        ]


def test_the_page_calls_needed_what_the_sdk_needs_and_our_readers_nothing_of_it() -> None:
    every = dict.fromkeys(HEADER_ROWS, "x") | {"ce_specversion": "1.0", "ce_time": "2026-11-26T09:30:15Z"}
    assert len(every) == 7
    read_by_the_sdk(every)
    for name, needed in HEADER_ROWS.items():
        others = {other: text for other, text in every.items() if other != name}
        if name in MADE_UP:
            assert needed == "by CloudEvents"
        elif needed == "by CloudEvents":
            with pytest.raises(CloudEventValidationError):
                read_by_the_sdk(others)
        else:
            read_by_the_sdk(others)
    required = {short: message["headers"].get("required", []) for short, message in MESSAGES.items()}
    assert {short: names for short, names in required.items() if names} == {"mail.fetched": ["ce_serverid"]}
    assert "| `ce_serverid` | id of the incoming server; needed |" in PAGE
