"""What every connector promises (`ingest.connectors.base.Connector`), each run against a real server."""

import imaplib
import mailbox as mailbox_module
import os
import re
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from _pytest.mark import ParameterSet

from deploy.local.servers.mail_host import MailHost
from ingest.connectors import CONNECTORS, TRANSPORTS, base, connector_for, imap_mails, remote_mail
from ingest.connectors.base import WATCH, Connector, FetchedBatch, Mode, open_mailbox
from ingest.connectors.ews import EwsConnector
from ingest.connectors.graph import GraphConnector
from ingest.connectors.remote_mail import RemoteMail
from mailserver.errors import MailServerError
from mailserver.sasl import Credentials
from schemas import ids
from schemas.reasons import Reason
from schemas.servers import MailboxCursor
from schemas.settings import IncomingServer
from tests.exchange.ews_accounts import ADDRESS
from tests.exchange.ews_accounts import account_of as ews_account_of
from tests.exchange.ews_server import EwsServer
from tests.exchange.graph_server import GraphServer, Tokens, account_of

PORTS = {"imap": "imap_port", "pop3": "pop3_port"}
KINDS = {  # each with its protocol
    "imap": "imap",
    "pop3": "pop3",
    "folder-maildir": "folder",
    "folder-eml": "folder",
    "mapi-graph": "mapi",
    "mapi-ews": "mapi",
}
ACCOUNTS = ("imap", "pop3", "mapi-graph", "mapi-ews")  # those on another machine


def mail(number: int, size: int = 0) -> bytes:
    return f"From: a@example.test\r\nSubject: {number}\r\n\r\n..{number}\r\n.\r\n{'x' * size}\r\n".encode()


class Mailbox(ABC):
    """A mailbox seen from outside, and connectors to it by one protocol."""

    protocol: str
    locator: str

    @abstractmethod
    def deliver(self, *numbers: int, size: int = 0) -> None: ...

    @abstractmethod
    def empty(self) -> None:
        """Somebody else takes every mail out of it."""

    @abstractmethod
    def flags(self) -> dict[int, frozenset[str]]:
        """What each mail that is there bears, by its number in the mailbox."""

    @abstractmethod
    def connector(self, mode: Mode = WATCH, **settings: Any) -> Connector: ...

    def server(self, **settings: Any) -> IncomingServer:
        values: Mapping[str, Any] = {
            "id": "it",
            "protocol": self.protocol,
            "start_from": "beginning",
            "call_template": "it",
            "default_logging_analyst": "anna",
            **settings,
        }
        return IncomingServer.model_validate(values)


class Account(Mailbox):
    """An account on the mail host, seen by IMAP."""

    def __init__(self, host: MailHost, address: str, password: str, protocol: str) -> None:
        self.host, self.address, self.password, self.protocol = host, address, password, protocol
        self.locator = {"imap": "INBOX;UIDVALIDITY=", "pop3": "POP3;UIDL="}[protocol]

    def deliver(self, *numbers: int, size: int = 0) -> None:
        with imaplib.IMAP4(self.host.host, self.host.imap_port, timeout=30) as client:
            client.login(self.address, self.password)
            for number in numbers:
                client.append("INBOX", "", "", mail(number, size))

    def empty(self) -> None:
        with imaplib.IMAP4(self.host.host, self.host.imap_port, timeout=30) as client:
            client.login(self.address, self.password)
            client.select("INBOX")
            client.store("1:*", "+FLAGS", "\\Deleted")
            client.expunge()

    def flags(self) -> dict[int, frozenset[str]]:
        """Less what the server sets by itself: \\Recent goes with any SELECT, and this server's POP3 sets \\Seen."""
        own = {"\\Recent", "\\Seen"} if self.protocol == "pop3" else {"\\Recent"}
        with imaplib.IMAP4(self.host.host, self.host.imap_port, timeout=30) as client:
            client.login(self.address, self.password)
            client.select("INBOX", readonly=True)
            _, data = client.fetch("1:*", "(FLAGS)")
            lines = [line.decode() for line in data if isinstance(line, bytes)]
            return {int(line.split()[0]): frozenset(re.findall(r"\\\w+", line)) - own for line in lines}

    def connector(self, mode: Mode = WATCH, password: str | None = None, **settings: Any) -> Connector:
        where = {"host": self.host.host, "port": getattr(self.host, PORTS[self.protocol]), "security": "none"}
        server = self.server(
            **{**where, "username": self.address, "password": {"env": "NOT_READ"}, "timeout_seconds": 10, **settings}
        )
        return connector_for(server, Credentials(self.address, password or self.password), mode)


class Directory(Mailbox):
    """A Maildir that the standard library writes, or a directory of .eml files, written a minute ago."""

    protocol = "folder"
    locator = "FOLDER;NAME="

    def __init__(self, path: Path, *, maildir: bool) -> None:
        self.path = path
        self.maildir = mailbox_module.Maildir(path) if maildir else None
        path.mkdir(exist_ok=True)

    def deliver(self, *numbers: int, size: int = 0) -> None:
        for number in numbers:
            if self.maildir is not None:
                self.maildir.add(mail(number, size))
                continue
            file = self.path / f"{number}.eml"
            file.write_bytes(mail(number, size))
            os.utime(file, (time.time() - 60,) * 2)

    def empty(self) -> None:
        for file in self.path.glob("*.eml" if self.maildir is None else "[cn]*/*"):
            file.unlink()

    def flags(self) -> dict[int, frozenset[str]]:
        if self.maildir is None:
            return {number: frozenset() for number, _ in enumerate(self.path.glob("*.eml"), 1)}
        seen = [message.get_subdir() + message.get_flags() for message in self.maildir]
        return {number: frozenset((flags,)) for number, flags in enumerate(seen, 1)}

    def connector(self, mode: Mode = WATCH, **settings: Any) -> Connector:
        return connector_for(self.server(path=str(self.path), **settings), Credentials("", ""), mode)


class GraphMailbox(Mailbox):
    """A mailbox in Exchange Online, which is a fake of Microsoft Graph's."""

    protocol = "mapi"
    locator = "INBOX;ID="

    def __init__(self, graph: GraphServer) -> None:
        self.graph = graph
        self.address = graph.mailbox.address

    def deliver(self, *numbers: int, size: int = 0) -> None:
        for number in numbers:
            self.graph.mailbox.put(mail(number, size))

    def empty(self) -> None:
        for item in self.graph.mailbox.mails():
            self.graph.mailbox.remove(item)

    def flags(self) -> dict[int, frozenset[str]]:
        items = enumerate(self.graph.mailbox.mails(), 1)
        return {number: frozenset(["read"] if item.is_read else []) for number, item in items}

    def connector(
        self, mode: Mode = WATCH, password: str | None = None, port: int | None = None, **settings: Any
    ) -> Connector:
        """`password`: the token that the account gets, and no other."""
        server = self.server(profile="exchange", mailbox=self.address, **settings)
        where: dict[str, Any] = {"graph_url": f"http://127.0.0.1:{port}/"} if port else {}
        tokens = Tokens(password, most=1) if password else Tokens()
        return GraphConnector(server, account_of(self.graph, tokens=tokens, **where), mode)


class EwsMailbox(Mailbox):
    """A mailbox on an Exchange server, which is a fake of Exchange Web Services."""

    protocol = "mapi"
    locator = "INBOX;ITEMID="

    def __init__(self, ews: EwsServer) -> None:
        self.ews = ews
        self.address = ADDRESS
        self.inbox = ews.account(ADDRESS).by_name["inbox"]

    def deliver(self, *numbers: int, size: int = 0) -> None:
        for number in numbers:
            self.ews.store.mailbox(self.address).deliver(mail(number, size))

    def empty(self) -> None:
        for item in list(self.inbox.items):
            self.inbox.take(item)

    def flags(self) -> dict[int, frozenset[str]]:
        items = enumerate(self.inbox.items.values(), 1)
        return {number: frozenset(["read"] if item.is_read else []) for number, item in items}

    def connector(
        self, mode: Mode = WATCH, password: str = "right", port: int | None = None, **settings: Any
    ) -> Connector:
        server = self.server(profile="exchange", mailbox=self.address, **settings)
        where: dict[str, Any] = {"url": f"http://127.0.0.1:{port}/"} if port else {}
        return EwsConnector(server, ews_account_of(self.ews, password=password, **where), mode)


def _account(request: pytest.FixtureRequest, kind: str) -> "Account | GraphMailbox | EwsMailbox":
    if kind == "mapi-graph":
        return GraphMailbox(request.getfixturevalue("graph"))
    if kind == "mapi-ews":
        return EwsMailbox(request.getfixturevalue("ews"))
    address, password = request.getfixturevalue("mail_account")
    return Account(request.getfixturevalue("mail_host"), address, password, kind)


@pytest.fixture
def graph() -> Iterator[GraphServer]:
    with GraphServer().running() as server:
        yield server


@pytest.fixture
def ews() -> Iterator[EwsServer]:
    with EwsServer() as server:
        yield server


def _params(kinds: Iterable[str]) -> list[ParameterSet]:
    return [pytest.param(kind, marks=[pytest.mark.mail_host] if kind in PORTS else []) for kind in sorted(kinds)]


@pytest.fixture(params=_params(KINDS))
def mailbox(request: pytest.FixtureRequest, tmp_path: Path) -> Mailbox:
    if KINDS[request.param] == "folder":
        return Directory(tmp_path / "mails", maildir=request.param == "folder-maildir")
    return _account(request, request.param)


@pytest.fixture(params=_params(ACCOUNTS))
def account(request: pytest.FixtureRequest) -> Account | GraphMailbox | EwsMailbox:
    """A mailbox on another machine, which has to be reached and logged in to."""
    return _account(request, request.param)


def test_every_connector_is_held_to_the_contract() -> None:
    assert set(KINDS.values()) - {"mapi"} == set(CONNECTORS)
    assert {kind.removeprefix("mapi-") for kind in KINDS if KINDS[kind] == "mapi"} == set(TRANSPORTS)


@pytest.fixture
def opened() -> Iterator[Callable[[Connector], Connector]]:
    """Opens connectors, and closes them at the end."""
    connectors: list[Connector] = []

    def open_(connector: Connector) -> Connector:
        connectors.append(connector)
        open_mailbox(connector)
        return connector

    yield open_
    for connector in connectors:
        connector.close()


Open = Callable[[Connector], Connector]


def drain(
    connector: Connector, cursor: MailboxCursor | None = None, room: int = base.BATCH_BYTES
) -> list[FetchedBatch]:
    blocks = []
    while (block := connector.next_batch(cursor, room)) is not None:
        blocks.append(block)
        cursor = block.cursor
    return blocks


def subjects(*blocks: FetchedBatch) -> list[int]:
    return [int(mail.raw.split(b"Subject: ")[1].split(b"\r\n")[0]) for block in blocks for mail in block.mails]


def test_every_mail_comes_once_in_order_and_whole(mailbox: Mailbox, opened: Open) -> None:
    mailbox.deliver(*range(1, 6))
    blocks = drain(opened(mailbox.connector()))
    assert subjects(*blocks) == [1, 2, 3, 4, 5]
    first = blocks[0].mails[0]
    assert first.raw.rstrip() == b"From: a@example.test\r\nSubject: 1\r\n\r\n..1\r\n."
    assert first.size is None


def test_after_its_cursor_only_new_mail_comes_also_over_a_new_connection(mailbox: Mailbox, opened: Open) -> None:
    mailbox.deliver(1, 2)
    cursor = drain(opened(mailbox.connector()))[-1].cursor
    mailbox.deliver(3)
    assert subjects(*drain(opened(mailbox.connector()), cursor)) == [3]


def test_a_mailbox_that_somebody_else_empties_is_read_on(mailbox: Mailbox, opened: Open) -> None:
    mailbox.deliver(1, 2)
    cursor = drain(opened(mailbox.connector()))[-1].cursor
    mailbox.empty()
    assert mailbox.flags() == {}
    reader = opened(mailbox.connector())
    assert drain(reader, cursor) == []
    reader.close()
    mailbox.deliver(3)
    assert subjects(*drain(opened(mailbox.connector()), cursor)) == [3]


def test_a_mail_that_is_put_back_is_known_again_by_its_id(mailbox: Mailbox, opened: Open) -> None:
    """Moved to another folder and back, or copied: it may be fetched once more, and is the same mail."""
    mailbox.deliver(1)
    first = drain(opened(mailbox.connector()))
    mailbox.empty()
    mailbox.deliver(1, 2)
    again = drain(opened(mailbox.connector()), first[-1].cursor)
    assert subjects(*again)[-1] == 2
    known = {ids.mail_id("it", one.raw) for block in first for one in block.mails}
    assert len(known | {ids.mail_id("it", one.raw) for block in again for one in block.mails}) == 2


def test_fetching_alone_changes_nothing_on_the_server(mailbox: Mailbox, opened: Open) -> None:
    mailbox.deliver(1, 2)
    before = mailbox.flags()
    assert len(before) == 2
    opened(mailbox.connector(after_fetch="delete")).next_batch(None)
    assert mailbox.flags() == before


def test_a_first_look_from_now_on_takes_nothing_and_says_what_is_there(mailbox: Mailbox, opened: Open) -> None:
    mailbox.deliver(1, 2, 3)
    connector = opened(mailbox.connector(start_from="now"))
    block = connector.next_batch(None)
    assert block is not None
    assert (block.mails, block.skipped) == ((), 3)
    assert connector.next_batch(block.cursor) is None
    mailbox.deliver(4)
    connector.wait(0.1, threading.Event())
    assert subjects(*drain(connector, block.cursor)) == [4]


def test_a_first_look_from_now_on_at_an_empty_mailbox(mailbox: Mailbox, opened: Open) -> None:
    block = opened(mailbox.connector(start_from="now")).next_batch(None)
    assert block is not None
    mailbox.deliver(1)
    assert subjects(*drain(opened(mailbox.connector()), block.cursor)) == [1]


def test_blocks_are_bounded_by_number(mailbox: Mailbox, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "BATCH_MAILS", 2)
    mailbox.deliver(1, 2, 3)
    connector = opened(mailbox.connector())
    first = connector.next_batch(None)
    assert first is not None
    assert (subjects(first), connector.backlog) == ([1, 2], 1)
    assert subjects(*drain(connector, first.cursor)) == [3]


def test_blocks_are_bounded_by_bytes(mailbox: Mailbox, opened: Open) -> None:
    mailbox.deliver(1, 2, 3, size=1_000)
    assert [subjects(block) for block in drain(opened(mailbox.connector()), room=2_500)] == [[1, 2], [3]]


def test_a_mail_that_is_too_large_for_the_memory_comes_whole_and_the_rest_goes_on(
    mailbox: Mailbox, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap_mails, "PIECE_BYTES", 70_000)
    mailbox.deliver(1)
    mailbox.deliver(2, size=300_000)
    mailbox.deliver(3)
    connector = opened(mailbox.connector(after_fetch="delete"))
    blocks = drain(connector, room=200_000)
    assert [subjects(block) for block in blocks] == [[1], [2], [3]]
    large = blocks[1].mails[0]
    assert large.spool is not None
    large.spool.seek(0)
    whole = large.spool.read()
    assert whole.rstrip().endswith(b"\r\n..2\r\n.\r\n" + b"x" * 300_000)
    assert (large.size, large.raw) == (len(whole), whole[: remote_mail.FIRST_PART_BYTES])
    connector.apply_after_fetch(blocks[1])
    assert len(mailbox.flags()) == 2


def test_a_mail_without_end_is_cut_and_the_rest_goes_on(
    mailbox: Mailbox, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap_mails, "PIECE_BYTES", 70_000)
    monkeypatch.setattr(remote_mail, "MAX_SPOOL_BYTES", 250_000)
    mailbox.deliver(1, size=400_000)
    mailbox.deliver(2)
    blocks = drain(opened(mailbox.connector()), room=200_000)
    assert [subjects(block) for block in blocks] == [[1], [2]]
    large = blocks[0].mails[0]
    assert (len(large.raw), large.spool) == (remote_mail.FIRST_PART_BYTES, None)
    assert large.size is not None and large.size > 400_000


def test_settled_mails_are_deleted_where_that_is_wanted_and_no_others(mailbox: Mailbox, opened: Open) -> None:
    mailbox.deliver(1, 2)
    connector = opened(mailbox.connector(after_fetch="delete"))
    block = connector.next_batch(None)
    assert block is not None and len(block.mails) == 2
    mailbox.deliver(3)
    connector.apply_after_fetch(block)
    assert len(mailbox.flags()) == 1
    assert subjects(*drain(opened(mailbox.connector()), block.cursor)) == [3]


def test_settled_mails_are_left_alone_where_that_is_wanted(mailbox: Mailbox, opened: Open) -> None:
    mailbox.deliver(1)
    before = mailbox.flags()
    connector = opened(mailbox.connector(after_fetch="leave"))
    for block in drain(connector):
        connector.apply_after_fetch(block)
    assert mailbox.flags() == before


def test_settling_mails_that_are_gone_is_no_error(mailbox: Mailbox, opened: Open) -> None:
    mailbox.deliver(1)
    one = opened(mailbox.connector(after_fetch="delete"))
    block = one.next_batch(None)
    assert block is not None
    one.apply_after_fetch(block)
    one.close()
    opened(mailbox.connector(after_fetch="delete")).apply_after_fetch(block)
    assert mailbox.flags() == {}


def test_a_stop_ends_a_wait_at_once(mailbox: Mailbox, opened: Open) -> None:
    connector, stop = opened(mailbox.connector()), threading.Event()

    def end() -> None:
        stop.set()
        connector.interrupt()

    timer = threading.Timer(0.2, end)
    timer.start()
    began = time.monotonic()
    try:
        connector.wait(30, stop)
    except MailServerError:
        pass  # a connection that is broken off may say so
    assert time.monotonic() - began < 5


def test_a_wrong_password_is_told_from_trouble_that_passes(account: Account | GraphMailbox | EwsMailbox) -> None:
    connector = account.connector(password="wrong")
    with pytest.raises(MailServerError) as caught:
        open_mailbox(connector)
    connector.close()
    assert (caught.value.reason, caught.value.temporary) == (Reason.AUTHENTICATION_REFUSED, False)
    assert account.address in caught.value.text
    assert "wrong" not in caught.value.text


def test_a_server_that_is_away_is_trouble_that_passes(account: Account | GraphMailbox | EwsMailbox) -> None:
    connector = account.connector(port=1)
    with pytest.raises(MailServerError) as caught:
        open_mailbox(connector)
    connector.close()
    assert (caught.value.reason, caught.value.temporary) == (Reason.SERVER_UNREACHABLE, True)
    assert "refused" in caught.value.text


def test_a_cursor_of_another_protocol_is_no_cursor(mailbox: Mailbox, opened: Open) -> None:
    foreign = {
        "imap": MailboxCursor(server_id="it", uidls=("1",)),
        "pop3": MailboxCursor(server_id="it", uidvalidity=1, uid=5),
        "folder": MailboxCursor(server_id="it", uidls=("1",)),
        "mapi": MailboxCursor(server_id="it", uidls=("1",), username="desk@example.test"),
    }[mailbox.protocol]
    mailbox.deliver(1)
    block = opened(mailbox.connector(start_from="now")).next_batch(foreign)
    assert block is not None
    assert (block.mails, block.skipped) == ((), 1)


def test_blocks_hold_remote_mails_that_say_where_they_lie(mailbox: Mailbox, opened: Open) -> None:
    mailbox.deliver(1)
    block = opened(mailbox.connector()).next_batch(None)
    assert block is not None
    (mail,) = block.mails
    assert isinstance(mail, RemoteMail)
    assert mail.locator.startswith(mailbox.locator)
    assert mail.locator.endswith(f"={mail.handle}")


# IMAP's cursor is one number, and that of Graph forgets the mails that were read first.
@pytest.mark.parametrize("mailbox", _params(KINDS.keys() - {"imap", "mapi-graph"}), indirect=True)
def test_more_mails_than_a_cursor_can_hold_are_told_and_none_is_lost(mailbox: Mailbox, opened: Open) -> None:
    mailbox.deliver(1, 2, 3)
    with pytest.raises(MailServerError) as caught:
        opened(mailbox.connector(Mode(cursor_bytes=5))).next_batch(None)
    assert (caught.value.reason, "after_fetch" in caught.value.text) == (Reason.FOLDER_REFUSED, True)
    assert subjects(*drain(opened(mailbox.connector()))) == [1, 2, 3]
