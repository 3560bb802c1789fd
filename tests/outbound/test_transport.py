"""SMTP against real servers: security, log-in, refusals, and connections that break."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from deploy.local.ports import HOST, free_port
from deploy.local.servers.certificates import Certificates, make_certificates
from deploy.local.servers.smtp_sink import SmtpSink
from mailserver.errors import MailServerError
from mailserver.sasl import Credentials
from outbound.transports.base import RecipientResult
from outbound.transports.smtp import SmtpTransport
from schemas.reasons import Reason
from schemas.settings import Authentication, OutgoingServer, Secret, Security
from tests.ports import CLOSED_PORT

MakeServer = Callable[..., OutgoingServer]
Replies = bytes | Sequence[bytes]
MAIL = b"Subject: dots\r\n\r\n.\r\n..two\r\nend\r\n"
_PASSWORD = Secret(env="NOT_READ_HERE")  # `_login` gives it
TO = ["ursula@example.com"]
GREETING, HANG_UP, OK = b"", b"", b"250 OK\r\n"


class Guarded:
    """An aiosmtpd handler that keeps mails, and who may log in."""

    def __init__(self) -> None:
        self.contents: list[bytes] = []
        self.logins: list[tuple[str, bytes]] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.contents.append(envelope.original_content or b"")
        return "250 OK"

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object
    ) -> object:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login.decode(), data.password))
        return AuthResult(success=data.password == "pässword".encode(), handled=False)


@contextmanager
def _serve(handler: Guarded, **options: Any) -> Iterator[int]:
    port = free_port()
    controller = Controller(handler, hostname=HOST, port=port, **options)
    controller.start()
    try:
        yield port
    finally:
        controller.stop(no_assert=True)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def _server_context(certificates: Certificates) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates.certificate, certificates.key)
    return context


def _no_login(_server: OutgoingServer) -> Credentials:
    raise AssertionError("no authentication is set, so no password is to be asked for")


def _login(_server: OutgoingServer) -> Credentials:
    return Credentials("it@desk.example", "pässword")


def _send(transport: SmtpTransport) -> RecipientResult:
    return transport.send("", TO, MAIL)[TO[0]]


def _refused(server: OutgoingServer, login: Callable[[OutgoingServer], Credentials] = _no_login) -> MailServerError:
    with pytest.raises(MailServerError) as caught:
        _send(SmtpTransport(server, login))
    return caught.value


def test_mails_go_over_one_connection_as_they_are(smtp_sink: SmtpSink, make_server: MakeServer) -> None:
    transport = SmtpTransport(make_server(port=smtp_sink.port), _no_login)
    for _ in range(3):
        assert _send(transport) == RecipientResult("sent", None, "250 OK")
    transport.quit()
    assert [mail.raw for mail in smtp_sink.messages] == [MAIL] * 3
    assert {(mail.sender, mail.recipients) for mail in smtp_sink.messages} == {("<>", (TO[0],))}


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
@pytest.mark.parametrize("authentication", [Authentication.SASL_PLAIN, Authentication.SASL_LOGIN])
def test_a_protected_connection_is_verified_and_logged_in(
    security: Security, authentication: Authentication, certificates: Certificates, make_server: MakeServer
) -> None:
    handler, context = Guarded(), _server_context(certificates)
    tls = {"ssl_context": context} if security is Security.TLS else {"tls_context": context}
    # aiosmtpd takes only STARTTLS for TLS, hence auth_require_tls
    options = {
        "authenticator": handler.authenticate,
        "auth_required": True,
        "auth_require_tls": security is not Security.TLS,
    }
    with _serve(handler, **tls, **options) as port:
        server = make_server(
            port=port, host="localhost", security=security, authentication=authentication,
            ca_file=str(certificates.authority), username="it@desk.example", password=_PASSWORD,
        )  # fmt: skip
        transport = SmtpTransport(server, _login)
        assert _send(transport).outcome == "sent"
        transport.quit()
    assert handler.contents == [MAIL]
    assert handler.logins == [("it@desk.example", "pässword".encode())]


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
def test_a_certificate_of_an_unknown_authority_is_refused(
    security: Security, certificates: Certificates, make_server: MakeServer, tmp_path: Path
) -> None:
    handler, context = Guarded(), _server_context(certificates)
    other = make_certificates(tmp_path)
    tls = {"ssl_context": context} if security is Security.TLS else {"tls_context": context}
    with _serve(handler, **tls) as port:
        server = make_server(port=port, host="localhost", security=security, ca_file=str(other.authority))
        assert _refused(server).reason is Reason.SECURITY_REFUSED
    assert handler.contents == []


def test_a_server_without_starttls_gets_neither_password_nor_mail(smtp_sink: SmtpSink, make_server: MakeServer) -> None:
    server = make_server(
        port=smtp_sink.port,
        security=Security.STARTTLS,
        authentication=Authentication.SASL_PLAIN,
        username="it",
        password=_PASSWORD,
    )
    assert _refused(server, _login).reason is Reason.SECURITY_REFUSED
    assert smtp_sink.messages == ()


def test_a_wrong_password_is_told_without_the_password(make_server: MakeServer) -> None:
    handler = Guarded()
    with _serve(handler, authenticator=handler.authenticate, auth_require_tls=False) as port:
        server = make_server(port=port, authentication=Authentication.SASL_PLAIN, username="it", password=_PASSWORD)
        error = _refused(server, lambda _: Credentials("it", "wr0ng-one"))
    assert error.reason is Reason.AUTHENTICATION_REFUSED
    assert "it-out" in error.text
    assert "wr0ng-one" not in error.text
    assert handler.contents == []


def test_standard_authentication_is_not_for_smtp(smtp_sink: SmtpSink, make_server: MakeServer) -> None:
    server = make_server(port=smtp_sink.port, authentication=Authentication.STANDARD, username="it", password=_PASSWORD)
    error = _refused(server, _login)
    assert error.reason is Reason.AUTHENTICATION_REFUSED
    assert "SMTP" in error.text


@pytest.mark.parametrize(
    ("reply", "outcome", "reason"),
    [
        ("451 try later", "deferred", Reason.SERVER_DEFERRED),
        ("450 greylisted", "deferred", Reason.SERVER_DEFERRED),
        ("550 no such user", "failed", Reason.RECIPIENT_REFUSED),
        ("530 log in first", "deferred", Reason.AUTHENTICATION_REFUSED),
    ],
)
def test_a_refused_recipient_leaves_the_connection_fit_for_the_next_mail(
    reply: str, outcome: str, reason: Reason, smtp_sink: SmtpSink, make_server: MakeServer
) -> None:
    smtp_sink.replies["nobody@example.com"] = reply
    transport = SmtpTransport(make_server(port=smtp_sink.port), _no_login)
    verdict = transport.send("", ["nobody@example.com"], MAIL)["nobody@example.com"]
    assert (verdict.outcome, verdict.reason, verdict.reply) == (outcome, reason, reply)
    both = transport.send("", ["nobody@example.com", *TO], MAIL)
    assert (both["nobody@example.com"].outcome, both[TO[0]].outcome) == (outcome, "sent")
    assert _send(transport).outcome == "sent"
    assert [mail.recipients for mail in smtp_sink.messages] == [(TO[0],)] * 2
    transport.quit()


def test_an_address_beyond_ascii_goes_by_smtputf8(smtp_sink: SmtpSink, make_server: MakeServer) -> None:
    transport = SmtpTransport(make_server(port=smtp_sink.port), _no_login)
    assert transport.send("", ["ürsula@example.com"], MAIL)["ürsula@example.com"].outcome == "sent"
    assert smtp_sink.messages[0].recipients == ("ürsula@example.com",)
    transport.quit()


def test_a_server_that_takes_ascii_only_gets_the_mail_for_those_it_takes(make_server: MakeServer) -> None:
    handler = Guarded()
    with _serve(handler, enable_SMTPUTF8=False) as port:
        transport = SmtpTransport(make_server(port=port), _no_login)
        verdicts = transport.send("", ["ürsula@example.com", *TO], MAIL)
        transport.quit()
    assert {address: verdict.outcome for address, verdict in verdicts.items()} == {
        "ürsula@example.com": "failed",
        TO[0]: "sent",
    }
    assert len(handler.contents) == 1


def test_a_kept_connection_that_went_stale_is_made_anew(make_server: MakeServer) -> None:
    port = free_port()
    with SmtpSink(port) as first:
        transport = SmtpTransport(make_server(port=port), _no_login)
        assert _send(transport).outcome == "sent"
        assert len(first.messages) == 1
    with SmtpSink(port) as second:
        assert _send(transport).outcome == "sent"
        assert len(second.messages) == 1
    transport.quit()


def test_a_connection_that_breaks_before_the_acknowledgement_is_the_servers_trouble(make_server: MakeServer) -> None:
    """After DATA nobody knows: the mail is deferred, never tried again on the spot."""
    seen: list[bytes] = []
    with _scripted({b"\r\n.\r\n": HANG_UP}, seen) as port:
        assert _refused(make_server(port=port)).reason is Reason.SERVER_UNREACHABLE
    assert sum(line.startswith(b"DATA") for line in seen) == 1


def test_a_refusal_holds_though_the_server_hangs_up_after_it(make_server: MakeServer) -> None:
    with _scripted({b"RCPT": b"550 no such user\r\n", b"RSET": HANG_UP}) as port:
        assert _send(SmtpTransport(make_server(port=port), _no_login)).outcome == "failed"


@pytest.mark.parametrize("extension", [b"PIPELINING", b"HELP"])
@pytest.mark.parametrize(
    ("replies", "outcome"),
    [({}, "sent"), ({b"MAIL": b"550 not you\r\n"}, "failed"), ({b"RCPT": b"450 later\r\n"}, "deferred")],
)
def test_an_envelope_goes_in_one_piece_where_the_server_takes_that(
    extension: bytes, replies: dict[bytes, bytes], outcome: str, make_server: MakeServer
) -> None:
    pieces: list[bytes] = []
    with _scripted({b"EHLO": b"250-hello\r\n250 " + extension + b"\r\n", **replies}, pieces) as port:
        transport = SmtpTransport(make_server(port=port), _no_login)
        assert [_send(transport).outcome for _ in range(2)] == [outcome] * 2
        transport.quit()
    envelopes = [piece for piece in pieces if piece.startswith(b"MAIL")]
    assert len(envelopes) == 2
    assert {piece.count(b"\r\n") for piece in envelopes} == {2 if extension == b"PIPELINING" else 1}


CHUNKS = {b"EHLO": b"250-hello\r\n250-PIPELINING\r\n250 CHUNKING\r\n"}
ENVELOPE = b"MAIL FROM:<>\r\nRCPT TO:<ursula@example.com>\r\n"
CHUNK = b"BDAT %d LAST\r\n%s" % (len(MAIL), MAIL)


def test_mails_in_a_row_are_one_piece_each_where_the_server_takes_that(make_server: MakeServer) -> None:
    pieces: list[bytes] = []
    with _scripted(CHUNKS, pieces) as port:
        transport = SmtpTransport(make_server(port=port), _no_login)
        assert [_send(transport).outcome for _ in range(3)] == ["sent"] * 3
        transport.quit()
    assert pieces[1:-1] == [ENVELOPE, CHUNK, ENVELOPE + CHUNK, ENVELOPE + CHUNK]


def test_after_a_pause_the_envelope_goes_alone(make_server: MakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outbound.transports.smtp._PAUSE_SECONDS", 0)
    pieces: list[bytes] = []
    with _scripted(CHUNKS, pieces) as port:
        transport = SmtpTransport(make_server(port=port), _no_login)
        assert [_send(transport).outcome for _ in range(2)] == ["sent"] * 2
        transport.quit()
    assert pieces[1:-1] == [ENVELOPE, CHUNK] * 2


def test_a_chunk_waits_for_the_envelope_where_the_server_takes_one_command_at_a_time(make_server: MakeServer) -> None:
    pieces: list[bytes] = []
    with _scripted({b"EHLO": b"250-hello\r\n250 CHUNKING\r\n"}, pieces) as port:
        transport = SmtpTransport(make_server(port=port), _no_login)
        assert [_send(transport).outcome for _ in range(2)] == ["sent"] * 2
        transport.quit()
    assert pieces[1:-1] == [*ENVELOPE.splitlines(keepends=True), CHUNK] * 2


@pytest.mark.parametrize("reply", [b"500 5.5.1 what\r\n", b"502 5.5.1 not here\r\n", b"503 5.5.1 not now\r\n"])
def test_a_server_that_does_not_understand_chunks_gets_the_mails_by_data(reply: bytes, make_server: MakeServer) -> None:
    pieces: list[bytes] = []
    with _scripted({**CHUNKS, b"BDAT": reply}, pieces, connections=2) as port:
        transport = SmtpTransport(make_server(port=port), _no_login)
        assert [_send(transport).outcome for _ in range(2)] == ["sent"] * 2
        transport.quit()
    data = [ENVELOPE, b"DATA\r\n", b"Subject: dots\r\n\r\n..\r\n...two\r\nend\r\n.\r\n"]
    hello, quit_ = pieces[0], pieces[-1]
    assert pieces == [hello, ENVELOPE, CHUNK, hello, *data, *data, quit_]


def test_where_the_first_chunk_breaks_the_connection_the_next_mails_go_by_data(make_server: MakeServer) -> None:
    pieces: list[bytes] = []
    with _scripted({**CHUNKS, b"BDAT": HANG_UP}, pieces, connections=2) as port:
        transport = SmtpTransport(make_server(port=port), _no_login)
        with pytest.raises(MailServerError):
            _send(transport)
        assert [_send(transport).outcome for _ in range(2)] == ["sent"] * 2
        transport.quit()
    assert sum(b"BDAT" in piece for piece in pieces) == 1


@pytest.mark.parametrize("said_to_chunk", [OK, b"503 5.5.1 no recipients\r\n"])
@pytest.mark.parametrize(
    ("step", "refusal", "outcome"),
    [(b"RCPT", b"550 5.1.1 no such user\r\n", "failed"), (b"MAIL", b"452 4.3.1 later\r\n", "deferred")],
)
def test_a_refused_envelope_counts_whatever_is_said_to_the_chunk_behind_it(
    step: bytes, refusal: bytes, outcome: str, said_to_chunk: bytes, make_server: MakeServer
) -> None:
    """And what is said is not taken for the reply to the next mail."""
    pieces: list[bytes] = []
    script: dict[bytes, Replies] = {**CHUNKS, step: [OK, refusal], b"BDAT": [OK, said_to_chunk, b"250 the third\r\n"]}
    with _scripted(script, pieces, connections=2) as port:
        transport = SmtpTransport(make_server(port=port), _no_login)
        first, second, third = (_send(transport) for _ in range(3))
        transport.quit()
    assert (first.outcome, second.outcome, third.outcome) == ("sent", outcome, "sent")
    assert (second.reply, third.reply) == (refusal.decode().strip(), "250 the third")
    assert pieces.count(ENVELOPE + CHUNK) == 1


def test_what_a_server_leaves_of_a_chunk_that_it_refuses_is_no_command(make_server: MakeServer) -> None:
    """Exim 4.96 does not read a chunk above its limit: after such a refusal the connection is not used again."""
    pieces: list[bytes] = []
    script: dict[bytes, Replies] = {**CHUNKS, b"BDAT": [OK, b"552 5.3.4 too large\r\n"]}
    with _scripted(script, pieces, connections=2) as port:
        transport = SmtpTransport(make_server(port=port), _no_login)
        assert [_send(transport).outcome for _ in range(3)] == ["sent", "failed", "sent"]
        transport.quit()
    assert pieces[3] == ENVELOPE + CHUNK
    assert pieces[4][:4].upper() == b"EHLO"


@pytest.mark.parametrize("step", [b"MAIL", b"RCPT", b"BDAT"])
def test_a_connection_that_breaks_behind_a_mail_in_a_row_is_the_servers_trouble(
    step: bytes, make_server: MakeServer
) -> None:
    """As behind the last dot: nobody knows, so the mail is deferred, never tried again on the spot."""
    pieces: list[bytes] = []
    with _scripted({**CHUNKS, step: [OK, HANG_UP]}, pieces, connections=2) as port:
        transport = SmtpTransport(make_server(port=port), _no_login)
        assert _send(transport).outcome == "sent"
        with pytest.raises(MailServerError) as caught:
            _send(transport)
        assert caught.value.reason is Reason.SERVER_UNREACHABLE
        assert pieces[-1] == ENVELOPE + CHUNK
        assert _send(transport).outcome == "sent"
        transport.quit()
    assert sum(CHUNK in piece for piece in pieces) == 3


def test_a_mail_in_a_row_that_the_server_has_no_time_for_goes_by_a_new_connection(make_server: MakeServer) -> None:
    pieces: list[bytes] = []
    script: dict[bytes, Replies] = {**CHUNKS, b"MAIL": [OK, b"421 4.7.0 enough\r\n"], b"RCPT": [OK, HANG_UP]}
    with _scripted(script, pieces, connections=2) as port:
        transport = SmtpTransport(make_server(port=port), _no_login)
        assert [_send(transport).outcome for _ in range(2)] == ["sent"] * 2
        transport.quit()
    hello = pieces[0]
    assert pieces[:-1] == [hello, ENVELOPE, CHUNK, ENVELOPE + CHUNK, hello, ENVELOPE, CHUNK]


@pytest.mark.parametrize("extensions", [b"HELP", b"PIPELINING", b"PIPELINING\r\n250-CHUNKING"])
def test_of_a_server_that_has_no_time_for_one_recipient_each_reply_counts(
    extensions: bytes, make_server: MakeServer
) -> None:
    """Not every server closes the connection with 421."""
    three = ["ann@example.com", "bob@example.com", "eve@example.com"]
    script: dict[bytes, Replies] = {
        b"EHLO": b"250-hello\r\n250-" + extensions + b"\r\n250 HELP\r\n",
        b"RCPT": [OK, OK, b"421 4.7.0 not him now\r\n"],
    }
    with _scripted(script) as port:
        transport = SmtpTransport(make_server(port=port), _no_login)
        assert _send(transport).outcome == "sent"
        verdicts = transport.send("", three, MAIL)
        assert [verdicts[one].outcome for one in three] == ["sent", "deferred", "sent"]
        assert _send(transport).outcome == "sent"
        transport.quit()


def test_a_server_that_goes_as_it_said_while_it_has_a_mail_is_in_trouble(make_server: MakeServer) -> None:
    script: dict[bytes, Replies] = {**CHUNKS, b"RCPT": [OK, OK, b"421 4.7.0 enough\r\n"], b"BDAT": [OK, HANG_UP]}
    with _scripted(script) as port:
        transport = SmtpTransport(make_server(port=port), _no_login)
        assert _send(transport).outcome == "sent"
        with pytest.raises(MailServerError) as caught:
            transport.send("", [*TO, "bob@example.com", "eve@example.com"], MAIL)
    assert caught.value.reason is Reason.SERVER_UNREACHABLE


def test_what_nobody_asked_for_is_not_taken_for_the_reply_to_the_next_mail(make_server: MakeServer) -> None:
    script: dict[bytes, Replies] = {b"\r\n.\r\n": [OK + b"250 once more\r\n", b"554 not that\r\n"]}
    with _scripted(script, connections=2) as port:
        transport = SmtpTransport(make_server(port=port), _no_login)
        assert [_send(transport).outcome for _ in range(2)] == ["sent", "failed"]
        transport.quit()


def test_a_mail_is_not_sent_by_a_positive_reply_to_something_else(make_server: MakeServer) -> None:
    with _scripted({b"DATA": OK}) as port:
        assert _refused(make_server(port=port)).reason is Reason.SERVER_UNREACHABLE


def test_a_server_that_takes_nobody_now_is_told_in_its_own_words(make_server: MakeServer) -> None:
    with _scripted({GREETING: b"554 closed\x1b for today\r\n"}) as port:
        error = _refused(make_server(port=port))
    assert error.reason is Reason.SERVER_UNREACHABLE
    assert "554 closed for today" in error.text


def test_nobody_there_is_told_as_unreachable(make_server: MakeServer) -> None:
    error = _refused(make_server(port=CLOSED_PORT))
    assert error.reason is Reason.SERVER_UNREACHABLE
    assert "127.0.0.1" in error.text


def test_a_silent_server_is_given_up_after_its_time_out(make_server: MakeServer) -> None:
    with socket.create_server((HOST, 0)) as silent:
        error = _refused(make_server(port=silent.getsockname()[1], timeout_seconds=0.2))
    assert error.reason is Reason.SERVER_UNREACHABLE
    assert "no answer within 0.2 seconds" in error.text


@pytest.mark.parametrize(
    ("piece", "every", "said"),
    [
        (b"2", 0.05, "no answer within 0.3 seconds"),
        (b"220-and so on\r\n" * 100, 0, "more than 65536 bytes"),
        (b"220-" + b"x" * 9000, 0, "Line too long"),
    ],
    ids=["byte by byte", "lines", "one line"],
)
def test_an_answer_without_end_is_given_up(piece: bytes, every: float, said: str, make_server: MakeServer) -> None:
    with _babbling(piece, every) as port:
        error = _refused(make_server(port=port, timeout_seconds=0.3))
    assert error.reason is Reason.SERVER_UNREACHABLE
    assert said in error.text


@pytest.mark.parametrize("step", [GREETING, b"EHLO", b"MAIL", b"RCPT", b"DATA", b"\r\n.\r\n"])
@pytest.mark.parametrize("answer", [bytes(range(255, -1, -1)) + b"\r\n", b"HTTP/1.1 200 OK\r\n", b"999 what\r\n"])
def test_a_server_that_does_not_speak_smtp_is_in_trouble(step: bytes, answer: bytes, make_server: MakeServer) -> None:
    with _scripted({step: answer}) as port:
        error = _refused(make_server(port=port, timeout_seconds=1))
    assert error.reason is Reason.SERVER_UNREACHABLE
    assert "does not speak SMTP" in error.text


@contextmanager
def _babbling(piece: bytes, every: float) -> Iterator[int]:
    """A server that greets its one client without end, a piece at a time."""

    def talk() -> None:
        connection, _ = server.accept()
        with connection, suppress(OSError):
            while True:
                connection.sendall(piece)
                time.sleep(every)

    with socket.create_server((HOST, 0)) as server:
        thread = threading.Thread(target=talk, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(30)


@contextmanager
def _scripted(
    replies: Mapping[bytes, Replies], pieces: list[bytes] | None = None, connections: int = 1
) -> Iterator[int]:
    """A server that answers each line by how it begins, and mails by their end; else `250 OK`.

    It takes that many connections, one after the other. Of several replies to one thing each is given once. `pieces`
    gets what came at once. An empty reply hangs up.
    """
    script: dict[bytes, Replies] = {GREETING: b"220 ready\r\n", b"DATA": b"354 go on\r\n", b"QUIT": HANG_UP, **replies}
    several = {step: iter(given) for step, given in script.items() if not isinstance(given, bytes)}

    def said(step: bytes) -> bytes:
        given = script.get(step, OK)
        return given if isinstance(given, bytes) else next(several[step], OK)

    def answer(piece: bytes) -> list[bytes]:
        if piece.endswith(b"\r\n.\r\n"):
            return [said(b"\r\n.\r\n")]
        commands, _, chunk = piece.partition(b"BDAT")
        answers = [said(line[:4].upper()) for line in commands.splitlines()]
        return [*answers, said(b"BDAT")] if chunk else answers

    def talk() -> None:
        for _ in range(connections):
            connection, _ = server.accept()
            with connection:
                connection.sendall(said(GREETING))
                while piece := connection.recv(65_536):
                    if pieces is not None:
                        pieces.append(piece)
                    answers = answer(piece)
                    if HANG_UP in answers:
                        connection.sendall(b"".join(answers[: answers.index(HANG_UP)]))
                        break
                    connection.sendall(b"".join(answers))

    with socket.create_server((HOST, 0)) as server:
        thread = threading.Thread(target=talk, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(30)
