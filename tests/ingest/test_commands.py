"""What a mail server is told follows from the settings and its own numbers alone, whatever the mails in it say."""

import socket
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.connectors import connector_for
from ingest.connectors.base import open_mailbox
from mailserver.sasl import Credentials
from tests.examples import examples
from tests.ingest.conftest import Script
from tests.ingest.test_pop3_content import sent

# Lines that would do harm as a command, in headers and in text.
LINES = st.lists(
    st.sampled_from([
        b"From: a1 UID STORE 1:* +FLAGS.SILENT (\\Deleted)", b"Subject: x\r\na2 EXPUNGE", b"Message-ID: <1@x>\r\nQUIT",
        b"To: {100+}", b") BODY[] {3}", b"a3 OK done", b"* BYE", b".", b"..", b"QUIT", b"", b"\xff\0\r", b'"; LOGOUT',
    ]),
    max_size=5,
)  # fmt: skip
MAILS = st.lists(LINES.map(lambda lines: b"\r\n".join([*lines, b""])), min_size=1, max_size=4)


def imap_server(mails: Sequence[bytes], heard: list[bytes]) -> Script:
    """A mailbox of these mails, UIDs from 1 on. `heard`: its client's commands, without their tags."""
    numbered = list(enumerate(mails, 1))
    listed = b"".join(b"* %d FETCH (UID %d RFC822.SIZE %d)\r\n" % (n, n, len(mail)) for n, mail in numbered)
    whole = b"".join(b"* %d FETCH (UID %d BODY[] {%d}\r\n%s)\r\n" % (n, n, len(mail), mail) for n, mail in numbered)
    opened = b"* %d EXISTS\r\n* OK [UIDVALIDITY 1] ok\r\n* OK [UIDNEXT %d] ok\r\n" % (len(mails), len(mails) + 1)

    def answer(command: bytes) -> bytes:
        if command == b"CAPABILITY":
            return b"* CAPABILITY IMAP4rev1 UIDPLUS MOVE\r\n"
        if command.startswith(b"LIST"):
            return b'* LIST () "/" "Done"\r\n'
        if command.startswith((b"SELECT", b"EXAMINE")):
            return opened
        if command.startswith(b"UID FETCH 1:"):
            return listed
        return whole if b"BODY.PEEK[]" in command else b""

    def script(client: socket.socket) -> None:
        client.sendall(b"* OK ready\r\n")
        for line in client.makefile("rb"):
            tag, _, command = line.rstrip(b"\r\n").partition(b" ")
            heard.append(command)
            client.sendall(answer(command) + tag + b" OK done\r\n")

    return script


def pop3_server(mails: Sequence[bytes], heard: list[bytes]) -> Script:
    """The same over POP3, its unique ids u1, u2 ..."""
    listings = {
        b"UIDL": b"".join(b"%d u%d\r\n" % (n, n) for n, _ in enumerate(mails, 1)) + b".\r\n",
        b"LIST": b"".join(b"%d %d\r\n" % (n, len(mail)) for n, mail in enumerate(mails, 1)) + b".\r\n",
    }

    def answer(command: bytes) -> bytes:
        word, _, number = command.partition(b" ")
        content = sent(mails[int(number) - 1]) if word == b"RETR" else listings.get(word, b"")
        return b"+OK\r\n" + content

    def script(client: socket.socket) -> None:
        client.sendall(b"+OK ready\r\n")
        for line in client.makefile("rb"):
            heard.append(line.rstrip(b"\r\n"))
            client.sendall(answer(heard[-1]))

    return script


Server = Callable[[Sequence[bytes], list[bytes]], Script]
SERVERS: dict[str, tuple[Server, dict[str, Any]]] = {
    "imap, seen": (imap_server, {"protocol": "imap", "after_fetch": "seen"}),
    "imap, moved": (imap_server, {"protocol": "imap", "after_fetch": "move", "move_to": "Done"}),
    "imap, deleted": (imap_server, {"protocol": "imap", "after_fetch": "delete"}),
    "pop3, deleted": (pop3_server, {"protocol": "pop3", "after_fetch": "delete"}),
}


@pytest.mark.parametrize("name", SERVERS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(25))
@given(mails=MAILS)
def test_no_mail_reaches_a_command(
    name: str, serve: Callable[[Script], int], incoming_server: Any, mails: list[bytes]
) -> None:
    server, options = SERVERS[name]

    def told(mails: list[bytes]) -> list[bytes]:
        """The commands of one look at a mailbox of these mails, all of which are fetched and settled."""
        heard: list[bytes] = []
        port = serve(server(mails, heard))
        connector = connector_for(incoming_server(port=port, **options), Credentials("desk", "pw"))
        try:
            open_mailbox(connector)
            block = connector.next_batch(None)
            assert block is not None
            assert [mail.raw for mail in block.mails] == mails
            connector.apply_after_fetch(block)
        finally:
            connector.close()
        return heard

    assert told(mails) == told([b"x\r\n"] * len(mails))
