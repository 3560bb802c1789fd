"""Asking ingest to look at a server, over the real broker: after a save, and by `mailcall servers test`."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from console.config import ConsoleConfig
from console.settings.state import read_state
from deploy.local.ports import wait_until
from runtime.kafka.topic_reader import read_to_end
from schemas.servers import ServerTest, ServerTestResult
from schemas.servers import TestStep as Step  # by its own name pytest would collect it
from schemas.settings import IncomingServer, OutgoingServer, Secret
from schemas.topics import SERVER_TEST_RESULTS, SERVER_TESTS, SETTINGS, SETTINGS_CHANGES
from schemas.wire import decode
from tests.console.answering import Answering

Mailcall = Callable[..., Any]
DEMO = Path(__file__).parents[2] / "deploy/local/demo/demo.yaml"
ACCOUNT = ("username=new@desk.example", "password.env=NEW_PW")
NEW = ("protocol=imap", "host=new.example", *ACCOUNT, "call_template=it-by-mail", "default_logging_analyst=ida")


def fine(request: ServerTest) -> ServerTestResult:
    return ServerTestResult(
        test_id=request.test_id,
        ok=True,
        steps=(
            Step(step="connect", ok=True, status="connected to imap.example:993, TLS 1.3"),
            Step(step="log in", ok=True, status="logged in"),
        ),
        sender="Ursula \x1b[31m <ursula@example.com>",
        subject=f"Hello {request.marker}",
        message="first line\nsecond\x07 line",
    )


def refused(request: ServerTest) -> ServerTestResult:
    steps = (Step(step="connect", ok=False, status="imap.example does not exist: check host"),)
    return ServerTestResult(test_id=request.test_id, ok=False, steps=steps)


def settings_records(config: ConsoleConfig) -> int:
    return len(list(read_to_end(config, [topic.name(config.topic_prefix) for topic in (SETTINGS, SETTINGS_CHANGES)])))


def requests(config: ConsoleConfig) -> list[ServerTest]:
    return [decode(SERVER_TESTS, record)[1] for record in read_to_end(config, [SERVER_TESTS.name(config.topic_prefix)])]


def test_a_saved_server_is_looked_at_and_every_step_is_told(servers: Mailcall, config: ConsoleConfig) -> None:
    with Answering(config, fine) as ingest:
        added = servers("add", "incoming", "new", *NEW)
        changed = servers("update", "new", "port=1993", "--json")

    assert (added.code, changed.code) == (0, 0)
    assert added.out.index("new, saved") < added.out.index("connect")
    assert re.search(r"connect +ok +connected to imap.example:993, TLS 1.3", added.out)
    assert "log in" in added.out
    look = json.loads(changed.out)["look"]
    assert (look["note"], look["result"]["ok"]) == ("", True)
    assert [step["step"] for step in look["result"]["steps"]] == ["connect", "log in"]
    first, second = ingest.requests
    assert (first.server_id, first.server) == ("new", first.server)
    assert isinstance(first.server, IncomingServer) and isinstance(second.server, IncomingServer)
    assert (first.server.port, second.server.port) == (None, 1993)
    assert second.server == read_state(config).settings.incoming_server("new")
    assert first.test_id != second.test_id
    assert look["result"]["test_id"] == second.test_id


def test_a_server_stays_saved_whatever_the_look_finds(servers: Mailcall, config: ConsoleConfig) -> None:
    with Answering(config, refused):
        found = servers("update", "it-mailbox", "host=nowhere.example")
    nobody = servers("update", "it-mailbox", "port=1993", "--wait", 0.5)
    disabled = servers("update", "it-mailbox", "enabled=false")

    server = read_state(config).settings.incoming_server("it-mailbox")
    assert (found.code, nobody.code, disabled.code) == (0, 0, 0)
    assert server is not None
    assert (server.host, server.port, server.enabled) == ("nowhere.example", 1993, False)
    assert re.search(r"connect +failed +imap.example does not exist: check host", found.out)
    assert "no ingest process has answered within 0.5 s" in nobody.out
    assert "status tells how it is" in nobody.out
    assert "nobody looks" in disabled.out
    assert len(requests(config)) == 2


def test_a_server_stays_saved_where_there_is_nobody_to_ask(
    servers: Mailcall, config: ConsoleConfig, kafka_bootstrap: str
) -> None:
    from kafka import KafkaAdminClient

    topic = SERVER_TEST_RESULTS.name(config.topic_prefix)
    admin = KafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    admin.delete_topics([topic])
    assert wait_until(lambda: topic not in admin.list_topics(), 30)  # the broker hears of it from the controller
    admin.close()

    ran = servers("update", "it-mailbox", "port=1993")

    assert ran.code == 0
    assert "ingest could not be asked to look" in ran.out
    assert "mailcall topics create" in ran.out
    server = read_state(config).settings.incoming_server("it-mailbox")
    assert server is not None and server.port == 1993


def test_a_stored_server_is_tested(servers: Mailcall, config: ConsoleConfig) -> None:
    with Answering(config, fine) as ingest:
        ran = servers("test", "it-mailbox", "--marker", "probe-7")
        as_json = servers("test", "incoming/it-mailbox", "--json")

    assert (ran.code, as_json.code) == (0, 0)
    assert [(request.server_id, request.server) for request in ingest.requests] == [("it-mailbox", None)] * 2
    assert [request.marker for request in ingest.requests] == ["probe-7", ""]
    assert "Subject  Hello probe-7" in ran.out
    assert "Sender   Ursula  [31m <ursula@example.com>" in ran.out
    assert "    first line\n    second  line\n" in ran.out
    answer = json.loads(as_json.out)
    assert answer["note"] == ""
    assert ServerTestResult.model_validate(answer["result"]) == fine(ingest.requests[1])


def test_what_is_tested_with_other_fields_is_not_saved(servers: Mailcall, config: ConsoleConfig) -> None:
    before = settings_records(config)
    with Answering(config, fine) as ingest:
        changed = servers("test", "it-mailbox", "host=elsewhere.example", "password.env=NEW_PW")
        leaking = servers("test", "it-mailbox", "host=elsewhere.example")
        new = servers("test", "trial", "--new", "incoming", *NEW)
        wrong = servers("test", "it-mailbox", "port=x")
        taken = servers("test", "it-mailbox", "--new", "incoming", *NEW)
        clear = servers("test", "it-mailbox", "password=geheim")

    assert [ran.code for ran in (changed, new, leaking, wrong, taken, clear)] == [0, 0, 2, 2, 2, 2]
    assert "password: the saved Password cannot be used" in leaking.err and "enter it again" in leaking.err
    of_stored, of_new = ingest.requests
    stored = read_state(config).settings.incoming_server("it-mailbox")
    assert stored is not None
    assert of_stored.server_id == "it-mailbox"
    assert of_stored.server == stored.model_copy(update={"host": "elsewhere.example", "password": Secret(env="NEW_PW")})
    assert of_new.server_id is None
    assert isinstance(of_new.server, IncomingServer)
    assert (of_new.server.id, of_new.server.password) == ("trial", Secret(env="NEW_PW"))
    assert "port: " in wrong.err
    assert "leave --new out" not in taken.out
    assert settings_records(config) == before


PROFILE = """
mapi_profiles:
- {id: exchange, transport: graph, tenant: desk.example, client_id: app, client_secret: {env: SECRET}}
"""


def test_the_log_in_of_a_mapi_profile_is_tested_alone(run: Mailcall, config: ConsoleConfig, tmp_path: Path) -> None:
    def profiles(*words: object) -> Any:
        return run("profiles", "test", *words)

    file = tmp_path / "profile.yaml"
    file.write_text(PROFILE)
    assert run("apply", file).code == 0
    before = settings_records(config)
    own = ("transport=ews", "authentication=kerberos", "url=https://mail.desk.example/EWS/Exchange.asmx")
    with Answering(config, fine) as ingest:
        saved = profiles("exchange")
        changed = profiles("exchange", "timeout_seconds=7", "--mailbox", "it@desk.example")
        new = profiles("own", "--new", *own, "--mailbox", "it@desk.example")
        moved = profiles("exchange", "client_secret.env=OTHER", "tenant=elsewhere.example")
    refused = [
        profiles("exchange", "tenant=elsewhere.example"),
        profiles("exchang"),
        profiles("own", "--new", *own),
        profiles("exchange", "--mailbox", "nowhere"),
    ]

    assert [ran.code for ran in (saved, changed, new, moved)] == [0, 0, 0, 0], saved.err
    stored = read_state(config).settings.mapi_profile("exchange")
    assert stored is not None
    asked = [(one.profile, one.mailbox) for one in ingest.requests]
    assert asked[:2] == [(stored, ""), (stored.model_copy(update={"timeout_seconds": 7}), "it@desk.example")]
    assert asked[2][0] is not None and (asked[2][0].id, asked[2][0].transport) == ("own", "ews")
    assert asked[3][0] is not None and asked[3][0].client_secret == Secret(env="OTHER")
    assert "log in" in saved.out
    assert [ran.code for ran in refused] == [2, 2, 2, 2]
    for ran, words in zip(
        refused, ("enter it again", "did you mean exchange?", "--mailbox: Exchange", "--mailbox: "), strict=True
    ):
        assert words in ran.err
    assert settings_records(config) == before


def test_a_test_that_fails_or_is_not_answered_says_so_by_its_exit_code(
    servers: Mailcall, config: ConsoleConfig
) -> None:
    with Answering(config, refused):
        failed = servers("test", "it-mailbox")
    nobody = servers("test", "it-mailbox", "--wait", 1, "--json")

    assert (failed.code, nobody.code) == (1, 1)
    assert "check host" in failed.out
    answer = json.loads(nobody.out)
    assert answer["result"] is None
    assert "no ingest process has answered within 1 s" in answer["note"]


def test_an_outgoing_server_is_tested_with_the_fields_of_the_window(servers: Mailcall, config: ConsoleConfig) -> None:
    words = ("--to", "a@b.example", "--to", "c@d.example", "--cc", "e@f.example", "--bcc", "g@h.example")
    with Answering(config, fine) as outbound:
        ran = servers(
            "test",
            "it-outgoing",
            "port=2525",
            "password.env=NEW_PW",
            *words,
            "--subject",
            "Probe",
            "--message",
            "one\ntwo",
        )
        misplaced = servers("test", "it-mailbox", "--to", "a@b.example")
        injected = servers("test", "it-outgoing", "--to", "a@b.example\r\nRCPT TO:<x@y.example>")

    assert (ran.code, misplaced.code, injected.code) == (0, 2, 2)
    [request] = outbound.requests
    assert isinstance(request.server, OutgoingServer)
    assert (request.server_id, request.server.port) == ("it-outgoing", 2525)
    assert (request.to, request.cc, request.bcc) == (("a@b.example", "c@d.example"), ("e@f.example",), ("g@h.example",))
    assert (request.subject, request.message) == ("Probe", "one\ntwo")
    assert re.search(r"connect +ok", ran.out)


def test_an_outgoing_server_that_was_saved_is_looked_at_and_nobody_gets_a_mail(
    servers: Mailcall, config: ConsoleConfig
) -> None:
    with Answering(config, fine) as outbound:
        ran = servers("update", "it-outgoing", "port=2525")
    nobody = servers("test", "it-outgoing", "--to", "a@b.example", "--wait", 1)
    [request] = outbound.requests
    assert (ran.code, nobody.code) == (0, 1)
    assert (request.to, request.cc, request.bcc) == ((), (), ())
    assert "no outbound process has answered" in nobody.out
