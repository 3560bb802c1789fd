"""What an SMTP server is told: the envelope of a safe address, and the mail as data, whatever is in either."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from mailserver.sasl import Credentials
from outbound.compose import compose
from outbound.headers import wire_address
from outbound.render import Rendered
from outbound.transports.smtp import SmtpTransport
from schemas.events import NotificationRequested
from schemas.settings import OutgoingServer
from schemas.tokens import NO_KEYS
from tests.examples import examples
from tests.outbound.conftest import NOW, by

BREAKING = st.sampled_from([
    "\r\n", "\n", "\r", "\0", "\u2028", "\x85", " ", "<", ">", ">\r\nRCPT TO:<x@y.example", "＞", "＜", "，", "＠",
    "；", "。", "ü", "\r\n.\r\n", "\n.\nMAIL FROM:<x@y.example>\n", ".\n", "..",
])  # fmt: skip
TEXT = st.lists(BREAKING | st.text(max_size=5), max_size=6).map("".join)
PART = st.lists(BREAKING | st.text("abc.-_'+", max_size=5), max_size=2).map("".join)


class Recorder:
    """An SMTP server that takes everything. `commands`: what it was told; `contents`: the mails, their dots undone."""

    def __init__(self, extensions: bytes) -> None:
        self.extensions, self.commands, self.contents = extensions, list[bytes](), list[bytes]()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._thread.join(10)
        self._listener.close()

    def _run(self) -> None:
        client, _ = self._listener.accept()
        with client, client.makefile("rb") as lines:
            client.sendall(b"220 ready\r\n")
            for line in lines:
                self.commands.append(line)
                if line == b"DATA\r\n":
                    client.sendall(b"354 go on\r\n")
                    content = b""
                    while (line := lines.readline()) != b".\r\n":
                        content += line[1:] if line.startswith(b".") else line
                    self.contents.append(content)
                elif line.startswith(b"BDAT "):
                    self.contents.append(lines.read(int(line.split()[1])))
                greeting = b"250-hello\r\n250-SMTPUTF8\r\n" + self.extensions if line[:4].upper() == b"EHLO" else b""
                client.sendall(greeting + b"250 HELP\r\n")


@contextmanager
def recorder(extensions: bytes) -> Iterator[Recorder]:
    server = Recorder(extensions)
    yield server
    server.close()


@pytest.mark.parametrize("extensions", [b"", b"250-PIPELINING\r\n", b"250-PIPELINING\r\n250-CHUNKING\r\n"])
@given(local=PART, domain=PART, text=TEXT)
@example(local="", domain="＞，＜x＠y.example", text="")  # plain signs in the domain's ASCII form
@example(local="", domain="", text="\r\n.\r\nMAIL FROM:<x@y.example>\r\n")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(25))
def test_nothing_of_a_notification_is_a_command(
    extensions: bytes, make_server: Callable[..., OutgoingServer], local: str, domain: str, text: str
) -> None:
    request = _request(f"a{local}@b{domain}", text)
    with recorder(extensions) as server:
        settings_ = make_server(port=server.port)
        composed = compose(request, Rendered(text, text, text), by(settings_), NOW, NO_KEYS)
        recipient = wire_address(request.recipient)
        transport = SmtpTransport(settings_, _no_login)
        for _ in range(2):
            transport.send(composed.sender, [recipient], composed.content)
        transport.quit()
    utf8 = "" if recipient.isascii() else " SMTPUTF8"
    content = f"BDAT {len(composed.content)} LAST\r\n" if b"CHUNKING" in extensions else "DATA\r\n"
    mail = [f"MAIL FROM:<>{utf8}\r\n".upper(), f"RCPT TO:<{recipient}>\r\n".upper(), content]
    assert [line.decode().upper() for line in server.commands[1:]] == [*mail, *mail, "QUIT\r\n"]
    assert not set(recipient) & set('<>()[],;:\\" \t\r\n\0')
    assert server.contents == [composed.content] * 2


def _request(recipient: str, text: str) -> NotificationRequested:
    """For an address that the border takes; others get no notification."""
    try:
        return NotificationRequested(
            notification_id="0123456789abcdef" * 2,
            recipient=recipient,
            recipient_name=text,
            event="CallLogged",
            data={"reference": text},
            requested_at=NOW,
        )
    except ValidationError:
        assume(False)
        raise


def _no_login(_server: OutgoingServer) -> Credentials:
    raise AssertionError("no authentication is set")
