"""Testing an outgoing server, on real servers: a mail is sent, and each step's status told in words."""

from collections.abc import Callable
from datetime import timedelta
from email import message_from_bytes, policy

from deploy.local.servers.smtp_sink import SmtpSink
from mailserver.errors import MailServerError
from mailserver.sasl import Credentials
from outbound.server_test import run_server_test, server_tester
from runtime.processing.outcomes import Ok
from runtime.server_tests import ServerTestHandler
from schemas.reasons import Reason
from schemas.servers import ServerTest, ServerTestResult
from schemas.settings import IncomingServer, OutgoingServer, Secret
from schemas.snapshot import SettingsSnapshot
from schemas.topics import SERVER_TESTS
from schemas.wire import Record, decode, encode
from tests.outbound.conftest import NOW
from tests.ports import CLOSED_PORT

MakeServer = Callable[..., OutgoingServer]
TEST = ServerTest(
    test_id="t1", to=("to@example.com", "two@example.com"), cc=("cc@example.com",), bcc=("blind@example.com",),
    subject="Grüße", message="Did it\narrive?",
)  # fmt: skip


def no_login(_server: OutgoingServer) -> Credentials:
    raise MailServerError(Reason.AUTHENTICATION_REFUSED, "no password is set", temporary=False)


def steps(result: ServerTestResult) -> list[tuple[str, bool]]:
    return [(step.step, step.ok) for step in result.steps]


def test_a_mail_is_sent_to_all_and_each_step_told(smtp_sink: SmtpSink, make_server: MakeServer) -> None:
    server = make_server(port=smtp_sink.port, reply_to="desk@desk.example")
    result = run_server_test(TEST, server, no_login, NOW)
    assert result.ok and result.test_id == "t1"
    assert steps(result) == [
        ("connect", True),
        ("log in", True),
        ("send to to@example.com", True),
        ("send to two@example.com", True),
        ("send to cc@example.com", True),
        ("send to blind@example.com", True),
    ]
    told = " ".join(step.status for step in result.steps)
    for words in (f"127.0.0.1:{smtp_sink.port}", "not encrypted", "no login is asked for", "250 OK"):
        assert words in told
    (mail,) = smtp_sink.messages
    assert mail.recipients == ("to@example.com", "two@example.com", "cc@example.com", "blind@example.com")
    read = message_from_bytes(mail.raw, policy=policy.default)
    assert (read["Subject"], read["To"], read["Cc"]) == ("Grüße", "to@example.com, two@example.com", "cc@example.com")
    assert (read["Reply-To"], read["Auto-Submitted"]) == ("desk@desk.example", "auto-generated")
    assert read.get_content() == "Did it\r\narrive?\r\n"
    assert b"blind@" not in mail.raw


def test_without_an_address_the_test_ends_with_the_log_in(smtp_sink: SmtpSink, make_server: MakeServer) -> None:
    result = run_server_test(ServerTest(test_id="t1"), make_server(port=smtp_sink.port), no_login, NOW)
    assert steps(result) == [("connect", True), ("log in", True), ("send", True)]
    assert smtp_sink.messages == ()


def test_a_mail_without_subject_and_message_says_what_it_is(smtp_sink: SmtpSink, make_server: MakeServer) -> None:
    run_server_test(
        ServerTest(test_id="t1", to=("a@example.com",)), make_server(port=smtp_sink.port, name="IT"), no_login, NOW
    )
    read = message_from_bytes(smtp_sink.messages[0].raw, policy=policy.default)
    assert "IT" in read["Subject"]
    assert "test" in read.get_content()


def test_who_is_refused_is_told_in_the_servers_words_and_the_others_get_the_mail(
    smtp_sink: SmtpSink, make_server: MakeServer
) -> None:
    smtp_sink.replies |= {"two@example.com": "550 5.1.1 no such user", "cc@example.com": "451 later"}
    result = run_server_test(TEST, make_server(port=smtp_sink.port), no_login, NOW)
    assert not result.ok
    assert [step.status for step in result.steps[2:]] == [
        "the server took the mail: 250 OK",
        "refused: 550 5.1.1 no such user",
        "the server wants it later: 451 later",
        "the server took the mail: 250 OK",
    ]
    assert smtp_sink.messages[0].recipients == ("to@example.com", "blind@example.com")


def test_a_server_that_is_not_there_is_told_at_its_step(make_server: MakeServer) -> None:
    result = run_server_test(TEST, make_server(port=CLOSED_PORT), no_login, NOW)
    assert steps(result) == [("connect", False)]


def test_a_missing_password_is_told(smtp_sink: SmtpSink, make_server: MakeServer) -> None:
    server = make_server(port=smtp_sink.port, authentication="sasl-plain", username="it", password=Secret(env="X"))
    result = run_server_test(TEST, server, no_login, NOW)
    assert not result.ok and "no password is set" in result.steps[-1].status


# ---- the handler ----


def handled(*tests: ServerTest, settings: tuple[IncomingServer | OutgoingServer, ...] = ()) -> list[ServerTestResult]:
    snapshot = SettingsSnapshot().with_changes((f"{one.kind}/{one.id}", one, 0) for one in settings)
    handler = ServerTestHandler(server_tester(no_login, lambda: NOW), lambda: snapshot, lambda: NOW)
    messages = [encode(SERVER_TESTS, one.test_id, one, id="1", source="/test", time=NOW) for one in tests]
    outcomes = handler.handle([Record("t", 0, n, b"", m.value, m.headers) for n, m in enumerate(messages)])
    handler.close()
    told = [message for outcome in outcomes if isinstance(outcome, Ok) for message in outcome.outputs]
    return [decode(m.topic, Record("t", 0, 0, b"", m.value, m.headers))[1] for m in told]


def test_a_stored_server_and_one_that_is_not_saved_are_tested(smtp_sink: SmtpSink, make_server: MakeServer) -> None:
    stored, other = make_server(port=CLOSED_PORT), make_server(id="other", port=smtp_sink.port)
    of_stored, of_other = handled(
        ServerTest(test_id="a", server_id="it-out"), ServerTest(test_id="b", server=other), settings=(stored,)
    )
    assert [(one.test_id, one.ok) for one in (of_stored, of_other)] == [("a", False), ("b", True)]


def test_incoming_and_unknown_servers_are_left_to_ingest() -> None:
    incoming = IncomingServer(id="in", protocol="imap", call_template="it", default_logging_analyst="anna")
    tests = (
        ServerTest(test_id="a", server_id="in"),
        ServerTest(test_id="b", server=incoming),
        ServerTest(test_id="c", server_id="gone"),
    )
    assert handled(*tests, settings=(incoming,)) == []


def test_an_old_test_is_passed_over(smtp_sink: SmtpSink, make_server: MakeServer) -> None:
    server = make_server(port=smtp_sink.port)
    handler = ServerTestHandler(
        server_tester(no_login, lambda: NOW), SettingsSnapshot, lambda: NOW + timedelta(minutes=3)
    )
    message = encode(SERVER_TESTS, "t1", TEST.model_copy(update={"server": server}), id="1", source="/t", time=NOW)
    assert handler.handle([Record("t", 0, 0, b"", message.value, message.headers)]) == [Ok()]
    handler.close()
    assert smtp_sink.messages == ()
