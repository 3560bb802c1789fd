"""What is generated: it follows the code, says what drifted, and is what it claims to be."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from schemas.asyncapi import FETCHED_HEADERS, document
from schemas.explanations import EXPLANATIONS
from schemas.fetched import FetchedMail
from schemas.generate import drifted, generated, main, write
from schemas.reasons import Reason
from schemas.topics import TOPICS


@pytest.fixture(scope="module")
def made() -> Mapping[str, str]:
    return generated()


def test_generated_files_follow_the_code() -> None:
    assert drifted() == []
    assert main(["--check"]) == 0


def test_every_file_begins_with_its_duty(made: Mapping[str, str]) -> None:
    lines = [line for line in made["docs/reference/files.md"].splitlines() if line.startswith("| [")]
    assert len(lines) > 50
    assert [line for line in lines if line.endswith("|  |")] == []


def test_drift_is_named_and_mended(tmp_path: Path) -> None:
    assert set(write(tmp_path)) == generated().keys()
    assert drifted(tmp_path) == []
    (tmp_path / "schemas/json/persons.v1.json").write_text("{}")
    (tmp_path / "schemas/json/gone.v1.json").write_text("{}")
    (tmp_path / "docs/reference/topics.md").unlink()
    expected = ["docs/reference/topics.md", "schemas/json/gone.v1.json", "schemas/json/persons.v1.json"]
    assert drifted(tmp_path) == expected
    assert write(tmp_path) == expected
    assert drifted(tmp_path) == []


def test_a_wrong_argument_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--chekc"]) == 2
    assert "--chekc" in capsys.readouterr().err


def test_every_reason_is_explained() -> None:
    assert EXPLANATIONS.keys() == set(Reason)
    assert all(why.meaning.endswith(".") for why in EXPLANATIONS.values())
    assert all(not why.remedy or why.remedy.endswith(".") for why in EXPLANATIONS.values())


def test_every_header_of_a_fetched_mail_is_described() -> None:
    mail = FetchedMail(
        mail_id="0" * 32,
        server_id="s",
        received=datetime.now(UTC),
        size=1,
        sha256="",
        mailbox="x",
        dataref="y",
        truncated=2,
        wholeref="z",
        released="r",
        release_mark="m",
    )
    assert {f"ce_{name}" for name in mail.extensions()} == FETCHED_HEADERS.keys()


def test_every_reference_in_the_asyncapi_document_leads_somewhere(made: Mapping[str, str]) -> None:
    read = yaml.safe_load(made["schemas/asyncapi.yaml"])
    assert read == json.loads(json.dumps(document()))
    assert read["asyncapi"] == "3.1.0"
    assert list(read["channels"]) == [topic.short for topic in TOPICS]
    references = _references(read)
    assert len(references) > 3 * len(TOPICS)
    for reference in references:
        if reference.startswith("./"):
            assert f"schemas/{reference[2:]}" in made
        else:
            node = read
            for part in reference.removeprefix("#/").split("/"):
                node = node[part]


def test_every_topic_with_a_model_has_a_json_schema(made: Mapping[str, str]) -> None:
    for topic in TOPICS:
        path = f"schemas/json/{topic.short}.v1.json"
        assert (path in made) == (topic.value is not None)
        if path in made:
            assert json.loads(made[path])["title"] == topic.event_type


def _references(node: object) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for value in node.values() for found in _references(value)]
    if isinstance(node, list):
        return [found for value in node for found in _references(value)]
    return []
