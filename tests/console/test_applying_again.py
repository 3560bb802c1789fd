"""Applying a file again: after mails, after records that cannot be decoded, after somebody else's change."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import Engine

from console.config import ConsoleConfig
from console.errors import UserError
from console.settings.file_reading import read_settings_file
from console.settings.state import read_state
from deploy.local.ports import wait_until
from desk.engine import read_transaction
from desk.persons import load_persons
from runtime.kafka.producer import ProducerRecord, Publisher
from runtime.kafka.topic_reader import read_to_end
from runtime.settings_view import SettingsView
from schemas.persons import Person
from schemas.settings import Format
from schemas.topics import PERSONS, SETTINGS, SETTINGS_CHANGES
from schemas.wire import OutputRecord, encode
from tests.console.conftest import DEMO, fetched, mail

Mailcall = Callable[..., Any]
NOW = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)
LONG = 60  # seconds that stages may take to start
OPTIONS = "email-options/email-options"
DESK = """\
partitions:
- {impacts: [a], urgencies: [b], priorities: [P1], priority_matrix: {a: {b: P1}}}
email_options: {default_format: text}
persons:
- {id: alan, first_name: Alan, addresses: [alan@example.test], is_analyst: true}
"""


@pytest.fixture
def desk_file(tmp_path: Path) -> Path:
    file = tmp_path / "desk.yaml"
    file.write_text(DESK)
    return file


def by(source: str, person: Person) -> OutputRecord:
    return encode(PERSONS, person.id, person, id=f"{person.id}/{person.version}", source=source, time=NOW)


def effects(ran: Any) -> dict[str, str]:
    return {change["key"]: change["effect"] for change in json.loads(ran.out)["changes"]}


def published(config: ConsoleConfig) -> int:
    topics = (SETTINGS, PERSONS, SETTINGS_CHANGES)
    return len(list(read_to_end(config, [topic.name(config.topic_prefix) for topic in topics])))


def test_the_same_file_after_a_mail_of_an_analyst_changes_nothing(
    run: Mailcall,
    config: ConsoleConfig,
    publisher: Publisher,
    desk: Engine,
    start_stages: Callable[[], None],
) -> None:
    run("apply", DEMO)
    start_stages()

    def is_known() -> bool:
        with read_transaction(desk) as connection:
            return "alan" in load_persons(connection, ["alan"])

    assert wait_until(is_known, LONG)
    publisher.publish([fetched(mail(1, "alan@desk.example"))])
    assert wait_until(lambda: read_state(config).persons["alan"].is_user, LONG)

    again = run("apply", DEMO, "--json")

    assert set(effects(again).values()) == {"unchanged"}
    assert read_state(config).persons["alan"].is_user


def test_the_user_flag_that_a_mail_set_stays(
    at_broker: Mailcall, config: ConsoleConfig, publisher: Publisher, desk_file: Path
) -> None:
    at_broker("apply", desk_file)
    flagged = read_state(config).persons["alan"].model_copy(update={"is_user": True, "version": 2})
    publisher.publish([by("/mailcall/logger", flagged)])

    again = at_broker("apply", desk_file, "--json")
    desk_file.write_text(DESK.replace("first_name: Alan", "office: North"))
    other_field = at_broker("apply", desk_file, "--json")

    assert set(effects(again).values()) == {"unchanged"}
    assert effects(other_field)["person/alan"] == "changed"
    assert read_state(config).persons["alan"] == flagged.model_copy(update={"office": "North", "version": 3})


@pytest.mark.parametrize("value", [b"\xff", b'{"kind":"email-options","default_format":"pdf"}'])
def test_a_setting_that_cannot_be_decoded_is_published_again(
    at_broker: Mailcall, config: ConsoleConfig, publisher: Publisher, desk_file: Path, value: bytes
) -> None:
    at_broker("apply", desk_file)
    topic = SETTINGS.name(config.topic_prefix)
    publisher.publish([ProducerRecord(topic, OPTIONS.encode(), value)])

    exported = at_broker("export")
    ran = at_broker("apply", desk_file, "--json")
    again = at_broker("apply", desk_file, "--json")

    assert f"the newest record of {OPTIONS} cannot be decoded" in exported.err
    assert "default_format: text" in exported.out
    assert effects(ran) == {
        "partition/desk": "unchanged",
        "person/alan": "unchanged",
        OPTIONS: "rewritten",
    }
    assert (ran.err, set(effects(again).values())) == ("", {"unchanged"})
    [*_, last] = read_to_end(config, [topic])
    view = SettingsView(config)
    view.apply([last])
    assert view.current.email_options().default_format is Format.TEXT


@pytest.mark.parametrize(
    ("key", "person"),
    [
        ("alan", b"\xff"),
        ("alan", Person(id="bob", is_user=True, version=9)),
        ("alan", Person(id="alan", is_user=True, version=0)),
    ],
    ids=["no schema", "another's key", "an older version"],
)
def test_a_person_that_counts_for_nothing_is_published_again(
    at_broker: Mailcall, config: ConsoleConfig, publisher: Publisher, desk_file: Path, key: str, person: Any
) -> None:
    at_broker("apply", desk_file)
    before = read_state(config)
    value = person if isinstance(person, bytes) else person.model_dump_json().encode()
    publisher.publish([ProducerRecord(PERSONS.name(config.topic_prefix), key.encode(), value)])

    undecodable = read_state(config)
    ran = at_broker("apply", desk_file, "--json")

    assert undecodable.persons == before.persons
    assert list(undecodable.undecodable) == ["person/alan"]
    assert effects(ran)["person/alan"] == "rewritten"
    after = read_state(config)
    assert after.undecodable == {}
    assert after.persons == {"alan": before.persons["alan"].model_copy(update={"version": 2})}


def test_an_exported_file_is_refused_after_a_change_it_would_undo(
    at_broker: Mailcall, config: ConsoleConfig, desk_file: Path
) -> None:
    at_broker("apply", desk_file)
    exported = at_broker("export").out
    at_broker("persons", "update", "alan", "office=North", "--who", "anna")
    desk_file.write_text(exported.replace("first_name: Alan", "first_name: Al\n  office: South"))
    before = published(config)

    refused = at_broker("apply", desk_file)
    dry = at_broker("apply", desk_file, "--dry-run")
    after_refusal = published(config)
    overwritten = at_broker("apply", desk_file, "--overwrite")

    line = desk_file.read_text().split("\n").index("- id: alan") + 1
    assert (refused.code, dry.code, overwritten.code) == (2, 2, 0)
    assert f"{desk_file}:{line}:person/alan: was changed after this file was exported, last by anna at " in refused.err
    assert "(office)" in refused.err
    assert "export again" in refused.err
    assert "--overwrite" in refused.err
    assert after_refusal == before
    alan = read_state(config).persons["alan"]
    assert (alan.first_name, alan.office) == ("Al", "South")


def test_a_change_of_another_program_is_told_as_its_own(
    at_broker: Mailcall, config: ConsoleConfig, publisher: Publisher, desk_file: Path
) -> None:
    at_broker("apply", desk_file, "--who", "anna")
    desk_file.write_text(at_broker("export").out.replace("first_name: Alan", "first_name: Al"))
    alan = read_state(config).persons["alan"]
    publisher.publish([by("/cmdb", alan.model_copy(update={"office": "North", "version": 2}))])

    ran = at_broker("apply", desk_file)

    assert ran.code == 2
    assert "person/alan: was changed after this file was exported, last by /cmdb - " in ran.err


def test_an_exported_file_is_refused_where_something_was_deleted_or_added_since(
    at_broker: Mailcall, desk_file: Path
) -> None:
    at_broker("apply", desk_file)
    exported = yaml.safe_load(at_broker("export").out)
    at_broker("delete", "person/alan", "--yes")
    desk_file.write_text("persons: [{id: bob, is_user: true}]")
    at_broker("apply", desk_file)
    exported["persons"].append({"id": "bob", "is_analyst": True})
    desk_file.write_text(yaml.safe_dump(exported))

    ran = at_broker("apply", desk_file)

    assert ran.code == 2
    assert "person/alan: was deleted after this file was exported" in ran.err
    assert "person/bob: was added after this file was exported" in ran.err


def test_an_exported_file_is_applied_where_what_it_changes_is_as_it_was(
    at_broker: Mailcall, config: ConsoleConfig, desk_file: Path
) -> None:
    at_broker("apply", desk_file)
    exported = at_broker("export").out
    at_broker("persons", "update", "alan", "office=North")
    desk_file.write_text(exported.replace("default_format: text", "default_format: html"))

    ran = at_broker("apply", desk_file, "--json")

    assert (ran.code, effects(ran)[OPTIONS], effects(ran)["person/alan"]) == (0, "changed", "unchanged")
    assert read_state(config).persons["alan"].office == "North"


def test_a_backup_with_every_field_takes_back_what_has_been_set_since(
    at_broker: Mailcall, config: ConsoleConfig, desk_file: Path
) -> None:
    at_broker("apply", desk_file)
    before = read_state(config)
    desk_file.write_text(at_broker("export", "--every-field").out)
    at_broker("persons", "update", "alan", "office=North", "email_format=", "is_user=true")
    unchanged = at_broker("apply", desk_file)

    ran = at_broker("apply", desk_file, "--overwrite", "--json")

    assert (unchanged.code, ran.code, effects(ran)["partition/desk"]) == (2, 0, "unchanged")
    after = read_state(config)
    assert after.settings.settings == before.settings.settings
    assert after.persons["alan"] == before.persons["alan"].model_copy(update={"version": 3})


@pytest.mark.parametrize("section", ["exported: [1]", "exported: {person/alan: yes}", "exported: {person/alan: x}"])
def test_a_section_of_versions_that_is_none_is_told(desk_file: Path, section: str) -> None:
    desk_file.write_text(f"{section}\n")

    with pytest.raises(UserError) as refused:
        read_settings_file(desk_file)

    [problem] = refused.value.problems
    assert (problem.line, problem.place.partition(".")[0]) == (1, "exported")
    assert "or take it out" in problem.remedy


def test_a_dry_run_shows_each_field_old_and_new_and_who_set_it_last(
    at_broker: Mailcall, config: ConsoleConfig, publisher: Publisher, desk_file: Path
) -> None:
    at_broker("apply", desk_file, "--who", "anna")
    at_broker("persons", "update", "alan", "office=North", "--who", "otto")
    alan = read_state(config).persons["alan"]
    publisher.publish([by("/cmdb", alan.model_copy(update={"last_name": "Adams", "version": 3}))])
    desk_file.write_text(
        "email_options: {default_format: null, plus_tags: true}\n"
        "persons: [{id: alan, first_name: Al, last_name: Ames, office: South}, {id: bob, is_user: true}]\n"
    )
    before = published(config)

    told = at_broker("apply", desk_file, "--dry-run")
    plain = json.loads(at_broker("apply", desk_file, "--dry-run", "--json").out)

    assert plain["applied"] is False
    fields = {
        (change["key"], one["field"]): (one["old"], one["new"], one["set_by"])
        for change in plain["changes"]
        for one in change["fields"]
    }
    assert fields == {
        (OPTIONS, "default_format"): ("text", "html", "anna"),
        (OPTIONS, "plus_tags"): (False, True, "anna"),
        ("person/alan", "first_name"): ("Alan", "Al", "anna"),
        ("person/alan", "last_name"): ("Adams", "Ames", "/cmdb"),
        ("person/alan", "office"): ("North", "South", "otto"),
        ("person/bob", "id"): (None, "bob", None),
        ("person/bob", "is_user"): (None, True, None),
    }
    set_at = {one["field"]: one["set_at"] for change in plain["changes"] for one in change["fields"]}
    assert (set_at["office"] is not None, set_at["last_name"]) == (True, None)
    [line] = [line for line in told.out.split("\n") if "office" in line]
    assert line.split()[:6] == ["person/alan", "changed", "office", "North", "South", "otto"]
    assert published(config) == before
