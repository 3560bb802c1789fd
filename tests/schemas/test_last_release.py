"""Two releases at once: what the last one wrote is read by this one, and what this one writes by the last.

`released/VERSION.json` holds that release's example records, and its JSON Schemas: what its readers took, which refuse
nothing that its models would have read (`test_json_schema.py`). At a release the file is made anew from `examples/` and
`json/` of that release.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from schemas.fetched import open_fetched
from schemas.generate import generated
from schemas.topics import BY_SHORT_NAME, MAIL_FETCHED, TOPICS
from schemas.wire import Record, decode

HERE = Path(__file__).resolve().parent
(RELEASE,) = (HERE / "released").glob("*.json")
LAST = json.loads(RELEASE.read_text(encoding="utf-8"))
TODAY = sorted((HERE.parents[1] / "schemas/examples").glob("*/*.json"))
_WORD = re.compile(r"`([^`]+)`")
_ROW = re.compile(r"^\| `([a-z.-]+)` \| ((?:`[a-z-]+`(?:, )?)+) \|", re.MULTILINE)
OPERATIONS = (HERE.parents[1] / "docs/operations.md").read_text(encoding="utf-8")


def record(name: str) -> Record:
    stored = LAST["records"][name]
    value = stored["mail"].encode("latin-1") if "mail" in stored else json.dumps(stored.get("value", "")).encode()
    headers = [(header, text.encode()) for header, text in stored["headers"].items()]
    return Record(name.partition("/")[0], 0, 0, stored["key"].encode(), value if value != b'""' else b"", headers)


@pytest.mark.parametrize("name", LAST["records"])
def test_a_record_of_the_last_release_is_read_whole(name: str) -> None:
    topic = BY_SHORT_NAME[name.partition("/")[0].rpartition(".v")[0]]
    if topic is MAIL_FETCHED:
        assert open_fetched(record(name)).server_id
        return
    _, value = decode(topic, record(name))
    assert is_within(LAST["records"][name]["value"], json.loads(value.model_dump_json(by_alias=True)))


def is_within(written: Any, read: Any) -> bool:
    """Whether all that was written was read; this release may know more fields."""
    if isinstance(written, dict):
        return isinstance(read, dict) and all(
            name in read and is_within(one, read[name]) for name, one in written.items()
        )
    if isinstance(written, list):
        return isinstance(read, list) and len(written) == len(read) and all(map(is_within, written, read))
    return bool(written == read) or (isinstance(written, str) and written.replace("+00:00", "Z") == read)


def test_there_are_records_of_every_topic_of_the_last_release() -> None:
    assert {name.partition("/")[0] for name in LAST["records"]} >= set(LAST["schemas"])
    assert len(LAST["schemas"]) == len([topic for topic in TOPICS if topic.value])


@pytest.mark.parametrize(
    "file",
    [file for file in TODAY if "value" in json.loads(file.read_text("utf-8"))],
    ids=lambda file: f"{file.parent.name}/{file.stem}",
)
def test_a_record_of_this_release_is_read_by_the_last_one_and_new_fields_are_no_matter(file: Path) -> None:
    old = jsonschema_rs.validator_for(LAST["schemas"][file.parent.name])
    value = json.loads(file.read_text("utf-8"))["value"]
    is_known = not is_of_mapi(value)  # which the last release refuses: it has no such kind and no such protocol
    assert old.is_valid(value) is is_known
    assert old.is_valid(value | {"of_a_later_release": 1}) is is_known


def is_of_mapi(value: Mapping[str, Any]) -> bool:
    return value.get("kind") == "mapi-profile" or value.get("protocol") == "mapi"


def test_the_words_that_the_last_release_does_not_know_are_those_that_the_upgrade_page_names() -> None:
    """It refuses a record with one of them: such a topic's readers are upgraded before its writers."""
    new: dict[str, set[str]] = {}
    for name, schema in LAST["schemas"].items():
        before, now = words(schema), words(json.loads(generated()[f"schemas/json/{name}.json"]))
        assert before.keys() <= now.keys()
        if more := {word for place in before for word in now[place] - before[place]}:
            new[name.rpartition(".v")[0]] = more
        assert not [place for place in before if before[place] - now[place]], "a word that is no longer read"
    told = {topic: set(_WORD.findall(listed)) for topic, listed in _ROW.findall(OPERATIONS) if topic in BY_SHORT_NAME}
    assert told == new


def words(schema: Mapping[str, Any]) -> dict[str, set[str]]:
    """Of each place that takes only certain words, which."""
    found: dict[str, set[str]] = {}
    for place, allowed in _enumerations(schema, schema.get("$defs", {}), "", ()):
        found.setdefault(place, set()).update(allowed)
    return found


def _enumerations(
    node: Any, definitions: Mapping[str, Any], place: str, within: tuple[str, ...]
) -> Iterator[tuple[str, set[str]]]:
    if isinstance(node, list):
        for one in node:
            yield from _enumerations(one, definitions, place, within)
    if not isinstance(node, dict):
        return
    name = node.get("$ref", "").rpartition("/")[2]
    if name and name not in within:
        yield from _enumerations(definitions[name], definitions, f"{place}/{name}", (*within, name))
    if "enum" in node:
        yield place, set(map(str, node["enum"]))
    for key, inner in node.items():
        if key not in ("$defs", "$ref", "enum"):
            yield from _enumerations(inner, definitions, f"{place}/{key}", within)
