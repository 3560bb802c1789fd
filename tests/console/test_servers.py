"""`mailcall servers` against the real broker: one server at a time, all of a change or nothing, secrets for nobody."""

import io
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from console.config import ConsoleConfig
from console.settings.state import read_state
from runtime.kafka.producer import Publisher
from runtime.kafka.topic_reader import read_to_end
from runtime.security.sealing import reveal
from schemas.servers import ServerStatus, SettingsChange
from schemas.settings import IncomingServer, OutgoingServer, Secret
from schemas.topics import SERVER_STATUS, SERVER_TESTS, SETTINGS, SETTINGS_CHANGES, Topic
from schemas.wire import Record, decode, encode

Mailcall = Callable[..., Any]
DEMO = Path(__file__).parents[2] / "deploy/local/demo/demo.yaml"
ACCOUNT = ("username=new@desk.example", "password.env=NEW_PW")
NEW = ("incoming", "new", "protocol=imap", *ACCOUNT, "call_template=it-by-mail", "default_logging_analyst=ida")


@pytest.fixture
def key(mailcall: Mailcall, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The private key; the public one is configured."""
    assert mailcall("secrets", "make-keys", tmp_path / "key").code == 0
    monkeypatch.setenv("MAILCALL_PUBLIC_KEY_FILE", str(tmp_path / "key.pub"))
    return tmp_path / "key"


def records(config: ConsoleConfig, *topics: Topic) -> list[Record]:
    return list(read_to_end(config, [topic.name(config.topic_prefix) for topic in topics]))


def incoming(config: ConsoleConfig, server_id: str) -> IncomingServer | None:
    return read_state(config).settings.incoming_server(server_id)


def last_change(config: ConsoleConfig) -> SettingsChange:
    change: SettingsChange = decode(SETTINGS_CHANGES, records(config, SETTINGS_CHANGES)[-1])[1]
    return change


def types(monkeypatch: pytest.MonkeyPatch, raw: bytes) -> None:
    """What standard input holds, which is no terminal."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))


def test_a_server_is_added_changed_and_deleted(servers: Mailcall, config: ConsoleConfig) -> None:
    added = servers("add", *NEW, "host=imap.example", "--wait", 0, "--who", "anna", "--change-reason", "more mail")
    first, first_change = incoming(config, "new"), last_change(config)
    updated = servers("update", "new", "port=1993", "name=New", "--wait", 0, "--json")
    second, second_change = incoming(config, "new"), last_change(config)
    deleted = servers("delete", "new", "--yes", "--change-reason", "enough", "--json")

    assert (added.code, updated.code, deleted.code) == (0, 0, 0)
    assert first == IncomingServer(
        id="new",
        protocol="imap",
        host="imap.example",
        username="new@desk.example",
        password=Secret(env="NEW_PW"),
        call_template="it-by-mail",
        default_logging_analyst="ida",
    )
    assert (first_change.who, first_change.change_reason, first_change.before) == ("anna", "more mail", None)
    assert second == first.model_copy(update={"port": 1993, "name": "New"})
    assert (second_change.before or {}).get("port") is None
    assert (second_change.after or {})["port"] == 1993
    assert json.loads(updated.out) == {
        "key": "incoming-server/new",
        "effect": "changed",
        "saved": True,
        "look": {"result": None, "note": ""},
    }
    assert json.loads(deleted.out) == {"key": "incoming-server/new", "effect": "deleted"}
    assert incoming(config, "new") is None
    gone = last_change(config)
    assert (gone.key, gone.after, gone.change_reason) == ("incoming-server/new", None, "enough")
    assert (gone.before or {})["port"] == 1993
    assert records(config, SERVER_TESTS) == []


def test_an_outgoing_server_is_added_changed_and_deleted(servers: Mailcall, config: ConsoleConfig) -> None:
    def saved() -> OutgoingServer | None:
        return read_state(config).settings.outgoing_server("new")

    added = servers("add", "outgoing", "new", "host=smtp.example", "from_address=it@desk.example", "--wait", 0)
    first = saved()
    updated = servers("update", "new", "port=2525", "--wait", 0)
    second = saved()
    deleted = servers("delete", "new", "--yes")

    assert (added.code, updated.code, deleted.code) == (0, 0, 0)
    assert first == OutgoingServer(id="new", host="smtp.example", from_address="it@desk.example")
    assert second == first.model_copy(update={"port": 2525})
    assert saved() is None


def test_nothing_is_published_where_anything_is_wrong_or_nothing_is_to_be_saved(
    servers: Mailcall, config: ConsoleConfig
) -> None:
    before = len(records(config, SETTINGS, SETTINGS_CHANGES))
    refused = {
        "port": servers("add", *NEW, "port=x"),
        "call_template": servers("update", "it-mailbox", "call_template=nowhere"),
        "default_logging_analyst": servers("update", "it-mailbox", "default_logging_analyst=ursula"),
        "authentication": servers("update", "it-outgoing", "authentication=standard"),
        "username": servers("update", "it-mailbox", "username=a\r\nb"),
        "password": servers("update", "it-mailbox", "password=geheim"),
        "already": servers("add", "outgoing", "it-mailbox", "from_address=it@desk.example"),
        "nothing to change": servers("update", "it-mailbox"),
        "did you mean": servers("update", "it-mailbx", "port=1"),
        "public key": servers("update", "it-mailbox", "--ask-password"),
        "one line": servers("update", "it-mailbox", "port=1", "--change-reason", "a\nb"),
    }
    dry = servers("update", "it-mailbox", "port=1", "--dry-run")
    same = servers("update", "it-mailbox", "poll_seconds=5")

    for told, ran in refused.items():
        assert ran.code == 2, told
        assert told in ran.err
        assert "geheim" not in ran.err + ran.out
    assert (dry.code, same.code) == (0, 0)
    assert "incoming-server/it-mailbox: changed, nothing is published" in dry.out
    assert "incoming-server/it-mailbox: unchanged, nothing is published" in same.out
    assert len(records(config, SETTINGS, SETTINGS_CHANGES)) == before
    assert records(config, SERVER_TESTS) == []


def test_an_asked_password_is_sealed_and_cannot_be_read_back(
    servers: Mailcall, config: ConsoleConfig, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    types(monkeypatch, "s3cret-wörd \r\nnot this".encode())
    saved = servers("update", "it-mailbox", "--ask-password", "--wait", 0)
    shown = [
        servers("show", "it-mailbox"),
        servers("show", "it-mailbox", "--json"),
        servers("list", "--json"),
        servers("list"),
    ]

    server = incoming(config, "it-mailbox")
    assert saved.code == 0
    assert server is not None and server.password is not None and server.password.sealed is not None
    opened = config.model_copy(update={"secret_key_file": key})
    assert reveal(server.password, opened) == "s3cret-wörd "
    kept = b"".join(record.value or b"" for record in records(config, SETTINGS, SETTINGS_CHANGES))
    assert b"s3cret" not in kept
    changes = b"".join(record.value or b"" for record in records(config, SETTINGS_CHANGES))
    assert server.password.sealed.encode() not in changes
    for ran in (saved, *shown):
        assert ran.code == 0
        assert server.password.sealed not in ran.out
        assert "s3cret" not in ran.out + ran.err
    assert "(sealed)" in shown[0].out
    assert json.loads(shown[1].out)["server"]["password"] == {"sealed": "(sealed)", "env": None, "file": None}


@pytest.mark.parametrize(
    ("raw", "told"),
    [(b"a\rb\n", "line end or a NUL"), (b"a\0b\n", "line end or a NUL"), (b"\xff\n", "UTF-8"), (b"\n", "no password")],
)
def test_a_password_no_server_can_be_told_is_never_sealed(
    mailcall: Mailcall, key: Path, raw: bytes, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    types(monkeypatch, raw)

    ran = mailcall("secrets", "seal")

    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err
    assert "enter it" in ran.err or "write it" in ran.err


def test_a_server_that_is_referred_to_is_not_deleted(servers: Mailcall, config: ConsoleConfig) -> None:
    before = len(records(config, SETTINGS, SETTINGS_CHANGES))

    refused = servers("delete", "it-outgoing", "--yes")
    unconfirmed = servers("delete", "hr-mailbox")
    missing = servers("delete", "nobody", "--yes")

    assert (refused.code, unconfirmed.code, missing.code) == (2, 2, 2)
    assert "partition/it: outgoing_server" in refused.err
    assert "email-options: default_outgoing_server" in refused.err
    assert "partition/hr" not in refused.err
    assert "--yes" in unconfirmed.err
    assert len(records(config, SETTINGS, SETTINGS_CHANGES)) == before


@pytest.mark.parametrize(("typed", "code", "left"), [(b"n\n", 1, True), (b"y\n", 0, False)])
def test_a_deletion_is_confirmed_at_a_terminal(
    servers: Mailcall, config: ConsoleConfig, typed: bytes, code: int, left: bool
) -> None:
    ran, _ = at_terminal(config, "[y/N]:", typed, "servers", "delete", "hr-mailbox")

    assert ran.returncode == code, ran.stderr
    assert re.search(r"^host +localhost$", ran.stdout, re.MULTILINE)  # it is shown first
    assert "Delete incoming-server/hr-mailbox?" in ran.stderr
    assert (incoming(config, "hr-mailbox") is not None) is left


def test_a_password_is_typed_unseen(servers: Mailcall, config: ConsoleConfig, key: Path) -> None:
    words = ("servers", "update", "it-mailbox", "--ask-password", "--wait", "0")
    ran, said = at_terminal(config, "Password: ", b"s3cret\n", *words)

    assert ran.returncode == 0, ran.stderr
    assert b"s3cret" not in said + ran.stdout.encode() + ran.stderr.encode()
    server = incoming(config, "it-mailbox")
    assert server is not None and server.password is not None
    assert reveal(server.password, config.model_copy(update={"secret_key_file": key})) == "s3cret"


def at_terminal(
    config: ConsoleConfig, prompt: str, typed: bytes, *arguments: str
) -> tuple[subprocess.CompletedProcess[str], bytes]:
    """Runs `mailcall` at a terminal of its own, with this typed at the prompt; also what the terminal showed of it."""
    ours, theirs = pty.openpty()
    where = ("--bootstrap-servers", config.kafka_bootstrap_servers, "--topic-prefix", config.topic_prefix)
    process = subprocess.Popen(
        [sys.executable, "-m", "console.cli", *where, *arguments],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    os.close(theirs)
    err = ""
    while not err.endswith(prompt):
        read = process.stderr.read(1)
        assert read, err
        err += read
    os.write(ours, typed)
    out, rest = process.communicate(timeout=60)
    said = b""
    try:
        said = os.read(ours, 10_000)
    except OSError:
        pass  # Linux's word for a terminal that nobody has open any more
    os.close(ours)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err + rest), said


def status(server_id: str, direction: str = "incoming", **more: Any) -> Any:
    one = ServerStatus.model_validate(
        {"server_id": server_id, "direction": direction, "state": "connected", "since": datetime.now(UTC), **more}
    )
    return encode(SERVER_STATUS, server_id, one, id=server_id, source="/test", time=datetime.now(UTC))


def test_servers_are_listed_with_how_they_are(servers: Mailcall, publisher: Publisher) -> None:
    error = "localhost: refused \x1b[31m the log-in"
    publisher.publish(
        [
            status("it-mailbox", left_alone=17),
            status("hr-mailbox", state="authentication-refused", last_error=error),
            status("long-gone"),
            status("it-outgoing", "incoming"),  # of a server that once had this id, and is set up no more
        ]
    )

    listed, shown, statuses = (servers(*words, "--json") for words in (("list",), ("show", "it-mailbox"), ("status",)))
    told, of_one, as_table = servers("list"), servers("show", "it-mailbox"), servers("status")

    parts = json.loads(listed.out)
    assert list(parts) == ["outgoing", "incoming"]
    ids = {direction: [one["server"]["id"] for one in found] for direction, found in parts.items()}
    assert ids == {"outgoing": ["hr-outgoing", "it-outgoing"], "incoming": ["hr-mailbox", "it-mailbox"]}
    assert [one["status"] for one in parts["outgoing"]] == [None, None]
    assert parts["incoming"][1] == json.loads(shown.out)
    assert set(parts["incoming"][1]["server"]) == set(IncomingServer.model_fields)
    assert set(parts["outgoing"][0]["server"]) == set(OutgoingServer.model_fields)
    assert parts["incoming"][1]["status"]["left_alone"] == 17
    assert parts["incoming"][1]["server"]["password"] == {
        "sealed": None,
        "env": "MAILCALL_DEMO_PASSWORD",
        "file": None,
    }
    assert [one["server_id"] for one in json.loads(statuses.out)] == ["hr-mailbox", "it-mailbox"]
    assert told.out.index("outgoing servers") < told.out.index("it-outgoing") < told.out.index("incoming servers")
    assert "authentication-refused" in told.out
    assert "env MAILCALL_DEMO_PASSWORD" in of_one.out
    assert "17" in of_one.out
    assert "left_alone" in as_table.out
    assert "long-gone" not in as_table.out + told.out
    assert "\x1b" not in told.out + as_table.out


def test_apply_points_at_the_status(at_broker: Mailcall) -> None:
    assert "mailcall servers status" in at_broker("apply", DEMO).out
    assert "mailcall servers status" not in at_broker("apply", DEMO).out
