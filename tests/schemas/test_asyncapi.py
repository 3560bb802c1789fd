"""The AsyncAPI document as AsyncAPI's own parser reads it, and the headers that it calls needed, as our readers do."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from deploy.local.checkers.npm_checkers import diagnostics, fetch_parser
from schemas.asyncapi import document
from schemas.fetched import open_fetched
from schemas.topics import BY_SHORT_NAME, MAIL_FETCHED, Topic
from schemas.wire import Record, UndecodableError, decode

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"
DOCUMENT = SCHEMAS / "asyncapi.yaml"
EXAMPLES = sorted((SCHEMAS / "examples").glob("*/*.json"))
MESSAGES: dict[str, Any] = document()["components"]["messages"]


@pytest.fixture(scope="module")
def asyncapi_parser() -> Path:
    return fetch_parser()


@pytest.mark.timeout(400)  # the parser may have to be fetched first
def test_the_official_parser_has_nothing_to_say_about_the_document(asyncapi_parser: Path) -> None:
    assert diagnostics(DOCUMENT) == []


@pytest.mark.timeout(400)
def test_the_official_parser_would_say_what_is_wrong(asyncapi_parser: Path, tmp_path: Path) -> None:
    wrong = yaml.safe_load(DOCUMENT.read_text("utf-8"))
    for message in wrong["components"]["messages"].values():
        message["payload"] = {"type": "object"}
    wrong["components"]["messages"]["persons"]["payload"]["discriminator"] = {"propertyName": "kind"}
    file = tmp_path / "wrong.yaml"
    file.write_text(yaml.safe_dump(wrong))

    errors = {one["message"] for one in diagnostics(file) if one["severity"] == 0}
    assert '"discriminator" property type must be string' in errors


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_header_is_called_needed_where_a_record_cannot_be_read_without_it(file: Path) -> None:
    topic, stored = BY_SHORT_NAME[file.parent.name.rpartition(".v")[0]], json.loads(file.read_text("utf-8"))
    headers: dict[str, str] = stored["headers"]
    described = jsonschema_rs.validator_for(MESSAGES[topic.short]["headers"])
    mail = file.with_suffix(".eml")
    value = mail.read_bytes() if mail.exists() else json.dumps(stored["value"]).encode() if "value" in stored else b""

    assert described.is_valid(headers)
    assert _is_read(topic, value, headers)
    for name in headers:
        others = {other: text for other, text in headers.items() if other != name}
        if name == "ce_dataref":
            continue  # without it, and without a value, there is no mail: no matter of headers
        assert described.is_valid(others) == _is_read(topic, value, others), name


def _is_read(topic: Topic, value: bytes, headers: dict[str, str]) -> bool:
    record = Record(topic.short, 0, 0, b"k", value, [(name, text.encode()) for name, text in headers.items()])
    try:
        open_fetched(record) if topic is MAIL_FETCHED else decode(topic, record)
    except UndecodableError:
        return False
    return True
