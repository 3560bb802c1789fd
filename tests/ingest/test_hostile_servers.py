"""Mail servers that misbehave: an error in words and in bounded time and memory; never a hang, never half a mail."""

import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from ingest.connectors import imap_connection, pop3_session
from mailserver.errors import MailServerError
from schemas.reasons import Reason
from tests.ingest.conftest import Script
from tests.ingest.looking import look


def imap_server(*answers: bytes) -> Script:
    """A server that is well until the mailbox is open; then each answer in turn, `TAG` being the command's tag."""

    def script(client: socket.socket) -> None:
        reader = client.makefile("rb")
        client.sendall(b"* OK ready\r\n")
        rest = list(answers)
        while line := reader.readline():
            tag, command = line.split()[:2]
            if command == b"CAPABILITY":
                client.sendall(b"* CAPABILITY IMAP4rev1 IDLE\r\n%s OK done\r\n" % tag)
            elif command == b"LOGIN":
                client.sendall(tag + b" OK done\r\n")
            elif command in (b"EXAMINE", b"SELECT"):
                client.sendall(b"* 1 EXISTS\r\n* OK [UIDVALIDITY 1] ok\r\n* OK [UIDNEXT 2] ok\r\n%s OK done\r\n" % tag)
            elif rest:
                client.sendall(rest.pop(0).replace(b"TAG", tag))
                if not rest:
                    return

    return script


def pop3_server(*answers: bytes) -> Script:
    def script(client: socket.socket) -> None:
        reader = client.makefile("rb")
        client.sendall(b"+OK ready\r\n")
        rest = list(answers)
        while line := reader.readline():
            if line.split()[0] in (b"USER", b"PASS"):
                client.sendall(b"+OK\r\n")
            elif rest:
                client.sendall(rest.pop(0))
                if not rest:
                    return

    return script


LISTED = b"* 1 FETCH (UID 1 RFC822.SIZE 10)\r\nTAG OK done\r\n"
UIDL, LIST = b"+OK\r\n1 a\r\n.\r\n", b"+OK\r\n1 10\r\n.\r\n"

HOSTILE: Sequence[tuple[str, str, str, Script]] = [
    ("imap", "garbage for a greeting", "", lambda client: client.sendall(b"\x00\xff" * 100 + b"\r\n")),
    ("imap", "nothing for a greeting", "EOF", lambda _client: None),
    ("imap", "BYE for a greeting", "out of order", lambda client: client.sendall(b"* BYE out of order\r\n")),
    ("imap", "an endless line", "more than", lambda client: client.sendall(b"* OK " + b"x" * 3_000_000)),
    ("imap", "a listing of garbage", "unexpected response", imap_server(b"* \xff\xfe(((\r\n+\r\n{5}\r\nTAG OK x\r\n")),
    ("imap", "closed in the middle of a mail", "EOF", imap_server(LISTED, b"* 1 FETCH (UID 1 BODY[] {10}\r\nabc")),
    ("imap", "a literal of 100 GB", "longer than", imap_server(b"* 1 FETCH (UID 1 RFC822.SIZE {100000000000}\r\n")),
    ("imap", "an endless answer", "longer than", imap_server(b"* 1 FETCH (UID 1)\r\n" * 200_000)),
    ("imap", "a refusal", "no such luck", imap_server(b"TAG NO no such luck\r\n")),
    ("imap", "a refusal of all", "Too many", imap_server(LISTED, b"TAG NO [LIMIT] Too many requests\r\n")),
    ("imap", "BYE among the mails", "going down", imap_server(LISTED, b"* BYE going down\r\n* 1 FETCH (UID 1)\r\n")),
    ("imap", "closed after a literal", "EOF", imap_server(LISTED, b"* 1 FETCH (UID 1 BODY[] {3}\r\nabc")),
    ("imap", "another command's answer", "unexpected", imap_server(LISTED, b"XX1 OK done\r\n")),
    ("pop3", "garbage for a greeting", "", lambda client: client.sendall(b"\x00\xff" * 100 + b"\r\n")),
    ("pop3", "nothing for a greeting", "closed", lambda _client: None),
    ("pop3", "an endless line", "too long", lambda client: client.sendall(b"+OK " + b"x" * 3_000_000)),
    ("pop3", "a listing of garbage", "no listing", pop3_server(b"+OK\r\n\xff\xfe\r\nx\r\n.\r\n")),
    ("pop3", "an endless listing", "longer than", pop3_server(b"+OK\r\n" + b"1 aaaaaaaaaaaaaaaa\r\n" * 200_000)),
    ("pop3", "closed in the middle of a mail", "in the middle", pop3_server(LIST, UIDL, b"+OK\r\nabc\r\n")),
    ("pop3", "a refusal", "no such luck", pop3_server(b"-ERR no such luck\r\n")),
]


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    ("protocol", "told", "script"),
    [(protocol, told, script) for protocol, _, told, script in HOSTILE],
    ids=[f"{protocol}: {what}" for protocol, what, _, _ in HOSTILE],
)
def test_a_server_that_misbehaves_is_an_error_in_words(
    serve: Any, incoming_server: Any, monkeypatch: pytest.MonkeyPatch, protocol: str, told: str, script: Script
) -> None:
    monkeypatch.setattr(imap_connection, "MAX_RESPONSE_BYTES", 2_000_000)
    monkeypatch.setattr(pop3_session, "MAX_LISTING_BYTES", 1_000_000)
    with pytest.raises(MailServerError) as caught:
        look(incoming_server(protocol=protocol, port=serve(script)))
    assert told in caught.value.text
    assert caught.value.text.isprintable()
    assert len(caught.value.text) < 600


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_a_server_that_says_nothing_is_given_up(serve: Any, incoming_server: Any, protocol: str) -> None:
    server = incoming_server(protocol=protocol, port=serve(lambda _client: time.sleep(5)), timeout_seconds=0.3)
    with pytest.raises(MailServerError) as caught:
        look(server)
    assert (caught.value.reason, caught.value.temporary) == (Reason.SERVER_UNREACHABLE, True)
    assert "0.3 seconds" in caught.value.text


def test_a_server_that_is_full_is_left_alone(serve: Any, incoming_server: Any) -> None:
    with pytest.raises(MailServerError) as caught:
        look(incoming_server(port=serve(lambda client: client.sendall(b"* BYE Too many connections\r\n"))))
    assert (caught.value.reason, caught.value.temporary) == (Reason.SERVER_DEFERRED, True)


def test_a_folder_that_can_only_be_read_is_told_before_anything_is_fetched(serve: Any, incoming_server: Any) -> None:
    def script(client: socket.socket) -> None:
        for line in client.makefile("rb"):
            tag, command = line.split()[:2]
            special = {b"CAPABILITY": b"* CAPABILITY IMAP4rev1\r\n", b"SELECT": b"* OK [UIDVALIDITY 1] ok\r\n"}
            code = b"[READ-ONLY] " if command == b"SELECT" else b""
            client.sendall(special.get(command, b"") + tag + b" OK " + code + b"done\r\n")

    def greeting(client: socket.socket) -> None:
        client.sendall(b"* OK ready\r\n")
        script(client)

    with pytest.raises(MailServerError) as caught:
        look(incoming_server(port=serve(greeting), after_fetch="seen"))
    assert (caught.value.reason, caught.value.temporary) == (Reason.FOLDER_REFUSED, False)
    assert "after_fetch" in caught.value.text


def sent_to(serve: Any, incoming_server: Any, protocol: str, script_of: Callable[[list[bytes]], Script]) -> bytes:
    """What a STARTTLS client sent to a server that does not protect it. It must have raised SECURITY_REFUSED."""
    sent: list[bytes] = []
    with pytest.raises(MailServerError) as caught:
        look(incoming_server(protocol=protocol, security="starttls", port=serve(script_of(sent))))
    assert (caught.value.reason, caught.value.temporary) == (Reason.SECURITY_REFUSED, False)
    return b"".join(sent)


@pytest.mark.parametrize("refusal", ["not offered", "refused", "greeted as logged in"])
def test_without_starttls_imap_tells_nothing(serve: Any, incoming_server: Any, refusal: str) -> None:
    def script_of(sent: list[bytes]) -> Script:
        def script(client: socket.socket) -> None:
            reader = client.makefile("rb")
            client.sendall(b"* PREAUTH hello\r\n" if refusal == "greeted as logged in" else b"* OK ready\r\n")
            while line := reader.readline():
                sent.append(line)
                tag, command = line.split()[:2]
                offer = b"" if refusal == "not offered" else b" STARTTLS"
                answers = {
                    b"CAPABILITY": b"* CAPABILITY IMAP4rev1" + offer + b"\r\nTAG OK done\r\n",
                    b"STARTTLS": b"TAG NO no\r\n",
                }
                client.sendall(answers.get(command, b"TAG OK done\r\n").replace(b"TAG", tag))

        return script

    assert b"s3cret" not in sent_to(serve, incoming_server, "imap", script_of)


@pytest.mark.parametrize("refusal", ["not offered", "refused"])
def test_without_starttls_pop3_tells_nothing(serve: Any, incoming_server: Any, refusal: str) -> None:
    def script_of(sent: list[bytes]) -> Script:
        def script(client: socket.socket) -> None:
            reader = client.makefile("rb")
            client.sendall(b"+OK ready\r\n")
            while line := reader.readline():
                sent.append(line)
                offer = b"" if refusal == "not offered" else b"STLS\r\n"
                answers = {b"CAPA": b"+OK\r\nUIDL\r\n" + offer + b".\r\n", b"STLS": b"-ERR no\r\n"}
                client.sendall(answers.get(line.split()[0], b"+OK\r\n"))

        return script

    assert b"s3cret" not in sent_to(serve, incoming_server, "pop3", script_of)


def test_a_server_without_uidl_is_read_by_headers(serve: Any, incoming_server: Any) -> None:
    script = pop3_server(
        b"+OK\r\n1 23\r\n.\r\n",
        b"-ERR unknown command\r\n",
        b"+OK\r\nSubject: one\r\n\r\n.\r\n",
        b"+OK\r\nSubject: one\r\n\r\n..dots\r\n.\r\n",
    )
    block = look(incoming_server(protocol="pop3", port=serve(script)))
    assert block is not None
    (mail,) = block.mails
    assert mail.raw == b"Subject: one\r\n\r\n.dots\r\n"
    assert mail.handle.startswith("top-")
    assert block.cursor.uidls == (mail.handle,)


def test_what_imap_tells_among_the_mails_does_not_spoil_them(serve: Any, incoming_server: Any) -> None:
    answer = (
        b"* 2 EXISTS\r\n"
        b"* 1 FETCH (UID 1 BODY[] {12}\r\nA: b {3}\r\n\r\n X-NOTE {3}\r\n)\r\n)\r\n"
        b"* OK still here\r\n* 1 FETCH (FLAGS (\\Seen))\r\nTAG OK done\r\n"
    )
    block = look(incoming_server(port=serve(imap_server(LISTED, answer))))
    assert block is not None
    assert [mail.raw for mail in block.mails] == [b"A: b {3}\r\n\r\n"]
