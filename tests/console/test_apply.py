"""`mailcall apply` and `export` against the real broker: all of a file or nothing of it, and nothing twice."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from console.config import ConsoleConfig
from console.settings.state import read_state
from runtime.kafka.topic_reader import read_to_end
from runtime.security.sealing import reveal
from schemas.servers import SettingsChange
from schemas.setting_problems import problems
from schemas.settings import IncomingServer, Secret
from schemas.topics import PERSONS, SETTINGS, SETTINGS_CHANGES, Topic
from schemas.wire import Record, decode

Mailcall = Callable[..., Any]
DEMO = Path(__file__).parents[2] / "deploy/local/demo/demo.yaml"


def records(config: ConsoleConfig, *topics: Topic) -> list[Record]:
    return list(read_to_end(config, [topic.name(config.topic_prefix) for topic in topics]))


def test_a_file_is_applied_once(at_broker: Mailcall, config: ConsoleConfig) -> None:
    first = at_broker("apply", DEMO, "--who", "anna", "--change-reason", "first set-up", "--json")
    published = len(records(config, SETTINGS, PERSONS, SETTINGS_CHANGES))
    second = at_broker("apply", DEMO, "--json")

    assert (first.code, second.code) == (0, 0)
    effects = [change["effect"] for change in json.loads(first.out)["changes"]]
    assert set(effects) == {"new"}
    assert {change["effect"] for change in json.loads(second.out)["changes"]} == {"unchanged"}
    assert len(records(config, SETTINGS, PERSONS, SETTINGS_CHANGES)) == published
    state = read_state(config)
    assert isinstance(state.settings.incoming_server("it-mailbox"), IncomingServer)
    assert problems(state.settings, frozenset(state.persons)) == ()
    changes = [decode(SETTINGS_CHANGES, record)[1] for record in records(config, SETTINGS_CHANGES)]
    assert {(change.who, change.change_reason) for change in changes} == {("anna", "first set-up")}
    assert len(changes) == len(state.settings.settings) + len(state.persons)


def test_what_differs_is_published_with_before_and_after(
    at_broker: Mailcall, config: ConsoleConfig, tmp_path: Path
) -> None:
    at_broker("apply", DEMO)
    document = yaml.safe_load(DEMO.read_text())
    document["partitions"][0]["name"] = "Information Technology"
    document["persons"][0]["office"] = "Elsewhere"
    changed = tmp_path / "changed.yaml"
    changed.write_text(yaml.safe_dump(document))
    before = len(records(config, SETTINGS, PERSONS))

    ran = at_broker("apply", changed)

    assert ran.code == 0
    assert "2 published" in ran.out
    assert len(records(config, SETTINGS, PERSONS)) == before + 2
    change: SettingsChange = decode(SETTINGS_CHANGES, records(config, SETTINGS_CHANGES)[-1])[1]
    assert change.key == "partition/it"
    assert (change.before or {})["name"] == "IT"
    assert (change.after or {})["name"] == "Information Technology"
    person = read_state(config).persons[document["persons"][0]["id"]]
    assert (person.office, person.version) == ("Elsewhere", 2)


def test_nothing_is_applied_where_anything_is_wrong(at_broker: Mailcall, config: ConsoleConfig, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    for fault in ("nonsense: 1\n", "message_templates: [{id: x}]\n"):
        wrong.write_text(DEMO.read_text() + fault)

        ran = at_broker("apply", wrong)

        assert ran.code == 2
        assert ran.out == ""
        assert f"{wrong}:{wrong.read_text().count(chr(10))}:" in ran.err
    document = yaml.safe_load(DEMO.read_text())
    document["incoming_servers"][1]["call_template"] = "nowhere"
    wrong.write_text(yaml.safe_dump(document))
    assert at_broker("apply", wrong).code == 2
    assert records(config, SETTINGS, PERSONS, SETTINGS_CHANGES) == []


def test_a_file_may_refer_to_what_is_set_up_already(at_broker: Mailcall, config: ConsoleConfig, tmp_path: Path) -> None:
    part = tmp_path / "part.yaml"
    template = "{id: more, partition: it, impact: Person, urgency: Question}"
    part.write_text(f"call_templates: [{template}]\n")

    assert at_broker("apply", part).code == 2
    assert at_broker("apply", DEMO).code == 0
    assert at_broker("apply", part).code == 0
    assert read_state(config).settings.call_template("more") is not None


def test_a_dry_run_publishes_nothing(at_broker: Mailcall, config: ConsoleConfig) -> None:
    ran = at_broker("apply", DEMO, "--dry-run")

    assert ran.code == 0
    assert "would be published" in ran.out
    assert records(config, SETTINGS, PERSONS, SETTINGS_CHANGES) == []


def test_what_is_exported_changes_nothing_when_applied(
    at_broker: Mailcall, config: ConsoleConfig, tmp_path: Path
) -> None:
    at_broker("apply", DEMO)
    exported = tmp_path / "exported.yaml"
    exported.write_text(at_broker("export").out)

    ran = at_broker("apply", exported)

    assert ran.code == 0
    assert "0 published" in ran.out
    assert len(yaml.safe_load(exported.read_text())["persons"]) == len(read_state(config).persons) > 0
    assert json.loads(at_broker("export", "--json").out) == yaml.safe_load(exported.read_text())


def test_a_password_in_clear_leaves_no_trace_but_its_seal(
    at_broker: Mailcall, config: ConsoleConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = yaml.safe_load(DEMO.read_text())
    document["incoming_servers"][0]["password"] = {"clear": "s3cret-word"}
    file = tmp_path / "desk.yaml"
    file.write_text(yaml.safe_dump(document))

    refused = at_broker("apply", file)
    keys = at_broker("secrets", "make-keys", tmp_path / "key")
    monkeypatch.setenv("MAILCALL_PUBLIC_KEY_FILE", str(tmp_path / "key.pub"))
    applied = at_broker("apply", file)

    assert (refused.code, keys.code, applied.code) == (2, 0, 0)
    assert "make-keys" in refused.err
    server = read_state(config).settings.incoming_server("it-mailbox")
    assert server is not None
    assert isinstance(server.password, Secret)
    opened = config.model_copy(update={"secret_key_file": tmp_path / "key"})
    assert reveal(server.password, opened) == "s3cret-word"
    everything = b"".join(record.value or b"" for record in records(config, SETTINGS, PERSONS, SETTINGS_CHANGES))
    said = refused.out + refused.err + keys.out + applied.out + applied.err + at_broker("export").out
    assert b"s3cret-word" not in everything
    assert "s3cret-word" not in said
    changes = b"".join(record.value or b"" for record in records(config, SETTINGS_CHANGES))
    assert (server.password.sealed or "").encode() not in changes
    assert at_broker("secrets", "make-keys", tmp_path / "key").code == 2


def test_topics_and_servers_and_persons_are_listed(at_broker: Mailcall) -> None:
    at_broker("apply", DEMO)

    topics = json.loads(at_broker("topics", "list", "--json").out)
    persons = json.loads(at_broker("persons", "list", "--json").out)

    assert topics["missing"] == []
    assert all(row["there"] for row in topics["topics"])
    assert {"ida", "ursula"} <= {person["id"] for person in persons}
    assert "ida" in at_broker("persons", "list").out
    listed = at_broker("topics", "list").out
    assert "mail.fetched" in listed
    kept = {row["topic"].split(".", 1)[1]: row["kept"] for row in topics["topics"]}
    assert (kept["mail.fetched.v1"], kept["server.tests.v1"]) == ("7 days", "1 hour")
    assert (kept["settings.v1"], kept["settings.changes.v1"]) == ("newest of each key", "5 years")
    assert all(one in listed for one in kept.values())
    assert json.loads(at_broker("servers", "status", "--json").out) == []
    assert json.loads(at_broker("topics", "create", "--json").out)["created"] == []


def test_a_topic_that_the_broker_refuses_is_told_in_its_words(
    mailcall: Mailcall, kafka_bootstrap: str, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILCALL_TOPIC_REPLICATION_FACTOR", "3000")

    ran = mailcall("--bootstrap-servers", kafka_bootstrap, "--topic-prefix", topic_prefix, "topics", "create")

    assert ran.code == 1
    told, remedy = ran.err.splitlines()
    assert told.startswith(f"mailcall: topic {topic_prefix}.mail.fetched.v1 cannot be created: ")
    assert "replication factor" in told
    assert "`mailcall topics create`" in remedy


def test_a_missing_topic_and_a_broker_away_are_told(
    mailcall: Mailcall, kafka_bootstrap: str, topic_prefix: str
) -> None:
    missing = mailcall("--bootstrap-servers", kafka_bootstrap, "--topic-prefix", topic_prefix, "export")
    away = mailcall("--bootstrap-servers", "127.0.0.1:1", "export")
    wrong = mailcall("--topic-prefix", "No Prefix", "export")

    assert (missing.code, away.code, wrong.code) == (2, 1, 2)
    assert "mailcall topics create" in missing.err
    assert "broker" in away.err
    assert "--topic-prefix" in wrong.err
    assert "Traceback" not in missing.err + away.err + wrong.err
