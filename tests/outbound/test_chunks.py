"""Mails in a row to Debian's mail servers, each as one chunk: they arrive as they are, and a refusal harms no other."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from deploy.local.ports import free_port
from deploy.local.servers.exim import Exim
from deploy.local.servers.postfix import Postfix
from deploy.local.servers.smtp_sink import SmtpSink
from mailserver.sasl import Credentials
from outbound.transports.smtp import SmtpTransport
from outbound.transports.smtp_connection import SmtpConnection
from schemas.settings import OutgoingServer

pytestmark = pytest.mark.debian

ANN, NOBODY, MALFORMED = "ann@example.test", "nobody@example.test", "nobody@@example.test"
TAIL = b"\r\n.\r\n..two\r\nMAIL FROM:<eve@example.test>\r\nend\r\n"  # no line of it is a command or an end
LARGE = b"Subject: large\r\n\r\n" + (b"x" * 70 + b"\r\n") * 2000  # both have a limit of 100 kB
_LIMIT = "message_size_limit = 100000\n"  # as of that Postfix
_REFUSING = f"smtpd_relay_restrictions = check_recipient_access inline:{{ {{ {NOBODY} = 550 5.1.1 }} }}, permit\n"


@contextmanager
def postfix(relay_port: int) -> Iterator[int]:
    with Postfix(free_port(), relay_port, settings=_REFUSING) as server:
        yield server.open_port


@contextmanager
def exim(relay_port: int) -> Iterator[int]:
    with Exim(
        relay_port, away="away.example.test", retry="F,8s,1s", settings="message_size_limit = 100000\n"
    ) as server:
        yield server.port


@pytest.mark.parametrize(("server", "refused"), [(postfix, NOBODY), (exim, MALFORMED)])
def test_mails_in_a_row_arrive_as_they_are(
    server: Callable[[int], AbstractContextManager[int]],
    refused: str,
    make_server: Callable[..., OutgoingServer],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pieces: list[bytes] = []
    send = SmtpConnection.send

    def watched(self: SmtpConnection, data: bytes) -> None:
        pieces.append(bytes(data) if not isinstance(data, str) else data.encode())
        send(self, data)

    monkeypatch.setattr(SmtpConnection, "send", watched)
    with SmtpSink() as sink, server(sink.port) as port:
        transport = SmtpTransport(make_server(port=port, timeout_seconds=60), lambda _: Credentials("", ""))
        attempts = [(ANN, mail(0)), (ANN, mail(1)), (refused, mail(2)), (ANN, mail(3)), (ANN, mail(4)), (ANN, LARGE)]
        attempts += [(ANN, mail(5)), (ANN, mail(6))]
        outcomes = [transport.send("", [to], content)[to].outcome for to, content in attempts]
        transport.quit()
        arrived = sink.wait_for(6)
    assert outcomes == ["sent", "sent", "failed", "sent", "sent", "failed", "sent", "sent"]
    bodies = sorted(one.raw.partition(b"\r\n\r\n")[2] for one in arrived)
    assert bodies == sorted(mail(number).partition(b"\r\n\r\n")[2] for number in (0, 1, 3, 4, 5, 6))
    assert {one.recipients for one in arrived} == {(ANN,)}
    assert sum(piece.startswith(b"MAIL") and b"BDAT" in piece for piece in pieces) == 5


def mail(number: int) -> bytes:
    return b"Subject: %d\r\n\r\nNumber %d" % (number, number) + TAIL
