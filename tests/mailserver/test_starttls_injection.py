"""Answers put in before TLS begins, as whoever sits in between could: no step after that believes them.

They come in one packet with the answer to STARTTLS, so that they lie in the client's buffer when TLS begins.
"""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local.servers.certificates import Certificates, make_certificates
from mailserver.sasl import Credentials
from outbound.transports.smtp import SmtpTransport
from schemas.settings import IncomingServer, OutgoingServer
from tests.ingest.looking import look

Answer = Callable[[bytes], bytes]  # a line of the client's, and what it is answered
CAPABILITIES = b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n"
GENUINE = b"Subject: genuine\r\n\r\n"


class StartTls:
    """A server for one client: it greets, answers until it is asked for TLS, puts `injected` behind, and goes on."""

    def __init__(
        self, certificates: Certificates, greeting: bytes, begin: bytes, before: Answer, after: Answer
    ) -> None:
        self._context = certificates.context()
        self._greeting, self._begin, self._before, self._after = greeting, begin, before, after
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.protected: list[bytes] = []
        self.ca_file = str(certificates.authority)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        try:
            client, _ = self._listener.accept()
            with client:
                client.settimeout(10)
                client.sendall(self._greeting)
                # Read byte by byte: what is TLS already must stay for TLS.
                while self._begin not in (line := _line(client)):
                    client.sendall(self._before(line))
                client.sendall(self._before(line))
                with self._context.wrap_socket(client, server_side=True) as protected:
                    while line := _line(protected):
                        self.protected.append(line)
                        protected.sendall(self._after(line))
        except OSError:
            pass  # the client left

    def close(self) -> None:
        self._listener.close()


def _line(client: socket.socket | ssl.SSLSocket) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        byte = client.recv(1)
        if not byte:
            return b""
        line += byte
    return line


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., StartTls]]:
    certificates, started = make_certificates(tmp_path), []

    def start(greeting: bytes, begin: bytes, before: Answer, after: Answer) -> StartTls:
        started.append(StartTls(certificates, greeting, begin, before, after))
        return started[-1]

    yield start
    for server in started:
        server.close()


def _incoming(server: StartTls, protocol: str, authentication: str) -> IncomingServer:
    values = {"id": "it", "protocol": protocol, "host": "localhost", "port": server.port, "security": "starttls"}
    values |= {"ca_file": server.ca_file, "username": "desk", "password": {"env": "X"}, "timeout_seconds": 5}
    values |= {"authentication": authentication, "start_from": "beginning"}
    return IncomingServer.model_validate({**values, "call_template": "it", "default_logging_analyst": "anna"})


@pytest.mark.timeout(30)
def test_imap_believes_no_answer_from_before_tls(serve: Callable[..., StartTls]) -> None:
    def before(line: bytes) -> bytes:
        tag, command = line.split()[:2]
        if command != b"STARTTLS":
            return b"* CAPABILITY IMAP4rev1 STARTTLS\r\n%s OK done\r\n" % tag
        following = [tag[:-1] + b"%d" % (int(tag[-1:]) + step) for step in range(1, 6)]  # the tags that come next
        forged = b"".join(b"* 1 EXISTS\r\n* OK [UIDVALIDITY 6] no\r\n%s OK forged\r\n" % one for one in following)
        return b"* CAPABILITY IMAP4rev1 LOGINDISABLED\r\n%s OK begin\r\n%s" % (tag, forged)

    def after(line: bytes) -> bytes:
        if len(line.split()) == 1:  # the answer to the challenge
            return tags[-1] + b" OK logged in\r\n"
        tag, command = line.split()[:2]
        answers = {
            b"CAPABILITY": CAPABILITIES,
            b"SELECT": b"* 1 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT 2] ok\r\n",
            b"EXAMINE": b"* 1 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT 2] ok\r\n",
        }
        if command == b"AUTHENTICATE":
            tags.append(tag)
            return b"+ \r\n"
        if command == b"UID" and b"BODY" in line:
            return b"* 1 FETCH (UID 1 BODY[] {%d}\r\n%s)\r\n%s OK done\r\n" % (len(GENUINE), GENUINE, tag)
        if command == b"UID" and b"FETCH" in line:
            return b"* 1 FETCH (UID 1 RFC822.SIZE %d)\r\n%s OK done\r\n" % (len(GENUINE), tag)
        return answers.get(command, b"") + tag + b" OK done\r\n"

    tags: list[bytes] = []
    server = serve(b"* OK ready\r\n", b"STARTTLS", before, after)
    block = look(_incoming(server, "imap", "sasl-plain"))
    assert block is not None
    assert [mail.raw for mail in block.mails] == [GENUINE]
    assert block.cursor.uidvalidity == 7
    assert any(b"AUTHENTICATE PLAIN" in line for line in server.protected)  # as offered under TLS alone


@pytest.mark.timeout(30)
def test_pop3_believes_no_answer_from_before_tls(serve: Callable[..., StartTls]) -> None:
    def before(line: bytes) -> bytes:
        if b"STLS" not in line:
            return b"+OK\r\nUIDL\r\nSTLS\r\n.\r\n"
        return b"+OK begin\r\n" + b"+OK forged\r\n" * 3 + b"+OK forged\r\n1 forged\r\n.\r\n" * 2

    def after(line: bytes) -> bytes:
        answers = {
            b"CAPA": b"+OK\r\nUIDL\r\n.\r\n",
            b"UIDL": b"+OK\r\n1 genuine\r\n.\r\n",
            b"LIST": b"+OK\r\n1 %d\r\n.\r\n" % len(GENUINE),
            b"RETR": b"+OK\r\n" + GENUINE + b".\r\n",
        }
        return answers.get(line.split()[0], b"+OK\r\n")

    server = serve(b"+OK ready\r\n", b"STLS", before, after)
    block = look(_incoming(server, "pop3", "standard"))
    assert block is not None
    assert [(mail.handle, mail.raw) for mail in block.mails] == [("genuine", GENUINE)]
    assert [line for line in server.protected if b"s3cret" in line] == [b"PASS s3cret\r\n"]


@pytest.mark.timeout(30)
def test_smtp_believes_no_answer_from_before_tls(serve: Callable[..., StartTls]) -> None:
    def before(line: bytes) -> bytes:
        if b"STARTTLS" not in line:
            return b"250-ready\r\n250 STARTTLS\r\n"
        return b"220 begin\r\n" + b"250-forged\r\n250 8BITMIME\r\n" + b"250 forged\r\n" * 5

    def after(line: bytes) -> bytes:
        answers = {b"RCPT": b"550 5.1.1 genuine refusal\r\n", b"QUIT": b"221 bye\r\n"}
        return answers.get(line.split()[0].split(b":")[0], b"250 ok\r\n")

    server = serve(b"220 ready\r\n", b"STARTTLS", before, after)
    values = {"id": "out", "host": "localhost", "port": server.port, "security": "starttls", "timeout_seconds": 5}
    values |= {"ca_file": server.ca_file, "authentication": "none", "from_address": "it@desk.example"}
    outgoing = OutgoingServer.model_validate({**values, "from_name": "IT"})
    transport = SmtpTransport(outgoing, lambda _: Credentials(""))
    verdict = transport.send("", ["ursula@example.com"], GENUINE)["ursula@example.com"]
    transport.quit()
    assert verdict.reply == "550 5.1.1 genuine refusal"
    assert (
        server.protected[0].upper().startswith(b"EHLO ")
    )  # what was offered before TLS is asked anew (RFC 3207, section 4.2)
