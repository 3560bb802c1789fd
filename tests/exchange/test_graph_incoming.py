"""Mail from Exchange Online by Microsoft Graph, against a fake of the service with every fault that it can have."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy.local.servers.certificates import make_certificates
from ingest import backoff
from ingest.connectors import base, graph_changes, graph_folder, owed
from ingest.connectors.base import FetchedBatch, Mode, open_mailbox
from ingest.connectors.graph import GraphConnector
from ingest.connectors.owed import Suspects
from ingest.server_test import run_server_test
from ingest.watcher import MailboxWatcher
from mailserver.errors import MailServerError
from mailserver.exchange import graph_responses
from mailserver.exchange.account import ExchangeAccount
from schemas import ids
from schemas.reasons import Reason
from schemas.servers import MailboxCursor, ServerTest
from schemas.settings import IncomingServer
from tests.exchange.graph_server import EVERY_ANSWER, READING, GraphServer, Tokens, account_of
from tests.exchange.graph_store import Item
from tests.ingest.odd_servers import mail
from tests.ingest.test_odd_servers import content
from tests.ingest.test_watcher import Broker, surroundings

ADDRESS = "desk@example.test"
ROOM = 20_000


@pytest.fixture
def graph() -> Iterator[GraphServer]:
    with GraphServer([ADDRESS, "other@example.test"]).running() as server:
        yield server


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is owed is asked for again at the next looks, and a service that is away is tried at once."""
    monkeypatch.setattr(owed, "AGAIN_SECONDS", (0, 0, 0, 0, 3600))
    monkeypatch.setattr(backoff, "FIRST_SECONDS", 0.001)
    monkeypatch.setattr(graph_responses, "THROTTLED_SECONDS", 0.001)


def settings(**more: Any) -> IncomingServer:
    values = {
        "id": "it",
        "protocol": "mapi",
        "profile": "exchange",
        "mailbox": ADDRESS,
        "start_from": "beginning",
        "after_fetch": "delete",
        "poll_seconds": 0.01,
        "call_template": "it",
        "default_logging_analyst": "anna",
        **more,
    }
    return IncomingServer.model_validate(values)


def put(graph: GraphServer, *numbers: int, **more: Any) -> list[Item]:
    """Mails received a minute after one another, so that their order is known."""
    first = datetime.now(UTC) - timedelta(days=30)
    return [graph.mailbox.put(mail(n), received=first + timedelta(minutes=n), **more) for n in numbers]


class Reader:
    """Looks at the mailbox as a watcher does, over one connection a session, and keeps what came.

    `dies`: whether its process dies here: then it is another one that looks next.
    """

    def __init__(self, graph: GraphServer, account: ExchangeAccount | None = None, **more: Any) -> None:
        self.settings = settings(**more)
        self.account = account or account_of(graph)
        self.cursor: MailboxCursor | None = None
        self.came: list[bytes] = []
        self.skipped = 0
        self.errors: list[MailServerError] = []
        self.dies: Callable[[], bool] = lambda: False
        self._suspects = Suspects()
        self._unsettled: FetchedBatch | None = None

    def look(self) -> "Reader":
        """One session: everything that there is, each block settled; an error, or a death, ends it."""
        connector = GraphConnector(self.settings, self.account)
        connector.suspects = self._suspects
        try:
            open_mailbox(connector)
            self._settle(connector)
            while (block := connector.next_batch(self.cursor, ROOM)) is not None:
                self._take(connector, block)
        except MailServerError as error:
            self.errors.append(error)
        except _Died:
            self._unsettled = None
        finally:
            connector.close()
        return self

    def _take(self, connector: GraphConnector, block: FetchedBatch) -> None:
        self._live()
        self.came += map(content, block.mails)
        self.skipped += block.skipped
        self._unsettled = block
        self._live()
        self._settle(connector)

    def _settle(self, connector: GraphConnector) -> None:
        if self._unsettled is None:
            return
        connector.apply_after_fetch(self._unsettled)
        self._live()
        # as its topic keeps it
        self.cursor = MailboxCursor.model_validate_json(self._unsettled.cursor.model_dump_json())
        self._unsettled = None

    def _live(self) -> None:
        if self.dies():
            raise _Died


class _Died(Exception):  # noqa: N818 - it is no fault
    pass


def numbers(raws: list[bytes]) -> list[int]:
    return [int(raw.partition(b"Subject: Mail ")[2].split(b"\r\n")[0]) for raw in raws]


def folder(graph: GraphServer, name: str) -> list[int]:
    return numbers([item.raw for item in graph.mailbox.mails(name)])


# ---- as it should be ----


def test_a_mailbox_is_read_in_the_order_of_receipt_and_each_request_is_needed(graph: GraphServer) -> None:
    put(graph, *range(250, 0, -1))
    reader = Reader(graph, after_fetch="leave").look()
    assert numbers(reader.came) == list(range(1, 251))
    assert graph.most_at_once == 1
    contents = [one for one in graph.requests if one.endswith("/$value")]
    assert len(contents) == 250
    # the folder, one page of delta and one of a listing; and delta once more, which has nothing
    assert len(graph.requests) - len(contents) == 4


def test_what_came_meanwhile_is_asked_for_from_the_delta_link_on(graph: GraphServer) -> None:
    put(graph, 1, 2)
    reader = Reader(graph, after_fetch="leave").look()
    put(graph, 3)
    graph.requests.clear()
    assert numbers(reader.look().came) == [1, 2, 3]
    assert "$deltatoken=" in graph.requests[1]
    assert reader.cursor is not None and reader.cursor.delta and graph.url in reader.cursor.delta


def test_the_delta_link_moves_on_once_all_that_it_told_of_is_fetched(
    graph: GraphServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "BATCH_MAILS", 2)
    put(graph, 1, 2, 3, 4, 5)
    connector = GraphConnector(settings(after_fetch="leave"), account_of(graph))
    open_mailbox(connector)
    cursors: list[MailboxCursor] = []
    while (block := connector.next_batch(cursors[-1] if cursors else None)) is not None:
        cursors.append(block.cursor)
    connector.close()
    assert [bool(cursor.delta) for cursor in cursors] == [False, False, True]


def test_the_ids_asked_for_are_the_default_ones(graph: GraphServer) -> None:
    """A mail that was moved away and back has another id then, so that delta tells of it."""
    (item,) = put(graph, 1)
    reader = Reader(graph, after_fetch="leave").look()
    archive = graph.mailbox.folder("archive")
    inbox = graph.mailbox.folder("inbox")
    assert archive is not None and inbox is not None
    graph.mailbox.move(graph.mailbox.move(item, archive), inbox)
    reader.look()
    assert numbers(reader.came) == [1, 1]
    assert len({ids.mail_id("it", raw) for raw in reader.came}) == 1


@pytest.mark.parametrize(
    ("after_fetch", "read", "inbox", "deleted"),
    [("leave", [False] * 2, [1, 2], []), ("seen", [True] * 2, [1, 2], []), ("delete", [], [], [1, 2])],
)
def test_after_fetch(
    graph: GraphServer, after_fetch: str, read: list[bool], inbox: list[int], deleted: list[int]
) -> None:
    put(graph, 1, 2)
    Reader(graph, after_fetch=after_fetch).look()
    assert [item.is_read for item in graph.mailbox.mails()] == read
    assert (folder(graph, "inbox"), folder(graph, "deleteditems")) == (inbox, deleted)


def test_folders_by_their_names_and_well_known_names(graph: GraphServer) -> None:
    desk = graph.mailbox.add_folder("Desk's mail", "inbox")
    done = graph.mailbox.add_folder("Done")
    put(graph, 1, folder=desk.id)
    reader = Reader(graph, folder="Inbox/Desk's mail", after_fetch="move", move_to="done").look()
    assert (reader.errors, numbers(reader.came)) == ([], [1])
    assert folder(graph, done.id) == [1]
    put(graph, 2, folder="junkemail")
    assert numbers(Reader(graph, folder="Junk Email").look().came) == [2]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"folder": "Support"}, "there is no folder 'Support': create it, or correct folder"),
        ({"folder": "Inbox/Support"}, "there is no folder 'Inbox/Support'"),
        ({"after_fetch": "move", "move_to": "Done"}, "there is no folder 'Done': create it, or correct move_to"),
        ({"after_fetch": "move", "move_to": "Inbox"}, "after_fetch move would put mail into the folder that is read"),
        ({"folder": "Deleted Items"}, "after_fetch delete would put mail into the folder that is read"),
    ],
)
def test_a_folder_that_is_not_there_is_told(graph: GraphServer, more: dict[str, Any], said: str) -> None:
    put(graph, 1)
    (error,) = Reader(graph, **more).look().errors
    assert said in error.text
    assert (error.reason, error.temporary) == (Reason.FOLDER_REFUSED, False)


def test_the_connection_is_tls_with_the_profiles_own_authority(tmp_path: Path) -> None:
    with GraphServer([ADDRESS], certificates=make_certificates(tmp_path)).running() as graph:
        put(graph, 1)
        result = run_server_test(ServerTest(test_id="t"), settings(), lambda server: looking(server, graph))
        assert [(step.step, step.ok) for step in result.steps] == [
            (name, True) for name in ("connect", "log in", "open mailbox", "newest mail")
        ]
        assert "TLS 1.3" in result.steps[0].status
        assert (result.subject, result.sender) == ("Mail 1", "Clara Quint <clara1@kunde.example>")
        (error,) = Reader(graph, account_of(graph, ca_file=None)).look().errors
    assert error.reason is Reason.SECURITY_REFUSED
    assert "ca_file" in error.text


def looking(server: IncomingServer, graph: GraphServer) -> GraphConnector:
    return GraphConnector(server, account_of(graph), Mode(read_only=True))


def test_a_test_shows_the_newest_mail_or_the_one_with_the_marker_and_changes_nothing(graph: GraphServer) -> None:
    put(graph, 3, 1, 2)
    before = [(item.id, item.is_read, item.change_key) for item in graph.mailbox.mails()]
    newest = run_server_test(ServerTest(test_id="t"), settings(), lambda server: looking(server, graph))
    marked = run_server_test(
        ServerTest(test_id="t", marker="mail 1"), settings(), lambda server: looking(server, graph)
    )
    absent = run_server_test(
        ServerTest(test_id="t", marker="mail 9"), settings(), lambda server: looking(server, graph)
    )
    assert (newest.subject, marked.subject, absent.ok) == ("Mail 3", "Mail 1", False)
    assert [(item.id, item.is_read, item.change_key) for item in graph.mailbox.mails()] == before
    assert {line.split()[0] for line in graph.requests} == {"GET"}


def test_of_a_large_mail_a_test_reads_the_beginning_only(graph: GraphServer) -> None:
    graph.mailbox.put(mail(1, 5_000_000))
    connector = looking(settings(), graph)
    open_mailbox(connector)
    assert connector.newest("") == mail(1, 5_000_000)[: base.SHOWN_BYTES]
    connector.close()


# ---- what the service forgets, hides or does not have ----


@pytest.mark.parametrize("start_from", ["beginning", "now"])
def test_a_lost_delta_link_costs_no_mail_and_brings_none_twice(graph: GraphServer, start_from: str) -> None:
    put(graph, 1, 2)
    reader = Reader(graph, after_fetch="leave", start_from=start_from).look()
    graph.forget_states()
    put(graph, 3)
    reader.look().look()
    assert reader.errors == []
    assert numbers(reader.came) == ([1, 2, 3] if start_from == "beginning" else [3])


def test_what_a_first_look_left_alone_stays_alone_when_all_ids_have_changed(graph: GraphServer) -> None:
    """As after a mailbox was moved to another server."""
    put(graph, 1, 2)
    reader = Reader(graph, after_fetch="leave", start_from="now").look()
    assert reader.skipped == 2
    put(graph, 3)
    inbox = graph.mailbox.folder("inbox")
    assert inbox is not None
    for item in graph.mailbox.mails():
        graph.mailbox.move(item, inbox)
    graph.forget_states()
    assert numbers(reader.look().came) == [3]


def test_an_old_mail_that_is_moved_into_the_folder_is_new(graph: GraphServer) -> None:
    put(graph, 5)
    reader = Reader(graph, after_fetch="leave", start_from="now").look()
    put(graph, 1)
    assert numbers(reader.look().came) == [1]


def test_a_cloud_without_delta_is_read_by_listings(graph: GraphServer) -> None:
    graph.faults = {"no delta": 1.0}
    put(graph, 1, 2)
    reader = Reader(graph, after_fetch="leave").look()
    put(graph, 3)
    reader.look().look()
    assert (reader.errors, numbers(reader.came)) == ([], [1, 2, 3])


def test_without_delta_every_mail_is_known_or_it_is_told(graph: GraphServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_changes, "MOST_KNOWN", 4)
    graph.faults = {"no delta": 1.0}
    put(graph, *range(1, 11))
    reader = Reader(graph, after_fetch="leave").look().look()
    assert (reader.errors, numbers(reader.came)) == ([], list(range(1, 11)))
    connector = GraphConnector(settings(after_fetch="leave"), account_of(graph), Mode(cursor_bytes=100))
    open_mailbox(connector)
    with pytest.raises(MailServerError, match="more than a cursor can hold") as caught:
        connector.next_batch(None)
    connector.close()
    assert caught.value.reason is Reason.FOLDER_REFUSED


def test_a_mailbox_under_a_new_name_is_read_on(graph: GraphServer) -> None:
    put(graph, 1)
    reader = Reader(graph, after_fetch="leave", start_from="now").look()
    put(graph, 2)
    renamed = "support@example.test"
    graph.mailboxes[renamed] = graph.mailboxes.pop(ADDRESS)
    reader.settings, reader.account = settings(mailbox=renamed, after_fetch="leave"), account_of(graph, renamed)
    assert (numbers(reader.look().came), reader.errors) == ([2], [])
    other = settings(mailbox="other@example.test", after_fetch="leave", start_from="now")
    put_there = graph.mailboxes["other@example.test"].put
    put_there(mail(3))
    reader.settings, reader.account = other, account_of(graph, "other@example.test")
    assert (numbers(reader.look().came), reader.skipped) == ([2], 2)


def test_a_mail_that_delta_does_not_tell_of_is_found_by_a_listing(
    graph: GraphServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph.faults = {"delta misses": 1.0}
    put(graph, 1)
    connector = GraphConnector(settings(after_fetch="leave"), account_of(graph))
    open_mailbox(connector)
    first = connector.next_batch(None)
    assert first is not None and len(first.mails) == 1
    put(graph, 2)
    assert connector.next_batch(first.cursor) is None  # the next listing is due in ten minutes
    monkeypatch.setattr(connector._changes, "_list_at", 0.0)
    second = connector.next_batch(first.cursor)
    connector.close()
    assert second is not None and numbers(list(map(content, second.mails))) == [2]


def test_mails_that_people_change_do_not_come_again(graph: GraphServer) -> None:
    """Where the service tells of every change, though it was asked for new mails only."""
    graph.faults = {"delta tells changes": 1.0}
    put(graph, 1, 2)
    reader = Reader(graph, after_fetch="leave").look()
    for item in graph.mailbox.mails():
        item.is_read = True
    reader.look()
    assert numbers(reader.came) == [1, 2]


def test_a_cursor_knows_the_last_mails_and_forgets_the_first(
    graph: GraphServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_changes, "MOST_KNOWN", 10)
    put(graph, *range(1, 31))
    reader = Reader(graph, after_fetch="leave").look()
    assert numbers(reader.came) == list(range(1, 31))
    assert reader.cursor is not None and len(reader.cursor.uidls) == 10
    put(graph, 31)
    assert numbers(reader.look().look().came) == list(range(1, 32))


def test_mails_that_are_gone_are_forgotten_after_two_listings(
    graph: GraphServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_changes, "LISTING_SECONDS", 0.0)
    items = put(graph, 1, 2, 3)
    connector = GraphConnector(settings(after_fetch="leave"), account_of(graph))
    open_mailbox(connector)
    cursor, known = None, []
    for number in (4, 5, 6):
        while (block := connector.next_batch(cursor)) is not None:
            cursor = block.cursor
        assert cursor is not None
        known.append(len(cursor.uidls))
        for item in items[:1]:
            graph.mailbox.remove(item)
        items.clear()
        put(graph, number)
    connector.close()
    assert known == [3, 4, 4]  # 1, 2, 3; then 4 as well; then 2, 3, 4, 5


# ---- bad input: named in words ----


def test_a_token_that_is_refused(graph: GraphServer) -> None:
    put(graph, 1)
    (error,) = Reader(graph, account_of(graph, tokens=Tokens("wrong", most=1))).look().errors
    assert (error.reason, error.temporary) == (Reason.AUTHENTICATION_REFUSED, False)
    assert "HTTP status 401, InvalidAuthenticationToken" in error.text
    assert "tenant, client_id and the secret" in error.text


def test_a_clock_that_is_off_is_told_where_tokens_are_refused(graph: GraphServer) -> None:
    graph.now = lambda: datetime.now(UTC) + timedelta(hours=1)
    (error,) = Reader(graph, account_of(graph, tokens=Tokens("wrong", most=1))).look().errors
    assert "The clock of this machine is 3600 seconds behind" in error.text or "3599 seconds behind" in error.text


def test_a_mailbox_without_the_right_to_it_is_told_from_a_wrong_log_in(graph: GraphServer) -> None:
    graph.closed.add(ADDRESS)
    (error,) = Reader(graph).look().errors
    assert (error.reason, error.temporary) == (Reason.FOLDER_REFUSED, False)
    assert "403, ErrorAccessDenied" in error.text and "Mail.ReadWrite" in error.text


def test_a_mailbox_that_does_not_exist(graph: GraphServer) -> None:
    account = account_of(graph, "nobody@example.test")
    (error,) = Reader(graph, account, mailbox="nobody@example.test").look().errors
    assert "404, ErrorInvalidUser" in error.text and "Check mailbox" in error.text
    assert not error.temporary


@pytest.mark.parametrize("fault", ["429", "503"])
def test_throttled_with_the_time_that_the_service_asks_for(graph: GraphServer, fault: str) -> None:
    graph.faults, graph.retry_after = {fault: 1.0}, "17"
    (error,) = Reader(graph).look().errors
    assert (error.reason, error.temporary, error.after) == (Reason.SERVER_DEFERRED, True, 17.0)
    assert "asks to be left alone for a while" in error.text
    moment = datetime.now(UTC) + timedelta(seconds=100)
    graph.retry_after = moment.strftime("%a, %d %b %Y %H:%M:%S GMT")
    (error,) = Reader(graph).look().errors
    assert 90 < error.after <= 100


def test_throttled_without_a_time(graph: GraphServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_responses, "THROTTLED_SECONDS", 10.0)
    for said in ("", "soon", "9" * 400, "-3"):
        graph.faults, graph.retry_after = {"429": 1.0}, said
        (error,) = Reader(graph).look().errors
        assert error.after == 10.0


@pytest.mark.parametrize(
    ("fault", "reason", "said"),
    [
        ("no JSON", Reason.SERVER_UNREACHABLE, "something that is no JSON"),
        ("foreign link", Reason.SECURITY_REFUSED, "leads to graph.elsewhere.example, where nothing was sent"),
        ("page loop", Reason.SERVER_UNREACHABLE, "lead in a circle"),
        ("truncated", Reason.SERVER_UNREACHABLE, "too early"),
        ("dropped", Reason.SERVER_UNREACHABLE, "broke"),
        ("500", Reason.SERVER_UNREACHABLE, "HTTP status 500, ErrorInternalServerError"),
    ],
)
def test_odd_answers(
    graph: GraphServer, monkeypatch: pytest.MonkeyPatch, fault: str, reason: Reason, said: str
) -> None:
    monkeypatch.setattr(graph_folder, "DELTA_PAGE_MAILS", 2)
    put(graph, *range(1, 8))
    graph.faults = {fault: 1.0}
    reader = Reader(graph).look()
    (error,) = reader.errors
    assert (error.reason, error.temporary) == (reason, True)
    assert said in error.text
    graph.faults = {}
    assert numbers(reader.look().came) == list(range(1, 8))


def test_pages_that_bring_nothing_new_end(graph: GraphServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A circle whose addresses are all different ones."""
    monkeypatch.setattr(graph_folder, "MOST_BARREN_PAGES", 3)
    put(graph, 1)
    counter = iter(range(1_000))
    answer = graph.answer

    def circling(asked: Any) -> Any:
        given = answer(asked)
        if given is not None and "delta" in asked.path:
            link = f'"@odata.nextLink": "{graph.url}v1.0{asked.path.removeprefix("/v1.0")}?n={next(counter)}"'
            given.body = given.body.replace(b'"@odata.deltaLink"', link.encode() + b', "_"')
        return given

    monkeypatch.setattr(graph, "answer", circling)
    (error,) = Reader(graph).look().errors
    assert "lead in a circle" in error.text
    assert next(counter) < 10


def test_a_mail_of_40_megabytes_comes_whole_and_the_next_one_too(graph: GraphServer) -> None:
    large = mail(1, 40_000_000)
    graph.mailbox.put(large, received=datetime.now(UTC) - timedelta(days=1))
    put(graph, 2)
    reader = Reader(graph).look()
    assert set(reader.came) == {large, mail(2)}
    assert sorted(folder(graph, "deleteditems")) == [1, 2]


def test_a_mail_that_vanishes_between_listing_and_fetching(graph: GraphServer) -> None:
    put(graph, 1, 2, 3)
    connector = GraphConnector(settings(after_fetch="leave"), account_of(graph))
    open_mailbox(connector)
    graph.faults = {"404 for content": 1.0}
    assert connector.next_batch(None) is None
    graph.faults = {}
    connector.close()
    assert numbers(Reader(graph, after_fetch="leave").look().came) == [1, 2, 3]


def test_mails_that_are_all_gone_hold_up_no_others(graph: GraphServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "BATCH_MAILS", 2)
    items = put(graph, 1, 2, 3, 4, 5)
    for item in items[:4]:
        graph.not_given[item.id] = 404, "ErrorItemNotFound"
    connector = GraphConnector(settings(), account_of(graph))
    open_mailbox(connector)
    block = connector.next_batch(None)
    connector.close()
    assert block is not None and numbers(list(map(content, block.mails))) == [5]


def test_sizes_that_are_announced_too_small_fill_no_memory(graph: GraphServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_folder, "QUERY", "$select=receivedDateTime")  # no size is told then
    first = datetime.now(UTC) - timedelta(days=1)
    for number in range(1, 7):
        graph.mailbox.put(mail(number, 9_000), received=first + timedelta(minutes=number))
    reader = Reader(graph, after_fetch="leave")
    connector = GraphConnector(reader.settings, reader.account)
    open_mailbox(connector)
    blocks, cursor = [], None
    while (block := connector.next_batch(cursor, ROOM)) is not None:
        blocks.append(numbers(list(map(content, block.mails))))
        cursor = block.cursor
    connector.close()
    assert blocks == [[1, 2, 3], [4, 5, 6]]


def test_a_token_that_ends_in_mid_fetch_is_replaced_once(graph: GraphServer) -> None:
    put(graph, *range(1, 21))
    graph.faults = {"token refused": 0.3}
    tokens = Tokens()
    reader = Reader(graph, account_of(graph, tokens=tokens))
    for _ in range(20):
        reader.look()
    assert sorted(numbers(reader.came)) == list(range(1, 21))
    assert tokens.newest != "token-1"


@pytest.mark.parametrize("status", [400, 500, 504])
def test_a_mail_that_is_not_given_is_owed_and_holds_up_no_other(graph: GraphServer, status: int) -> None:
    items = put(graph, 1, 2, 3)
    graph.not_given[items[1].id] = status, "ErrorMimeContentConversionFailed"
    reader = Reader(graph, after_fetch="leave")
    for _ in range(6):
        reader.look()
    assert sorted(numbers(reader.came)) == [1, 3]
    assert reader.cursor is not None
    (named,) = reader.cursor.owed
    assert named.handle == items[1].id and named.why
    graph.not_given.clear()
    reader.cursor = reader.cursor.model_copy(
        update={"owed": (named.model_copy(update={"next_try": datetime.now(UTC)}),)}
    )
    reader.look().look()
    assert sorted(numbers(reader.came)) == [1, 2, 3]
    assert reader.cursor is not None and not reader.cursor.owed


def test_an_owed_mail_that_is_gone_is_owed_no_more(graph: GraphServer) -> None:
    items = put(graph, 1)
    graph.not_given[items[0].id] = 400, "ErrorItemCorrupt"
    reader = Reader(graph).look()
    assert reader.cursor is not None and len(reader.cursor.owed) == 1
    graph.mailbox.remove(items[0])
    reader.look()
    assert reader.cursor is not None and not reader.cursor.owed


def test_a_wait_for_a_slow_answer_is_broken_off(graph: GraphServer) -> None:
    graph.slow_seconds = 30
    connector = GraphConnector(settings(), account_of(graph))
    open_mailbox(connector)
    graph.faults = {"slow": 1.0}
    timer = threading.Timer(0.2, connector.interrupt)
    timer.start()
    began = time.monotonic()
    with pytest.raises(MailServerError):
        connector.next_batch(None)
    assert time.monotonic() - began < 10
    connector.close()


# ---- all at once ----


def watcher_of(
    graph: GraphServer, broker: Broker, directory: Path, address: str = ADDRESS, **more: Any
) -> MailboxWatcher:
    account = account_of(graph, address)
    around = surroundings(broker, directory, lambda server: GraphConnector(server, account))
    return MailboxWatcher(settings(mailbox=address, **more), None, around)


def test_a_mailbox_in_trouble_holds_up_no_other(graph: GraphServer, tmp_path: Path) -> None:
    graph.closed.add(ADDRESS)
    other = graph.mailboxes["other@example.test"]
    other.put(mail(1))
    brokers = [Broker(), Broker()]
    with ExitStack() as stack:
        for broker, address in zip(brokers, graph.mailboxes, strict=True):
            watcher = watcher_of(graph, broker, tmp_path, address)
            watcher.start()
            stack.callback(watcher.join, 10)
            stack.callback(watcher.stop)
        brokers[1].wait_until(lambda: brokers[1].mails() == [mail(1)] and not other.mails())
        brokers[0].wait_until(lambda: "unreachable" in brokers[0].states())
        status = brokers[0].statuses()[-1]
        assert status.reason is Reason.FOLDER_REFUSED
        assert "403" in str(status.last_error)


EVERYTHING = {**dict.fromkeys(EVERY_ANSWER, 0.01), **dict.fromkeys(READING, 0.04), "404 for content": 0.01}


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("after_fetch", "mails", "happens"), [("delete", 300, set(EVERY_ANSWER)), ("leave", 300, {"410"})]
)
def test_with_every_fault_at_once_and_twenty_deaths_no_mail_is_lost(
    graph: GraphServer, monkeypatch: pytest.MonkeyPatch, after_fetch: str, mails: int, happens: set[str]
) -> None:
    monkeypatch.setattr(graph_folder, "DELTA_PAGE_MAILS", mails // 6)
    monkeypatch.setattr(base, "BATCH_MAILS", 10)
    graph.slow_seconds, graph.faults = 0.001, EVERYTHING
    draw = random.Random(11)
    deaths: list[int] = []
    reader = Reader(graph, after_fetch=after_fetch)

    def dies() -> bool:
        if len(deaths) == 20 or draw.random() > 0.2:
            return False
        deaths.append(len(reader.came))
        return True

    reader.dies = dies
    put(graph, *range(1, mails - 49))
    for _ in range(2_000):
        reader.look()
        if len(set(reader.came)) == mails - 50:
            break
    put(graph, *range(mails - 49, mails + 1))
    for _ in range(2_000):
        reader.look()
        if len(set(reader.came)) == mails:
            break
    assert sorted(set(numbers(reader.came))) == list(range(1, mails + 1))
    known = {ids.mail_id("it", raw) for raw in reader.came}
    assert known == {ids.mail_id("it", mail(number)) for number in range(1, mails + 1)}
    assert len(deaths) == 20
    assert len(reader.came) <= mails + 10 * len(deaths)  # a death costs the block in hand once more, and nothing else
    assert {fault for fault in happens if not graph.happened[fault]} == set()
    graph.faults = {}
    reader.look()
    assert len(graph.mailbox.mails("inbox" if after_fetch == "leave" else "deleteditems")) == mails


@pytest.mark.timeout(400)
def test_a_watcher_brings_all_mails_with_every_fault_at_once(graph: GraphServer, tmp_path: Path) -> None:
    put(graph, *range(1, 201))
    graph.faults, graph.slow_seconds = EVERYTHING, 0.001
    broker = Broker()
    watcher = watcher_of(graph, broker, tmp_path)
    watcher.start()
    try:
        broker.wait_until(lambda: len(graph.mailbox.mails("deleteditems")) == 200, 120)
    finally:
        watcher.stop()
        assert watcher.join(10)
    assert set(broker.mails()) == {mail(n) for n in range(1, 201)}
