"""`mailcall` asks the desk: over the real broker, with a real logger that answers, and without one."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from console.config import ConsoleConfig
from console.desk.desk_commands import build, check
from console.errors import UserError
from console.settings.file_reading import read_settings_file
from console.settings.state import State
from runtime.kafka.topic_reader import read_to_end
from schemas.desk_commands import CallToLog, DeskCommand, ItemToUpdate
from schemas.snapshot import SettingsSnapshot
from schemas.topics import DESK_REQUESTED, NOTIFICATION_REQUESTED
from schemas.wire import decode

Mailcall = Callable[..., Any]
DEMO = Path(__file__).parents[2] / "deploy/local/demo/demo.yaml"
WHAT = ("--by", "ida", "--template", "it-by-mail", "--subject", "Printer on fire")
NOW = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)
LONG = 60  # seconds that a logger may take to start


@pytest.fixture
def desk(at_broker: Mailcall, tmp_path: Path) -> Mailcall:
    """`mailcall` where the demo is set up, with a desk of its own."""
    assert at_broker("apply", DEMO).code == 0
    return lambda *arguments: at_broker("--desk-url", f"sqlite:///{tmp_path / 'desk.db'}", *arguments)


@pytest.fixture
def logger(desk: Mailcall, config: ConsoleConfig, tmp_path: Path) -> Iterator[None]:
    settings = {
        "MAILCALL_KAFKA_BOOTSTRAP_SERVERS": config.kafka_bootstrap_servers,
        "MAILCALL_TOPIC_PREFIX": config.topic_prefix,
        "MAILCALL_DESK_URL": f"sqlite:///{tmp_path / 'desk.db'}",
    }
    process = subprocess.Popen([sys.executable, "-m", "logger"], env=os.environ | settings, stderr=subprocess.DEVNULL)
    yield
    process.kill()
    process.wait()


def asked(config: ConsoleConfig) -> list[DeskCommand]:
    records = read_to_end(config, [DESK_REQUESTED.name(config.topic_prefix)])
    return [decode(DESK_REQUESTED, record)[1] for record in records]


@pytest.mark.usefixtures("logger")
def test_items_are_made_and_changed_and_each_command_tells_what_became_of_it(
    desk: Mailcall, config: ConsoleConfig
) -> None:
    call = desk("calls", "log", *WHAT, "--user", "ursula@example.com", "--wait", LONG, "--json")
    task = desk("tasks", "create", *WHAT, "--linked-to", "c-000001", "--wait", LONG, "--json")
    request = desk("requests", "create", *WHAT, "--impact", "Organisation", "--field", "room=2.14", "--silent")
    closed = desk("items", "close", "R-000003", "--by", "ida", "--text", "Delivered.")
    again = desk("items", "close", "R-000003", "--by", "ida", "--json")
    reopened = desk("items", "reopen", "r-000003", "--by", "ida", "--json")
    updated = desk("items", "update", "T-000002", "--by", "ida", "--text", "Ordered.", "--request-id", "shop/7")
    nothing = desk("items", "update", "C-000009", "--by", "ida", "--text", "x")

    assert [ran.code for ran in (call, task, request, closed, reopened, updated)] == [0] * 6
    told = json.loads(call.out)
    assert (told["event"], told["reference"], told["reason"], told["note"]) == ("CallLogged", "C-000001", None, "")
    assert told["request_id"] in {one.request_id for one in asked(config) if isinstance(one, CallToLog)}
    assert json.loads(task.out)["reference"] == "T-000002"
    assert "RequestLogged" in request.out and "R-000003" in request.out
    assert "RequestClosed" in closed.out
    assert (again.code, json.loads(again.out)["reason"]) == (1, "item-closed")
    assert json.loads(reopened.out)["event"] == "RequestReopened"
    assert "shop/7" in updated.out and "TaskUpdated" in updated.out
    assert nothing.code == 1
    assert "unknown-item" in nothing.out and "C-000009" in nothing.out

    item = json.loads(desk("calls", "show", "R-000003", "--json").out)
    assert (item["status"], item["priority"], item["fields"]["room"]) == ("open", "P1", "2.14")
    assert [entry["kind"] for entry in item["journal"]] == [
        "request-logged",
        "item-closed",
        "action-refused",
        "item-reopened",
    ]
    assert json.loads(desk("calls", "show", "T-000002", "--json").out)["linked_to"] == "C-000001"
    mails = [decode(NOTIFICATION_REQUESTED, one)[1] for one in read_to_end(config, [told_by(config)])]
    assert {(mail.recipient, mail.event) for mail in mails} >= {("ursula@example.com", "CallLogged")}
    assert "RequestLogged" not in {mail.event for mail in mails}


def told_by(config: ConsoleConfig) -> str:
    return NOTIFICATION_REQUESTED.name(config.topic_prefix)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("calls", "log", *WHAT, "--subject", "a\nb"), "--subject: it holds a line end"),
        (("calls", "log", *WHAT, "--subject", ""), "--subject: "),
        (("calls", "log", *WHAT, "--user", "a b@c"), "--user: 'a b@c' is not an e-mail address"),
        (("calls", "log", *WHAT, "--field", "room"), "write NAME=VALUE"),
        (("calls", "log", *WHAT, "--field", "=x"), "--field: "),
        (("calls", "log", *WHAT, "--text", "a\x00b"), "--text: it holds a control character"),
        (("tasks", "create", *WHAT, "--linked-to", "7"), "'7' is no item reference"),
        (("items", "close", "7", "--by", "ida"), "'7' is no item reference"),
        (("items", "update", "C-000001", "--by", "ida"), "--text: "),
        (("items", "close", "C-000001", "--by", "ida", "--request-id", "a b"), "--request-id: "),
    ],
)
def test_wrong_words_are_told_at_once(mailcall: Mailcall, arguments: tuple[str, ...], told: str) -> None:
    ran = mailcall("--bootstrap-servers", "nobody.invalid:1", *arguments)
    assert ran.code == 2
    assert told in ran.err


def test_a_text_is_read_from_standard_input(mailcall: Mailcall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO("typed\x07 elsewhere"))
    ran = mailcall("items", "update", "C-000001", "--by", "ida", "--text", "-")
    assert "--text: it holds a control character" in ran.err


@pytest.mark.parametrize(
    ("model", "given", "told"),
    [
        (CallToLog, {"call_template": "nope"}, "known are: hr-by-mail, it-by-mail"),
        (CallToLog, {"by": "nobody"}, "by: there is no person 'nobody'"),
        (CallToLog, {"user": "nobody"}, "user: there is no person 'nobody'"),
        (CallToLog, {"by": "ursula"}, "logging_analyst: 'ursula' is no Analyst"),
        (CallToLog, {"impact": "Team"}, "impacts: Organisation, Department, Person"),
        (ItemToUpdate, {"by": "nobody"}, "by: there is no person 'nobody'"),
    ],
)
def test_what_the_logger_could_not_do_is_not_asked_for(
    model: type[DeskCommand], given: dict[str, str], told: str
) -> None:
    file = read_settings_file(DEMO)
    changes = [(key, value, 0) for key, value in file.settings.items()]
    state = State(SettingsSnapshot().with_changes(changes), file.persons)
    fields = {"call_template": "it-by-mail", "subject": "s", "item": "C-000001", "text": "t", "by": "ida"}
    known = {name: value for name, value in fields.items() if name in model.model_fields}
    check(build(model, known, NOW), state)
    with pytest.raises(UserError, match=re.escape(told)):
        check(build(model, known | given, NOW), state)


def test_a_request_that_is_refused_is_not_published(desk: Mailcall, config: ConsoleConfig) -> None:
    ran = desk("calls", "log", *WHAT, "--template", "nope")
    assert ran.code == 2
    assert "there is no call template 'nope'" in ran.err
    assert asked(config) == []


def test_without_a_logger_the_request_stays_and_the_command_says_so(desk: Mailcall, config: ConsoleConfig) -> None:
    nobody = desk("calls", "log", *WHAT, "--wait", 1, "--json")
    not_waited = desk("items", "update", "C-000001", "--by", "ida", "--text", "x", "--wait", 0, "--request-id", "a/1")

    assert (nobody.code, not_waited.code) == (1, 0)
    answer = json.loads(nobody.out)
    assert (answer["event"], answer["reference"]) == (None, None)
    assert "no logger has answered within 1 s" in answer["note"]
    assert "a/1" in not_waited.out and "not waited for" in not_waited.out
    by_action = {type(one): one for one in asked(config)}
    assert by_action.keys() == {CallToLog, ItemToUpdate}
    assert by_action[CallToLog].request_id == answer["request_id"]
    assert by_action[ItemToUpdate].request_id == "a/1"


def test_the_same_words_at_another_time_are_another_request() -> None:
    given = {"item": "C-000001", "by": "ida", "text": "x"}
    made = [build(ItemToUpdate, given, NOW + timedelta(seconds=n)) for n in (0, 0, 1)]
    assert made[0] == made[1]
    assert made[0].request_id != made[2].request_id
