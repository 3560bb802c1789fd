"""What a probe tells of a mail's way: through the fake of Microsoft Graph, honest or not, and through rewriting."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest

from console.servers.probe import Row, compared, is_probe
from outbound.server_test import probe_mail, run_server_test
from resolver.parsing import parse
from resolver.screening import screen
from schemas.reasons import Reason
from schemas.servers import ServerTest
from schemas.settings import OutgoingServer
from tests.exchange.graph_server import GraphServer, account_of

DESK = "desk@example.test"
TEST = ServerTest(test_id="0123456789abcdef" * 2, to=(DESK,), probe=True)
SERVER = OutgoingServer(
    id="out", protocol="mapi", profile="exchange", mailbox=DESK, host="-", security="none", from_address=DESK
)
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SENT = probe_mail(TEST, SERVER, NOW)


@pytest.fixture
def graph() -> Iterator[GraphServer]:
    with GraphServer([DESK]).running() as server:
        yield server


def outcomes(came: bytes) -> dict[str, str]:
    return {row.what: row.outcome for row in compared(SENT, came)}


def test_a_mail_that_nothing_happened_to_is_told_so() -> None:
    rows = compared(SENT, b"Received: from a by b\r\n" + SENT)
    assert {row.outcome for row in rows[:-2]} == {"as sent"}
    assert {"Message-ID", "Auto-Submitted", "X-Mailcall-Loop", "List-Id", "References", "part text/plain"} <= {
        row.what for row in rows
    }
    assert rows[-2] == Row("other fields", "1 added", "received")
    assert rows[-1].outcome == "all of it as sent"


def test_what_exchange_takes_away_is_told(graph: GraphServer) -> None:
    graph.faults = {"replace Message-ID": 1.0, "drop headers": 1.0}
    result = run_server_test(TEST, SERVER, lambda _: account_of(graph), NOW)
    [came] = graph.mailbox.mails()

    assert result.ok and result.sent.encode() == SENT
    assert is_probe(came.raw, TEST.test_id)
    told = outcomes(came.raw)
    assert (told["Message-ID"], told["Auto-Submitted"], told["X-Mailcall-Loop"]) == ("changed", "missing", "missing")
    assert (told["Subject"], told["References"], told["part text/html"]) == ("as sent",) * 3
    assert told["the mail as a whole"] == "changed"


def test_a_mail_that_is_written_anew_is_known_and_its_parts_are_compared() -> None:
    mail = message_from_bytes(SENT, policy=policy.default)
    for part in mail.walk():
        if part.get_content_type() == "text/plain":
            text = part.get_content()
            del part["Content-Transfer-Encoding"]
            part.set_payload(base64.encodebytes(text.encode()).decode())
            part["Content-Transfer-Encoding"] = "base64"
        if part.get_content_type() == "application/octet-stream":
            part.set_payload("AAAA")
    told = outcomes(mail.as_bytes())
    assert told["part text/plain"] in ("transferred in another way", "blanks and line ends changed")
    assert told["part application/octet-stream"] == "changed"
    assert told["part text/html"] == "as sent"


def test_a_mail_of_which_all_headers_are_lost_is_known_by_its_text() -> None:
    body = base64.b64encode(f"Probe {TEST.test_id}.".encode())
    assert is_probe(b"Content-Transfer-Encoding: base64\r\n\r\n" + body, TEST.test_id)
    assert not is_probe(b"Subject: another\r\n\r\nProbe\r\n", TEST.test_id)


@pytest.mark.parametrize(
    "raw", [b"", b"\xff\xfe\x00", b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n" * 3_000], ids=len
)
def test_any_bytes_can_be_looked_at(raw: bytes) -> None:
    assert not is_probe(raw, TEST.test_id)


@pytest.mark.parametrize("lost", [b"", b"Message-ID", b"all"])
def test_it_becomes_no_call(lost: bytes) -> None:
    """Whatever is left of it."""
    mail = message_from_bytes(SENT, policy=policy.compat32)
    for name in ("Message-ID", "X-Mailcall-Loop", "Auto-Submitted", "List-Id", "Precedence"):
        if lost == b"all" or name.encode() == lost:
            del mail[name]
    assert screen(parse(mail.as_bytes()), frozenset({DESK})).reason == Reason.LOOP
