"""`mailcall persons` against the real broker: looking, changing beside a CMDB, and marks that are taken off."""

import json
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from console.config import ConsoleConfig
from console.persons import person_changes
from console.settings import apply as apply_module
from console.settings.state import read_state
from desk.bounced_addresses import add_bounce
from desk.engine import write_transaction
from runtime.kafka.producer import Publisher
from runtime.kafka.topic_reader import read_to_end
from schemas.persons import Person
from schemas.servers import SettingsChange
from schemas.settings import Format
from schemas.topics import PERSONS, SETTINGS_CHANGES
from schemas.wire import OutputRecord, decode, encode, tombstone
from tests.desk.rows import add_person

Mailcall = Callable[..., Any]
LONG = 60  # seconds that a logger may take to start
NOW = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)
OFF = "email_options: {message_format_per_person: false}\n"
ON = "email_options: {message_format_per_person: true}\n"
ANN = "persons: [{id: ann, is_user: true, addresses: [ann@example.test, a.lee@example.test], email_format: %s}]\n"
PLAIN_ANN = "persons: [{id: ann, is_user: true, addresses: [ann@example.test]}]\n"


@pytest.fixture
def apply(at_broker: Mailcall, tmp_path: Path) -> Mailcall:
    def apply(*parts: str) -> Any:
        file = tmp_path / "applied.yaml"
        file.write_text("".join(parts))
        return at_broker("apply", file)

    return apply


def person_of(config: ConsoleConfig, id_: str = "ann") -> Person:
    return read_state(config).persons[id_]


def published(config: ConsoleConfig) -> int:
    return len(list(read_to_end(config, [PERSONS.name(config.topic_prefix)])))


def by_the_cmdb(person: Person) -> OutputRecord:
    return encode(PERSONS, person.id, person, id=f"{person.id}/{person.version}", source="/cmdb", time=NOW)


def test_persons_are_listed_by_flag_and_address(at_broker: Mailcall, apply: Mailcall) -> None:
    apply(
        "persons:\n"
        "  - {id: ann, is_user: true, addresses: [ann@example.test]}\n"
        "  - {id: ben, is_analyst: true, addresses: [ben@example.test]}\n"
        "  - {id: both, is_user: true, is_analyst: true, addresses: [ann@example.test]}\n"
    )

    def listed(*options: str) -> list[str]:
        return [one["id"] for one in json.loads(at_broker("persons", "list", *options, "--json").out)]

    assert listed() == ["ann", "ben", "both"]
    assert listed("--user") == ["ann", "both"]
    assert listed("--analyst") == ["ben", "both"]
    assert listed("--user", "--analyst") == ["both"]
    assert listed("--address", "ANN@Example.test") == ["ann", "both"]
    assert "there are no such persons" in at_broker("persons", "list", "--address", "x@y.test").out


@pytest.mark.usefixtures("desk")
def test_a_person_is_shown_by_id_or_address_with_the_others_who_have_it(run: Mailcall, apply: Mailcall) -> None:
    apply(
        "persons:\n"
        "  - {id: ann, first_name: Ann, is_user: true, addresses: [ann@example.test]}\n"
        "  - {id: b, is_user: true, addresses: [ANN@example.test]}\n"
    )
    shown = run("persons", "show", "Ann@example.test")
    unknown = run("persons", "show", "an@example.test")

    assert "first_name    Ann" in shown.out
    assert "same address  b" in shown.out
    assert json.loads(run("persons", "show", "b", "--json").out)["person"]["id"] == "b"
    assert unknown.code == 2
    assert "did you mean ann@example.test?" in unknown.err


def test_an_update_changes_what_it_names_and_tells_who_and_why(
    at_broker: Mailcall, apply: Mailcall, config: ConsoleConfig
) -> None:
    apply(ON, ANN % "html")
    before = person_of(config)
    words = ("email_format=text", 'addresses=["ann@new.test"]', "--who", "anna", "--change-reason", "asked for")

    ran = at_broker("persons", "update", "ann", *words)

    assert (ran.code, ran.out) == (0, "person/ann: changed, saved\n")
    changes = {"email_format": Format.TEXT, "addresses": ("ann@new.test",), "version": before.version + 1}
    assert person_of(config) == before.model_copy(update=changes)
    records = list(read_to_end(config, [SETTINGS_CHANGES.name(config.topic_prefix)]))
    change: SettingsChange = decode(SETTINGS_CHANGES, records[-1])[1]
    assert (change.key, change.who, change.change_reason) == ("person/ann", "anna", "asked for")
    assert change.before is not None and change.after is not None
    assert (change.before["email_format"], change.after["email_format"]) == ("html", "text")


def test_nothing_is_published_where_nothing_changes_or_it_is_a_dry_run(
    at_broker: Mailcall, apply: Mailcall, config: ConsoleConfig
) -> None:
    apply(ON, ANN % "html")
    before = published(config)

    same = at_broker("persons", "update", "ann", "email_format=html")
    dry = at_broker("persons", "update", "ann", "email_format=text", "--dry-run", "--json")

    assert same.out == "person/ann: unchanged, nothing is published\n"
    assert json.loads(dry.out)["saved"] is False
    assert json.loads(dry.out)["person"]["email_format"] == "text"
    assert published(config) == before


@pytest.mark.parametrize(
    ("id_", "words", "told"),
    [
        ("ann", ("email_format=pdf",), "email_format: it is none of 'html' or 'text' - write one of these words"),
        ("ann", ("ofice=North",), "ofice: there is no such field - did you mean office?"),
        ("ann", ("id=bob",), "id: it stays what it is - calls refer to it"),
        ("ann", ("version=9",), "version: it stays what it is - leave it out, every change raises it"),
        ("ann", ("is_user=false",), "a person is flagged as a User, as an Analyst, or as both"),
        ("an", ("office=x",), "there is no person 'an'\ndid you mean ann?"),
        ("ann", (), "there is nothing to change"),
    ],
)
def test_what_is_wrong_is_told_with_its_remedy_and_not_published(
    at_broker: Mailcall, apply: Mailcall, config: ConsoleConfig, id_: str, words: tuple[str, ...], told: str
) -> None:
    apply(PLAIN_ANN)
    before = published(config)

    ran = at_broker("persons", "update", id_, *words)

    assert ran.code == 2
    assert told in ran.err
    assert published(config) == before


@pytest.mark.parametrize("meanwhile", ["changed", "deleted"])
def test_what_the_cmdb_does_meanwhile_is_kept(
    apply: Mailcall,
    config: ConsoleConfig,
    publisher: Publisher,
    monkeypatch: pytest.MonkeyPatch,
    meanwhile: str,
) -> None:
    apply(ON, ANN % "html")
    before = person_of(config)
    cmdb = before.model_copy(update={"office": "South", "version": 7})
    pending = [by_the_cmdb(cmdb) if meanwhile == "changed" else tombstone(PERSONS, "ann")]

    def after_the_cmdb(*arguments: Any) -> None:
        while pending:
            publisher.publish([pending.pop()])
        apply_module.publish(*arguments)

    monkeypatch.setattr("console.persons.person_changes.publish", after_the_cmdb)

    with closing(Publisher(config, "console")) as ours:
        person_changes.change(config, ours, lambda: read_state(config), "ann", {"email_format": "text"}, "anna", "")

    now = person_of(config)
    expected = cmdb if meanwhile == "changed" else before.model_copy(update={"disabled": True})
    assert now == expected.model_copy(update={"email_format": Format.TEXT, "version": now.version})
    assert now.version > max(expected.version, before.version + 1)


def test_without_the_option_no_email_format_is_set_by_an_update(
    at_broker: Mailcall, apply: Mailcall, config: ConsoleConfig
) -> None:
    apply(OFF, PLAIN_ANN)

    refused = at_broker("persons", "update", "ann", "email_format=text")
    other = at_broker("persons", "update", "ann", "office=North")

    assert refused.code == 2
    assert "email_format cannot be set" in refused.err
    assert "select Message Format per Analyst/User first: message_format_per_person: true" in refused.err
    assert other.code == 0
    assert (person_of(config).office, person_of(config).email_format) == ("North", None)


@pytest.mark.parametrize(
    ("stored", "file", "accepted"),
    [
        ((ON, PLAIN_ANN), (ANN % "text",), True),
        ((OFF, PLAIN_ANN), (ON, ANN % "text"), True),
        ((ON, PLAIN_ANN), (OFF, ANN % "text"), False),
        ((OFF, PLAIN_ANN), (ANN % "text",), False),
        ((ON, ANN % "html"), (OFF, ANN % "text"), False),
        ((ON, ANN % "text"), (OFF, ANN % "text"), True),
        ((ON, ANN % "text"), (OFF, PLAIN_ANN), True),
        ((), (ANN % "text",), False),
    ],
    ids=[
        "on",
        "put on in the file",
        "put off in the file",
        "off",
        "changed while put off",
        "left as stored",
        "taken away",
        "nothing stored",
    ],
)
def test_a_file_sets_an_email_format_only_with_the_option(
    apply: Mailcall, config: ConsoleConfig, stored: tuple[str, ...], file: tuple[str, ...], accepted: bool
) -> None:
    if stored:
        assert apply(*stored).code == 0
    before = published(config)

    ran = apply(*file)

    assert (ran.code == 0, published(config) > before or "unchanged" in ran.out) == (accepted, accepted)
    if not accepted:
        assert f"applied.yaml:{len(file)}:person/ann: email_format cannot be set" in ran.err


@pytest.mark.usefixtures("desk")
def test_what_a_cmdb_has_set_stays_and_is_said_not_to_be_used(
    run: Mailcall, apply: Mailcall, config: ConsoleConfig, publisher: Publisher
) -> None:
    apply(OFF)
    publisher.publish([by_the_cmdb(Person(id="ann", is_user=True, email_format=Format.TEXT, version=1))])
    assert run("persons", "update", "ann", "office=North").code == 0

    unused, plain = run("persons", "show", "ann").out, json.loads(run("persons", "show", "ann", "--json").out)
    apply(ON)
    used = run("persons", "show", "ann").out

    assert "email_format  text (not used: Message Format per Analyst/User is off)\n" in unused
    assert (plain["person"]["email_format"], plain["email_format_used"]) == ("text", False)
    assert "email_format  text\n" in used


def test_a_marked_address_is_shown_and_unmarked(
    run: Mailcall, apply: Mailcall, desk: Engine, start_stages: Callable[[], None]
) -> None:
    apply(PLAIN_ANN)
    with write_transaction(desk) as connection:
        add_bounce(connection, "ann@example.test", "5.1.1", NOW, 1)

    shown = run("persons", "show", "ann").out
    start_stages()
    done = run("persons", "unmark", "Ann@example.test", "--by", "ann", "--wait", LONG)
    nothing = run("persons", "unmark", "ann@example.test", "--by", "ann")
    nobody = run("persons", "unmark", "ann@example.test", "--by", "bob")

    assert "ann@example.test: 1 hard bounces, the last at 2026-11-26T09:30:00" in shown
    assert "(5.1.1); marked: nothing more is sent there" in shown
    assert (done.code, done.out) == (0, "mails are sent to Ann@example.test again\n")
    assert "marked" not in run("persons", "show", "ann").out
    assert (nothing.code, "no mail came back from" in nothing.err) == (2, True)
    assert (nobody.code, "--by: there is no person 'bob'" in nobody.err) == (2, True)


def test_without_a_logger_an_address_stays_marked_and_it_is_said(run: Mailcall, apply: Mailcall, desk: Engine) -> None:
    apply(PLAIN_ANN)
    with write_transaction(desk) as connection:
        add_bounce(connection, "ann@example.test", "5.1.1", NOW, 1)

    ran = run("persons", "unmark", "ann@example.test", "--by", "ann", "--wait", 0.1)

    assert (ran.code, ran.out) == (1, "asked for, and not done yet: the logger does it once it comes to it\n")


def test_a_csv_file_is_imported_whole_or_not_at_all(
    run: Mailcall, apply: Mailcall, config: ConsoleConfig, desk: Engine, tmp_path: Path
) -> None:
    apply(ON, PLAIN_ANN)
    file = tmp_path / "people.csv"
    file.write_text("id;Office;User\nann;South;yes\nnia;East;yes\n")
    before = published(config)

    dry = run("persons", "import", file, "--dry-run", "--json")
    assert json.loads(dry.out)["counts"] == {"new": 1, "changed": 1, "unchanged": 0}
    assert published(config) == before

    done = run("persons", "import", file, "--who", "anna", "--change-reason", "HR's list")
    assert (done.code, "1 new, 1 changed, 0 unchanged; saved" in done.out) == (0, True)
    assert (person_of(config).office, person_of(config).addresses) == ("South", ("ann@example.test",))
    assert person_of(config, "nia").office == "East"
    again = run("persons", "import", file)
    assert "the file changes nothing" in again.out  # though no logger has stored it yet

    after = published(config)
    file.write_text("id;Office;User\nann;West;yes\nb b;;yes\n")
    refused = run("persons", "import", file)
    assert (refused.code, f"{file}:3:id: it holds characters" in refused.err) == (2, True)
    assert run("persons", "import", tmp_path / "none.csv").code == 2
    assert published(config) == after


def test_what_is_exported_is_imported_as_no_change(
    run: Mailcall, apply: Mailcall, desk: Engine, tmp_path: Path
) -> None:
    add_person(desk, "ann", "=1+1", "Lee", "ann@example.test")
    add_person(desk, "ida", "Ida", "Ingram", is_user=False, is_analyst=True)
    apply(ON)
    file = tmp_path / "people.csv"

    assert run("persons", "export", file, "--user").code == 0
    assert "'=1+1" in file.read_text() and "Ingram" not in file.read_text()
    assert run("persons", "export").out.count("\n") == 3
    assert "the file changes nothing" in run("persons", "import", file).out
