"""A mailbox that people move to another server with isync: what is known there, and what stays alone."""

import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.local.packages.debian import find_mbsync
from ingest.connectors import imap_folder
from ingest.connectors.base import open_mailbox
from ingest.connectors.imap import ImapConnector
from ingest.connectors.imap_responses import author_date
from ingest.connectors.remote_mail import RemoteMail
from mailserver.sasl import Credentials
from schemas.content import content_id
from schemas.ids import mail_id
from schemas.servers import MailboxCursor

Move = Callable[[str, str], None]
Read = Callable[[str, MailboxCursor | None], tuple[tuple[RemoteMail, ...], MailboxCursor]]
_BEFORE, _AFTER = "Fri, 20 Nov 2020 11:57:00 +0000", "Fri, 20 Nov 2099 11:57:00 +0000"


def mail(subject: str, *, date: str | None = None, with_id: bool = True) -> bytes:
    headers = {"From": "ann@example.test", "Subject": subject, "Date": date}
    headers["Message-ID"] = f"<{subject}@example.test>" if with_id else None
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value).encode() + b"\r\nHello\r\n"


@pytest.fixture
def read(inbox: Any, incoming_server: Any) -> Iterator[Read]:
    """Reads an account's INBOX on from a cursor."""
    made: list[ImapConnector] = []

    def read(address: str, cursor: MailboxCursor | None) -> tuple[tuple[RemoteMail, ...], MailboxCursor]:
        server = incoming_server(port=inbox.dovecot.imap_port, username="desk", start_from="now")
        made.append(ImapConnector(server, Credentials(address, inbox.password)))
        open_mailbox(made[-1])
        block = made[-1].next_batch(cursor)
        assert block is not None
        return block.mails, block.cursor

    yield read
    for one in made:
        one.close()


@pytest.fixture
def move(inbox: Any, tmp_path: Path) -> Move:
    """Copies one account's INBOX into another's with mbsync."""
    program = find_mbsync()

    def store(name: str, user: str) -> str:
        account = f"IMAPAccount {name}\nHost 127.0.0.1\nPort {inbox.dovecot.imap_port}\nUser {user}\n"
        return f"{account}Pass {inbox.password}\nSSLType None\nAuthMechs LOGIN\n\nIMAPStore {name}\nAccount {name}\n\n"

    def move(old: str, new: str) -> None:
        channel = f"Channel move\nFar :old:\nNear :new:\nPatterns INBOX\nSync Pull\nSyncState {tmp_path}/\n"
        settings = tmp_path / "mbsyncrc"
        settings.write_text(store("old", old) + store("new", new) + channel)
        time.sleep(1.1)  # INTERNALDATE counts seconds
        subprocess.run([program, "-c", settings, "move"], check=True, timeout=60, capture_output=True)

    return move


@pytest.mark.parametrize("at_once", [1, imap_folder.DATES_AT_ONCE])
def test_a_mailbox_that_isync_copied(
    inbox: Any, read: Read, move: Move, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(imap_folder, "DATES_AT_ONCE", at_once)
    old, new = inbox.address, f"moved-{uuid.uuid4().hex[:8]}@test.local"
    for raw in (mail("old", date=_BEFORE), mail("older", date=_BEFORE)):
        inbox.dovecot.deliver(old, raw)
    left, first = read(old, None)
    assert left == ()
    with_id, without = mail("taken", date=_AFTER), mail("scan", with_id=False)
    for raw in (with_id, without):
        inbox.dovecot.deliver(old, raw)
    taken, reached = read(old, first)
    assert [one.raw for one in taken] == [with_id, without]

    move(old, new)
    missed = mail("missed", date=_AFTER)
    inbox.dovecot.deliver(new, missed)
    anew, cursor = read(new, reached)
    assert cursor.uidvalidity != reached.uidvalidity
    first_copy, second_copy, last = anew  # and neither of those that were left alone
    assert last.raw == missed
    for copy, before in zip((first_copy, second_copy), taken, strict=True):
        assert b"\r\nX-TUID: " in copy.raw
        assert copy.internal_date != before.internal_date
        assert mail_id("it", copy.raw) == mail_id("it", before.raw)
        assert content_id("it", copy.raw) == content_id("it", before.raw)


@pytest.mark.parametrize(
    ("header", "date"),
    [
        (b"Date: Fri, 20 Nov 2026 11:57:00 +0100\r\n\r\n", "2026-11-20T11:57:00+01:00"),
        (b"date:Fri, 20 Nov 2026\r\n 11:57:00 -0000 (from a clock)\r\n\r\n", "2026-11-20T11:57:00+00:00"),
        (b"Date: yesterday\r\n\r\n", None),
        (b"Date: 99 Nov 2026 11:57:00 +9999\r\n\r\n", None),
        (b"Date: \xff\0" + b"(" * 100_000, None),
        (b"\r\n", None),
        (b"", None),
        (None, None),
    ],
)
def test_the_date_of_a_mails_author(header: bytes | None, date: str | None) -> None:
    found = author_date(header)
    assert (found and found.isoformat()) == date


@given(
    st.binary(max_size=60)
    | st.from_regex(rb"\d{1,30} [A-Z][a-z]{2} \d{1,30} \d{1,4}:\d{1,9} [+-]\d{1,30}", fullmatch=True)
)
def test_any_bytes_may_stand_for_a_date(value: bytes) -> None:
    found = author_date(b"Date: " + value)
    assert found is None or found.tzinfo is not None
