"""JSON Schemas and readers agree: each example of a record with one thing wrong is refused by both or by neither."""

import json
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from pydantic import ValidationError

from schemas.asyncapi import PROCESSES
from schemas.generate import generated
from schemas.topics import BY_SHORT_NAME, TOPICS, Topic

FILES = [
    file
    for file in sorted((Path(__file__).resolve().parents[2] / "schemas/examples").glob("*/*.json"))
    if "value" in json.loads(file.read_text("utf-8"))
]
REMOVED: Any = object()
WRONG: tuple[Any, ...] = (
    *(REMOVED, None, {}, [], "", "x", "x y", "a\nb", "a\tb", "\x00", "@", "a@b@c", "a@b.example", "äöü", "x" * 100_001),
    *(10**30, ["x"], [{}], [None], {"x": "y"}, {"x": {}}, {"x": None}, {"a\nb": "y"}, "2026-11-23T10:00:00Z"),
)
# A reader takes these for a number, or for a date and time, and the schemas do not: nobody should rely on it.
TAKEN_BESIDES: tuple[Any, ...] = (True, "7", 7, -1, 1.5, "2026-11-23T10:00:00")


@cache
def validator(topic: Topic) -> jsonschema_rs.Validator:
    schema = json.loads(generated()[f"schemas/json/{topic.short}.v{topic.version}.json"])
    return jsonschema_rs.validator_for(schema, validate_formats=True)


def topic_of(file: Path) -> Topic:
    return BY_SHORT_NAME[file.parent.name.rpartition(".v")[0]]


def value_of(file: Path) -> Any:
    return json.loads(file.read_text("utf-8"))["value"]


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every field and entry, however deep."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in entries:
        yield (*place, name)
        yield from places(inner, (*place, name))


def changed(value: Any, place: tuple[Any, ...], new: Any) -> Any:
    copy = deepcopy(value)
    *way, last = place
    holder = copy
    for name in way:
        holder = holder[name]
    if new is REMOVED:
        del holder[last]
    else:
        holder[last] = new
    return copy


def faults(topic: Topic, value: Any) -> set[str]:
    """What the reader finds wrong: pydantic's kinds of error."""
    assert topic.value is not None
    try:
        topic.value.validate_json(json.dumps(value))
    except ValidationError as error:
        return {one["type"] for one in error.errors(include_url=False, include_input=False)}
    return set()


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_what_the_schema_takes_the_reader_takes_and_the_other_way_round(file: Path) -> None:
    topic, example = topic_of(file), value_of(file)
    takes = validator(topic).is_valid
    ours_alone = set(topic.writers) <= set(PROCESSES)
    # The rules between the fields of a setting: `mailcall apply` tells them, and nobody else writes settings.
    rules = {"value_error"} if ours_alone else set()
    assert takes(example) and not faults(topic, example)

    tried = disagreed = 0
    for place in places(example):
        for wrong in WRONG:
            value, tried = changed(example, place, wrong), tried + 1
            found = faults(topic, value)
            if takes(value) == (not found):
                continue
            disagreed += 1
            assert takes(value) and found <= rules, f"{place}: {str(wrong)[:40]!r}: {found or 'read'}"
    assert tried > len(WRONG)
    assert not disagreed or ours_alone


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_reader_takes_more_than_the_schema_only_in_numbers_and_times(file: Path) -> None:
    topic, example = topic_of(file), value_of(file)
    for place in places(example):
        for value in (changed(example, place, taken) for taken in TAKEN_BESIDES):
            assert not validator(topic).is_valid(value) or faults(topic, value) <= {"value_error"}


@pytest.mark.parametrize("topic", [topic for topic in TOPICS if topic.value], ids=lambda topic: topic.short)
def test_a_field_that_nobody_knows_is_taken_by_both(topic: Topic) -> None:
    for file in FILES:
        if topic_of(file) is topic:
            newer = value_of(file) | {"of_a_later_release": 1}
            assert validator(topic).is_valid(newer) and not faults(topic, newer)


def test_nothing_of_openapi_is_left_in_the_schemas() -> None:
    schemas = {path: text for path, text in generated().items() if path.startswith("schemas/json/")}
    assert schemas
    assert [path for path, text in schemas.items() if '"discriminator"' in text] == []
