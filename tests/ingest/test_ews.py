"""A mailbox on Exchange Server, seen through a fake of Exchange Web Services: its list, its mails, and its troubles."""

import logging
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest

from deploy.local.servers.certificates import Kind, make_certificates
from ingest.connectors import base
from ingest.connectors import ews as ews_module
from ingest.connectors.base import WATCH, FetchedBatch, Mode, open_mailbox
from ingest.connectors.ews import EwsConnector
from mailserver.errors import MailServerError
from mailserver.exchange import ews_link
from runtime.net.dialling import dial
from schemas.reasons import Reason
from schemas.servers import MailboxCursor
from schemas.settings import IncomingServer
from tests.exchange.ews_accounts import ADDRESS, account_of
from tests.exchange.ews_chaos import let_loose
from tests.exchange.ews_server import EwsServer, Fault
from tests.exchange.ews_store import Mailbox

MAILS = 200  # among all faults; 1,000 showed no more
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
ODD = b"From: a@example.test\nSubject: bare line feeds\r\n\r\n\x00\xff\xfe 8-bit \r and no line end"


def mail(number: int) -> bytes:
    return b"From: a@example.test\r\nSubject: %d\r\n\r\n..%d\r\n.\r\n" % (number, number)


@pytest.fixture
def ews() -> Iterator[EwsServer]:
    with EwsServer() as server:
        server.account(ADDRESS)
        yield server


@pytest.fixture
def box(ews: EwsServer) -> Mailbox:
    return ews.store.mailbox(ADDRESS)


def deliver(box: Mailbox, *numbers: int) -> None:
    for number in numbers:
        box.deliver(mail(number))


def made(ews: EwsServer, mode: Mode = WATCH, account: dict[str, Any] | None = None, **settings: Any) -> EwsConnector:
    values = {
        "id": "it", "protocol": "mapi", "profile": "exchange", "mailbox": ADDRESS, "start_from": "beginning",
        "call_template": "it", "default_logging_analyst": "anna", **settings,
    }  # fmt: skip
    return EwsConnector(IncomingServer.model_validate(values), account_of(ews, **(account or {})), mode)


@contextmanager
def opened(ews: EwsServer, *args: Any, **settings: Any) -> Iterator[EwsConnector]:
    connector = made(ews, *args, **settings)
    try:
        open_mailbox(connector)
        yield connector
    finally:
        connector.close()


def drain(
    connector: EwsConnector, cursor: MailboxCursor | None = None, room: int = base.BATCH_BYTES
) -> list[FetchedBatch]:
    blocks = []
    while (block := connector.next_batch(cursor, room)) is not None:
        blocks.append(block)
        cursor = block.cursor
    return blocks


def numbers(*blocks: FetchedBatch) -> list[int]:
    return [int(one.raw.split(b"Subject: ")[1].split(b"\r\n")[0]) for block in blocks for one in block.mails]


def refusal(ews: EwsServer, *args: Any, **settings: Any) -> MailServerError:
    with pytest.raises(MailServerError) as caught, opened(ews, *args, **settings) as connector:
        drain(connector)
    return caught.value


def test_any_bytes_come_as_they_are_stored(ews: EwsServer, box: Mailbox) -> None:
    raws = [ODD, b"", b"x", bytes(range(256)) * 300]
    for raw in raws:
        box.deliver(raw)
    with opened(ews) as connector:
        (block,) = drain(connector)
    assert [one.raw for one in block.mails] == raws
    assert [one.internal_date for one in block.mails] == [item.received for item in box.by_name["inbox"].items.values()]


@pytest.mark.parametrize(("after", "read", "left", "deleted", "done"), [
    ("leave", 0, 2, 0, 0), ("seen", 2, 2, 0, 0), ("delete", 0, 0, 2, 0), ("move", 0, 0, 0, 2),
])  # fmt: skip
def test_fetched_mails_are_settled_as_is_wanted(
    after: str, read: int, left: int, deleted: int, done: int, ews: EwsServer, box: Mailbox
) -> None:
    target = box.subfolder("Done")
    deliver(box, 1, 2)
    with opened(ews, after_fetch=after, move_to="Inbox/done" if after == "move" else None) as connector:
        (block,) = drain(connector)
        deliver(box, 3)
        connector.apply_after_fetch(block)
        assert numbers(*drain(connector, block.cursor)) == [3]
    inbox = box.by_name["inbox"].items.values()
    assert (sum(one.is_read for one in inbox), len(inbox) - 1) == (read, left)
    assert (len(box.by_name["deleteditems"].items), len(target.items)) == (deleted, done)


def test_a_folder_is_read_by_its_path_and_no_other(ews: EwsServer, box: Mailbox) -> None:
    team = box.subfolder("Team & Co <1>", "msgfolderroot")
    inner = box.make("Open", team.id)
    deliver(box, 1)
    inner.add(type(box.deliver(mail(9)))(mail(2), box.now()))
    with opened(ews, folder="Team & Co <1>/Open") as connector:
        assert numbers(*drain(connector)) == [2]
    error = refusal(ews, folder="Team & Co <1>/Closed")
    assert (error.reason, error.temporary) == (Reason.FOLDER_REFUSED, False)
    assert "'Team & Co <1>/Closed'" in error.text
    assert refusal(ews, after_fetch="move", move_to="Nowhere").reason is Reason.FOLDER_REFUSED


def test_pages_are_read_on_where_a_kill_left_off(ews: EwsServer, box: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each block by a connector of its own, and each cursor taken up twice."""
    monkeypatch.setattr(base, "BATCH_MAILS", 3)
    monkeypatch.setattr("mailserver.exchange.ews.MAX_CHANGES", 5)
    deliver(box, *range(1, 14))
    seen: list[int] = []
    cursor = None
    while True:
        for _ in range(2):
            with opened(ews) as connector:
                block = connector.next_batch(cursor)
        if block is None:
            break
        seen += numbers(block)
        cursor = block.cursor
    assert seen == list(range(1, 14))


def test_a_first_list_that_begins_with_the_newest_is_put_in_order(ews: EwsServer, box: Mailbox) -> None:
    ews.store.newest_first = True
    deliver(box, 1, 2, 3)
    with opened(ews) as connector:
        assert numbers(*drain(connector)) == [1, 2, 3]


def test_what_other_people_do_in_the_folder_brings_no_mail(ews: EwsServer, box: Mailbox) -> None:
    deliver(box, 1, 2)
    with opened(ews) as connector:
        cursor = drain(connector)[-1].cursor
        inbox = box.by_name["inbox"]
        first, second = inbox.items
        inbox.items[first].is_read = True
        inbox.changes += [("ReadFlagChange", first), ("Update", first)]
        inbox.take(second)
        assert connector.next_batch(cursor) is None
        deliver(box, 3)
        assert numbers(*drain(connector, cursor)) == [3]
    with opened(ews) as connector:
        assert numbers(*drain(connector, cursor)) == [3]


def test_many_changes_without_mail_move_the_cursor_on(
    ews: EwsServer, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailserver.exchange.ews.MAX_CHANGES", 1)
    deliver(box, 1)
    with opened(ews) as connector:
        cursor = drain(connector)[-1].cursor
        inbox = box.by_name["inbox"]
        for _ in range(ews_module.EMPTY_PAGES + 1):
            inbox.take(box.deliver(mail(5)).id)  # leaves nothing to be told
            inbox.take(next(iter(inbox.items))) if len(inbox.items) > 1 else None
            item = inbox.items[next(iter(inbox.items))]
            inbox.changes.append(("Update", item.id))
            inbox.changes.append(("ReadFlagChange", item.id))
        block = connector.next_batch(cursor)
    assert block is not None
    assert block.mails == ()
    assert block.cursor.sync_state not in (None, "", cursor.sync_state)


def test_a_forgotten_state_loses_no_mail_and_leaves_alone_what_was_left_alone(
    ews: EwsServer, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "BATCH_MAILS", 2)
    monkeypatch.setattr("mailserver.exchange.ews.MAX_CHANGES", 3)
    deliver(box, *range(1, 6))
    with opened(ews, start_from="now") as connector:
        first = connector.next_batch(None)
        assert first is not None
        assert (first.mails, first.skipped) == ((), 5)
        deliver(box, 6)
        cursor = drain(connector, first.cursor)[-1].cursor
    deliver(box, *range(7, 14))
    ews.forget_sync_states()
    with opened(ews, start_from="now") as connector:
        block = connector.next_batch(cursor)
        assert block is not None
        assert numbers(block) == [6]
    with opened(ews, start_from="now") as connector:  # killed in the middle of the new list
        blocks = drain(connector, block.cursor)
    assert numbers(*blocks) == list(range(6, 14))
    with opened(ews, start_from="now") as connector:
        assert connector.next_batch(blocks[-1].cursor) is None
        deliver(box, 14)
        assert numbers(*drain(connector, blocks[-1].cursor)) == [14]


def test_a_mail_that_vanishes_between_list_and_fetch_is_gone(ews: EwsServer, box: Mailbox) -> None:
    deliver(box, 1, 2, 3)
    ews.fail("GetItem", call=lambda: box.by_name["inbox"].take(list(box.by_name["inbox"].items)[1]))
    with opened(ews) as connector:
        (block,) = drain(connector)
    assert (numbers(block), block.cursor.owed) == ([1, 3], ())


def test_a_mail_that_is_not_given_is_owed_and_holds_up_no_other(ews: EwsServer, box: Mailbox) -> None:
    deliver(box, 1, 2, 3)
    ews.fail("GetItem", code="ErrorItemCorrupt")
    with opened(ews) as connector:
        (block,) = drain(connector)
        assert numbers(block) == [2, 3]
        (owed,) = block.cursor.owed
        assert "ErrorItemCorrupt" in owed.why
        connector.wait(0, threading.Event())
        (block,) = drain(connector, block.cursor)
    assert (numbers(block), block.cursor.owed) == ([1], ())


def test_a_mail_that_breaks_every_connection_is_owed_in_the_end(ews: EwsServer, box: Mailbox) -> None:
    deliver(box, 1, 2)
    bad = next(iter(box.by_name["inbox"].items)).encode()
    got: list[int] = []
    cursor = suspects = None
    for _ in range(8):
        connector = made(ews)
        connector.suspects = suspects or connector.suspects
        suspects = connector.suspects
        try:
            open_mailbox(connector)
            ews.chaos = lambda operation: (
                Fault(answer="cut") if operation == "GetItem" and bad in ews.bodies[-1] else None
            )
            for block in drain(connector, cursor):
                got += numbers(block)
                cursor = block.cursor
        except MailServerError:
            continue
        finally:
            connector.close()
        break
    assert got == [2]
    assert cursor is not None
    assert [one.why for one in cursor.owed] == ["the connection breaks whenever it is fetched"]


def test_a_throttled_fetch_hands_over_what_has_come_and_then_waits_as_long_as_asked(
    ews: EwsServer, box: Mailbox
) -> None:
    deliver(box, 1, 2, 3)
    ews.fail("GetItem", call=lambda: None)  # the first goes well
    ews.fail("GetItem", busy=33_000)
    with opened(ews) as connector:
        block = connector.next_batch(None)
        assert block is not None
        assert numbers(block) == [1]
        with pytest.raises(MailServerError) as caught:
            connector.next_batch(block.cursor)
    assert (caught.value.reason, caught.value.temporary, caught.value.after) == (Reason.SERVER_DEFERRED, True, 33)
    with opened(ews) as connector:
        assert numbers(*drain(connector, block.cursor)) == [2, 3]


@pytest.mark.parametrize(
    ("operation", "fault", "reason", "temporary", "words"),
    [
        ("SyncFolderItems", {"answer": "doctype"}, Reason.SERVER_UNREACHABLE, True, "document type"),
        ("SyncFolderItems", {"answer": "deep"}, Reason.SERVER_UNREACHABLE, True, "no SOAP envelope"),
        ("SyncFolderItems", {"answer": "no xml"}, Reason.SERVER_UNREACHABLE, True, "well-formed"),
        ("SyncFolderItems", {"answer": "cut"}, Reason.SERVER_UNREACHABLE, True, "broke"),
        ("SyncFolderItems", {"answer": "damaged"}, Reason.SERVER_UNREACHABLE, True, "well-formed"),
        ("SyncFolderItems", {"answer": "lost"}, Reason.SERVER_UNREACHABLE, True, "broke"),
        ("SyncFolderItems", {"answer": "endless"}, Reason.SERVER_UNREACHABLE, True, "more than"),
        ("GetItem", {"answer": "doctype"}, Reason.SERVER_UNREACHABLE, True, "document type"),
        ("GetItem", {"answer": "damaged"}, Reason.SERVER_UNREACHABLE, True, "cannot be used"),
        ("GetItem", {"answer": "cut"}, Reason.SERVER_UNREACHABLE, True, "broke"),
        ("SyncFolderItems", {"status": 503}, Reason.SERVER_DEFERRED, True, "503"),
        ("GetItem", {"status": 401}, Reason.AUTHENTICATION_REFUSED, False, "Check username"),
        ("GetFolder", {"status": 403}, Reason.AUTHENTICATION_REFUSED, False, "EwsEnabled"),
        ("GetFolder", {"status": 404}, Reason.SERVER_UNREACHABLE, False, "Exchange.asmx"),
        ("FindFolder", {"status": 302}, Reason.SERVER_UNREACHABLE, False, "redirects us"),
        ("SyncFolderItems", {"code": "ErrorAccessDenied"}, Reason.FOLDER_REFUSED, False, "full access"),
        ("SyncFolderItems", {"code": "ErrorMailboxStoreUnavailable"}, Reason.SERVER_DEFERRED, True, "left alone"),
        ("SyncFolderItems", {"code": "ErrorOfTheYear2040"}, Reason.SERVER_UNREACHABLE, True, "ErrorOfTheYear2040"),
    ],
)
def test_trouble_is_told_in_words_and_loses_nothing(
    operation: str,
    fault: dict[str, Any],
    reason: Reason,
    temporary: bool,
    words: str,
    ews: EwsServer,
    box: Mailbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mailserver.exchange.ews_http.MAX_ANSWER_BYTES", 1_000_000)
    box.subfolder("Team", "msgfolderroot").add(box.deliver(mail(1)))
    ews.fail(operation, **fault)
    error = refusal(ews, folder="Team")
    assert (error.reason, error.temporary) == (reason, temporary)
    assert words in error.text
    assert ADDRESS in error.text
    ews.faults.clear()
    with opened(ews, folder="Team") as connector:
        assert numbers(*drain(connector)) == [1]


def test_a_list_that_does_not_get_on_is_given_up(ews: EwsServer, box: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver(box, 1, 2)
    monkeypatch.setattr("tests.exchange.ews_store.Folder.since", lambda _self, place, _most: ([], place, False))
    assert "again and again" in refusal(ews).text


def test_a_mail_that_is_shorter_than_its_base64_is_not_taken(ews: EwsServer, box: Mailbox) -> None:
    """Well-formed, and not whole: exchangelib's own parser would take it."""
    box.deliver(b"x" * 10_000)
    ews.fail("GetItem", answer="holed")
    assert "base64" in refusal(ews).text


@pytest.mark.parametrize("impersonation", [True, False])
def test_another_mailbox_is_opened_by_delegation_or_impersonation(impersonation: bool, ews: EwsServer) -> None:
    ews.account("service@example.test", "secret")
    account = {"password": "secret", "username": "service@example.test", "impersonation": impersonation}
    error = refusal(ews, account=account)
    assert error.reason is Reason.FOLDER_REFUSED
    assert "impersonat" in error.text.partition(". ")[2]  # both remedies name it
    if impersonation:
        ews.impersonators.add("service@example.test")
    else:
        ews.delegates["service@example.test"] = {ADDRESS}
    deliver(ews.store.mailbox(ADDRESS), 1)
    with opened(ews, account=account) as connector:
        assert numbers(*drain(connector)) == [1]
    assert set(ews.anchors) == {ADDRESS}


def test_a_mailbox_that_is_not_there_is_told(ews: EwsServer) -> None:
    error = refusal(ews, account={"address": "nobody@example.test", "username": ADDRESS})
    assert (error.reason, error.temporary) == (Reason.FOLDER_REFUSED, False)
    assert "Check mailbox" in error.text


def test_ntlm_over_tls_by_the_profiles_own_authority(tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path)
    (tmp_path / "other").mkdir()
    other = make_certificates(tmp_path / "other")
    with EwsServer(certificates.context(), "ntlm") as ews, ews.ntlm_credentials_of(ADDRESS, "EXAMPLE\\desk"):
        deliver(ews.store.mailbox(ADDRESS), 1)
        account = {"username": "EXAMPLE\\desk", "ca_file": str(certificates.authority)}
        with opened(ews, account=account) as connector:
            steps = [step.take() for step in made(ews, account=account).opening()[:1]]
            assert numbers(*drain(connector)) == [1]
        assert "TLS 1." in steps[0]
        wrong = refusal(ews, account={**account, "password": "wr0ng-one"})
        assert (wrong.reason, wrong.temporary) == (Reason.AUTHENTICATION_REFUSED, False)
        assert "wr0ng-one" not in wrong.text
        untrusted = refusal(ews, account={**account, "ca_file": str(other.authority)})
        assert (untrusted.reason, "ca_file" in untrusted.text) == (Reason.SECURITY_REFUSED, True)


def test_a_token_that_ends_in_mid_fetch_is_renewed_once() -> None:
    with EwsServer(authentication="bearer") as ews:
        deliver(ews.store.add(ADDRESS), 1, 2, 3)
        ews.tokens = {"first": ADDRESS}
        given = ["first"]

        def end() -> None:
            ews.tokens = {"second": ADDRESS}

        def renew() -> bool:
            given.append("second")
            return len(given) == 2

        ews.fail("GetItem", call=end)
        account = {"token": lambda: given[-1], "refused": renew}
        with opened(ews, account=account) as connector:
            assert numbers(*drain(connector)) == [1, 2, 3]
            ews.tokens = {}
            with pytest.raises(MailServerError) as caught:
                connector.next_batch(None)
        assert caught.value.reason is Reason.AUTHENTICATION_REFUSED
        assert given == ["first", "second", "second"]


def test_a_fetch_can_be_broken_off(ews: EwsServer, box: Mailbox) -> None:
    deliver(box, 1)
    asked, released = threading.Event(), threading.Event()

    def hold() -> None:
        asked.set()
        released.wait(20)

    ews.fail("GetItem", call=hold)
    connector = made(ews)
    open_mailbox(connector)

    def break_off() -> None:
        asked.wait(20)
        connector.interrupt()

    timer = threading.Thread(target=break_off)
    timer.start()
    with pytest.raises(MailServerError):
        connector.next_batch(None)
    assert asked.is_set()
    released.set()
    timer.join()
    with pytest.raises(MailServerError):
        connector.next_batch(None)
    connector.close()


def test_a_server_that_says_nothing_is_given_up_in_time(ews: EwsServer, box: Mailbox) -> None:
    deliver(box, 1)
    released = threading.Event()
    with opened(ews, account={"timeout_seconds": 0.5}) as connector:
        ews.fail("SyncFolderItems", call=lambda: released.wait(20))
        with pytest.raises(MailServerError) as caught:
            connector.next_batch(None)
    released.set()
    assert (caught.value.reason, "within 0.5 seconds" in caught.value.text) == (Reason.SERVER_UNREACHABLE, True)


def test_a_test_shows_the_newest_mail_that_bears_the_marker_and_changes_nothing(ews: EwsServer, box: Mailbox) -> None:
    deliver(box, 1, 22, 3)
    with opened(ews, Mode(read_only=True), after_fetch="delete") as connector:
        assert connector.newest("") == mail(3)
        assert connector.newest("22") == mail(22)
        assert connector.newest("4") is None
        connector.apply_after_fetch(connector.next_batch(None))  # type: ignore[arg-type]
    assert {one.is_read for one in box.by_name["inbox"].items.values()} == {False}
    assert len(box.by_name["inbox"].items) == 3


def test_kerberos_says_what_it_needs(ews: EwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gssapi", None)
    error = refusal(ews, account={"authentication": "kerberos"})
    assert (error.reason, "mailcall[kerberos]" in error.text) == (Reason.AUTHENTICATION_REFUSED, True)


def test_an_address_that_is_not_set_is_asked_for_without_a_log_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificates = make_certificates(tmp_path, Kind(hosts=("autodiscover.example.test", "localhost")))
    names: list[str] = []
    with EwsServer(certificates.context()) as ews:
        deliver(ews.account(ADDRESS), 1)

        def dial_here(host: str, _port: int, *more: Any) -> socket.socket:
            names.append(host)
            return dial("127.0.0.1", ews.port, *more)

        monkeypatch.setattr(ews_link, "dial", dial_here)
        with opened(ews, account={"url": None, "ca_file": str(certificates.authority)}) as connector:
            assert numbers(*drain(connector)) == [1]
    assert names[0] == "autodiscover.example.test"
    assert set(names[1:]) == {"localhost"}
    assert ews.asked_openly == [True]


def test_what_exchangelib_would_log_is_not_logged(
    ews: EwsServer, box: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    """Whole requests with their headers, and so passwords and mails."""
    caplog.set_level(logging.DEBUG)
    deliver(box, 1)
    ews.fail("SyncFolderItems", status=418)
    refusal(ews)
    with opened(ews) as connector:
        drain(connector)
    assert [one for one in caplog.records if one.name.startswith("exchangelib")] == []
    assert "Basic" not in caplog.text


def test_nothing_of_it_is_loaded_before_it_is_used() -> None:
    program = "import sys, ingest.connectors, outbound.transports; print({'exchangelib', 'lxml'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_where_the_extra_is_missing_it_is_named(ews: EwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ews", "ews_operations", "ews_requests"):
        monkeypatch.delitem(sys.modules, f"mailserver.exchange.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "exchangelib", None)
    error = refusal(ews)
    assert (error.temporary, "mailcall[ews]" in error.text) == (False, True)


def test_with_every_fault_at_once_no_mail_is_lost_and_none_is_another(ews: EwsServer, box: Mailbox) -> None:
    """Fetched by a reader that is killed at any place and knows only the cursor that it published last."""
    draw = Random(18)
    target = box.subfolder("Done")
    raws = [mail(number) for number in range(MAILS)]
    coming = iter([raws[start : start + 25] for start in range(0, MAILS, 25)])
    let_loose(ews, draw, 0.05)
    got: set[bytes] = set()
    cursor: MailboxCursor | None = None
    for _ in range(1_000):
        for raw in next(coming, ()):
            box.deliver(raw)
        if len(target.items) == MAILS:
            break
        connector = made(ews, after_fetch="move", move_to="Inbox/Done", account={"timeout_seconds": 5})
        try:
            open_mailbox(connector)
            while (block := connector.next_batch(cursor)) is not None:
                got |= {one.raw for one in block.mails}
                killed = draw.choice(("before it settles", "before its cursor is kept", "", "", "", ""))
                if killed != "before it settles":
                    connector.apply_after_fetch(block)
                if killed:
                    break
                cursor = block.cursor
            if block is None and cursor is not None:  # as if the times had come when owed mails are asked for again
                now = [one.model_copy(update={"next_try": LONG_AGO}) for one in cursor.owed]
                cursor = cursor.model_copy(update={"owed": tuple(now)})
        except MailServerError:
            pass
        finally:
            connector.close()
    assert got == set(raws)
    assert sorted(item.raw for item in target.items.values()) == sorted(raws)
