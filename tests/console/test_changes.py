"""`mailcall changes` and `mailcall delete` against the real broker."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from console.config import ConsoleConfig
from console.settings.references import KINDS, NAMING, find_referrers
from console.settings.state import read_state
from runtime.kafka.producer import ProducerRecord, Publisher
from runtime.kafka.topic_reader import read_to_end
from schemas import setting_problems
from schemas.base import Model
from schemas.servers import SettingsChange
from schemas.snapshot import SettingsSnapshot
from schemas.topics import PERSONS, SETTINGS, SETTINGS_CHANGES
from schemas.wire import decode, encode

Mailcall = Callable[..., Any]
DESK = """\
partitions:
- {id: it, outgoing_server: smtp, impacts: [a], urgencies: [b], priorities: [P1], priority_matrix: {a: {b: P1}}}
call_templates: [{id: by-mail, partition: it, assigned_group: Ops, impact: a, urgency: b}]
incoming_servers:
- {id: mailbox, protocol: imap, username: u, password: {env: PW}, call_template: by-mail, default_logging_analyst: ida}
outgoing_servers:
- {id: smtp, from_address: it@example.test, fallback: spare}
- {id: spare, protocol: mapi, profile: online, mailbox: it@example.test, from_address: it@example.test}
mapi_profiles: [{id: online, transport: graph, tenant: example.test, client_id: app, managed_identity: true}]
message_templates: [{id: hello, event: CallLogged, partition: it, subject: Hello, text: Hello}]
notification_rules: [{id: quiet, event: CallClosed, partition: it, tell: []}]
groups: [{id: ops, name: Ops, partition: it, members: [otto]}]
email_options: {default_outgoing_server: spare}
persons: [{id: ida, is_analyst: true}, {id: otto, is_analyst: true}]
"""
# What is set up above, in an order in which everything can be deleted, with what refers to it at the beginning.
IN_USE = {
    "email-options/email-options": [],
    "incoming-server/mailbox": [],
    "call-template/by-mail": ["incoming-server/mailbox: call_template"],
    "message-template/hello": [],
    "notification-rule/quiet": [],
    "group/ops": ["call-template/by-mail: assigned_group"],
    "partition/it": [
        "call-template/by-mail: partition",
        "group/ops: partition",
        "message-template/hello: partition",
        "notification-rule/quiet: partition",
    ],
    "outgoing-server/smtp": ["partition/it: outgoing_server"],
    "outgoing-server/spare": ["email-options/email-options: default_outgoing_server", "outgoing-server/smtp: fallback"],
    "mapi-profile/online": ["outgoing-server/spare: profile"],
    "person/ida": ["incoming-server/mailbox: default_logging_analyst"],
    "person/otto": ["group/ops: members"],
}


@pytest.fixture
def desk_file(tmp_path: Path) -> Path:
    file = tmp_path / "desk.yaml"
    file.write_text(DESK)
    return file


def test_every_kind_is_deleted_once_nothing_refers_to_it(
    at_broker: Mailcall, config: ConsoleConfig, desk_file: Path
) -> None:
    assert at_broker("apply", desk_file).code == 0
    state = read_state(config)
    assert {*state.settings.settings, *(f"person/{id_}" for id_ in state.persons)} == set(IN_USE)
    assert {key.partition("/")[0] for key in IN_USE} == set(KINDS)
    assert {key: list(find_referrers(state.settings, key)) for key in IN_USE} == IN_USE
    used = [key for key, places in IN_USE.items() if places]
    for key in used[::3]:  # all of them are looked at above
        refused = at_broker("delete", key, "--yes")
        assert refused.code == 2
        assert f"{key} is in use by\n" + "\n".join(f"  {place}" for place in IN_USE[key]) in refused.err

    for key in IN_USE:
        assert at_broker("delete", key, "--yes", "--who", "anna", "--change-reason", "moved").code == 0, key

    after = read_state(config)
    assert (after.settings.settings, after.persons, after.undecodable) == ({}, {}, {})
    history = json.loads(at_broker("changes", "--json").out)
    assert [(one["key"], one["who"]) for one in history if one["effect"] == "deleted"] == [
        (key, "anna") for key in IN_USE
    ]


def test_whatever_would_lead_nowhere_counts_as_referring(
    config: ConsoleConfig, at_broker: Mailcall, desk_file: Path
) -> None:
    """The references that `apply` checks and those that `delete` looks for are the same."""
    at_broker("apply", desk_file)
    state = read_state(config)

    def problems(settings: SettingsSnapshot, persons: set[str]) -> set[Any]:
        return set(setting_problems.problems(settings, frozenset(persons)))

    assert problems(state.settings, set(state.persons)) == set()
    for key in IN_USE:
        without = state.settings.with_changes([(key, None, 0)])
        led_nowhere = problems(without, {id_ for id_ in state.persons if f"person/{id_}" != key})
        by_id = [place for place in find_referrers(state.settings, key) if not place.endswith("assigned_group")]
        assert len(led_nowhere) == len(by_id), key
    named: set[type[Model]] = {type(setting) for setting in state.settings.settings.values()}
    assert named == set(NAMING)


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("partition/itt", "there is no 'partition/itt'\ndid you mean partition/it?"),
        ("person/nobody-at-all", "there is no 'person/nobody-at-all'\n`mailcall export` shows what there is"),
        ("partitions/it", "names no kind of setting\nwrite KIND/ID; of kinds, did you mean partition?"),
        ("it", "write KIND/ID; of kinds, known are: person, partition, group"),
        ("partition/it\x1b[31m", "there is no"),
    ],
)
def test_what_is_not_there_is_told(at_broker: Mailcall, desk_file: Path, key: str, told: str) -> None:
    at_broker("apply", desk_file)

    ran = at_broker("delete", key, "--yes")

    assert ran.code == 2
    assert told in ran.err
    assert "\x1b" not in ran.err


def test_a_deletion_is_shown_and_confirmed_and_a_dead_record_can_be_deleted(
    at_broker: Mailcall, config: ConsoleConfig, publisher: Publisher, desk_file: Path
) -> None:
    at_broker("apply", desk_file)
    for topic, key in ((SETTINGS, b"group/gone"), (PERSONS, b"gone")):
        publisher.publish([ProducerRecord(topic.name(config.topic_prefix), key, b"\xff")])

    unconfirmed = at_broker("delete", "notification-rule/quiet")
    shown = at_broker("delete", "notification-rule/quiet", "--yes")
    dead = [at_broker("delete", key, "--yes") for key in ("group/gone", "person/gone")]

    assert unconfirmed.code == 2
    assert "--yes" in unconfirmed.err
    assert "event      CallClosed" in shown.out
    assert [(ran.code, "cannot be decoded" in ran.out) for ran in dead] == [(0, True), (0, True)]
    assert read_state(config).undecodable == {}


def test_the_history_tells_who_changed_which_field_and_why(
    at_broker: Mailcall, config: ConsoleConfig, desk_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_broker("secrets", "make-keys", tmp_path / "key")
    monkeypatch.setenv("MAILCALL_PUBLIC_KEY_FILE", str(tmp_path / "key.pub"))
    at_broker("apply", desk_file, "--who", "anna", "--change-reason", "first set-up")
    change = tmp_path / "change.yaml"
    before = datetime.now(UTC)
    for word in ("s3cret", "an0ther"):
        change.write_text(f"incoming_servers: [{{id: mailbox, port: 1993, password: {{clear: {word}}}}}]")
        assert at_broker("apply", change, "--who", "otto").code == 0

    everything = json.loads(at_broker("changes", "--json").out)
    of_the_server = json.loads(at_broker("changes", "incoming-server/mailbox", "--json").out)
    by_otto = json.loads(at_broker("changes", "--by", "otto", "--json").out)
    since = json.loads(at_broker("changes", "--from", before.isoformat(), "--json").out)
    in_a_year = at_broker("changes", "--from", (before + timedelta(days=365)).isoformat())
    table = at_broker("changes", "incoming-server")

    assert len(everything) == len(IN_USE) + 2
    assert [one["effect"] for one in of_the_server] == ["new", "changed", "changed"]
    assert (of_the_server[0]["who"], of_the_server[0]["change_reason"]) == ("anna", "first set-up")
    assert {"field": "call_template", "old": None, "new": "by-mail"} in of_the_server[0]["fields"]
    assert of_the_server[1]["fields"] == [
        {"field": "password.env", "old": "PW", "new": None},
        {"field": "port", "old": None, "new": 1993},
        {"field": "password.sealed", "old": None, "new": "(sealed)"},
    ]
    assert of_the_server[2]["fields"] == [{"field": "password.sealed", "old": "(sealed)", "new": "(sealed again)"}]
    assert by_otto == since == of_the_server[1:]
    assert (in_a_year.code, in_a_year.out) == (0, "there are no such changes\n")
    assert at_broker("changes", "--from", "yesterday").code == 2
    server = read_state(config).settings.incoming_server("mailbox")
    assert server is not None and server.password is not None and server.password.sealed is not None
    for kept in (table.out, json.dumps(everything)):
        assert "an0ther" not in kept
        assert server.password.sealed not in kept
    assert table.out.count("password.sealed") == 2


def test_a_change_that_was_published_twice_is_told_once(
    at_broker: Mailcall, config: ConsoleConfig, publisher: Publisher, desk_file: Path
) -> None:
    at_broker("apply", desk_file)
    [record, *_] = read_to_end(config, [SETTINGS_CHANGES.name(config.topic_prefix)])
    context, change = decode(SETTINGS_CHANGES, record)
    assert isinstance(change, SettingsChange)
    publisher.publish(
        [
            encode(SETTINGS_CHANGES, change.key, change, id=context.id, source=context.source, time=change.at),
            ProducerRecord(SETTINGS_CHANGES.name(config.topic_prefix), b"x", b"\xff"),
        ]
    )

    assert len(json.loads(at_broker("changes", "--json").out)) == len(IN_USE)


def test_a_change_is_put_back_from_the_history(
    at_broker: Mailcall, config: ConsoleConfig, desk_file: Path, tmp_path: Path
) -> None:
    at_broker("apply", desk_file, "--managed-by", "git: desk.yaml")
    change = tmp_path / "change.yaml"
    change.write_text("outgoing_servers: [{id: smtp, port: 1587, fallback: null}]")
    assert at_broker("apply", change).code == 0
    newest = json.loads(at_broker("changes", "outgoing-server/smtp", "--json").out)[-1]

    tried = at_broker("restore", newest["id"][:12], "--dry-run")
    unchanged = read_state(config).settings.outgoing_server("smtp")
    done = at_broker("restore", newest["id"], "--who", "anna", "--change-reason", "a mistake")

    assert newest["managed_by"] == "git: desk.yaml"
    assert unchanged is not None and unchanged.port == 1587
    assert (tried.code, "nothing is published" in tried.out, "1587" in tried.out) == (0, True, True)
    assert (done.code, "changed, saved" in done.out) == (0, True)
    state = read_state(config)
    server = state.settings.outgoing_server("smtp")
    assert server is not None and (server.port, server.fallback) == (None, "spare")
    assert state.managed["outgoing-server/smtp"] == "git: desk.yaml"
    last = json.loads(at_broker("changes", "--json").out)[-1]
    assert (last["who"], last["change_reason"], last["managed_by"]) == ("anna", "a mistake", "git: desk.yaml")
    assert "no changes have an id" in at_broker("restore", "zzz").err


def test_what_a_file_manages_is_labelled_until_it_is_told_otherwise(
    at_broker: Mailcall, config: ConsoleConfig, desk_file: Path
) -> None:
    at_broker("apply", desk_file)
    assert read_state(config).managed == {}

    labelled = json.loads(at_broker("apply", desk_file, "--managed-by", "git: desk.yaml", "--json").out)
    again = json.loads(at_broker("apply", desk_file, "--managed-by", "git: desk.yaml", "--json").out)
    assert set(read_state(config).managed.values()) == {"git: desk.yaml"}
    at_broker("apply", desk_file, "--managed-by", "")

    settings = [one["effect"] for one in labelled["changes"] if not one["key"].startswith("person/")]
    assert set(settings) == {"labelled"}
    assert {one["effect"] for one in again["changes"]} == {"unchanged"}
    assert read_state(config).managed == {}
