"""Servers that do not give a mail, or not whole, or say strange things around it: all of it comes, or it is named."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ingest import backoff
from ingest import context as memory
from ingest.connectors import connector_for, owed, remote_mail
from ingest.connectors.base import open_mailbox
from ingest.connectors.remote_mail import RemoteMail
from ingest.watcher import MailboxWatcher
from mailserver.errors import MailServerError
from mailserver.sasl import Credentials
from runtime.telemetry.metrics import INCOMING_SERVER_NOT_GIVEN
from schemas import ids
from schemas.reasons import Reason
from schemas.servers import MailboxCursor
from schemas.settings import IncomingServer
from tests.captured_logs import capture_logs
from tests.contract.loops import until
from tests.ingest.looking import look
from tests.ingest.odd_servers import (
    FOR_EVER,
    HARMLESS,
    IMAP_FAULTS,
    ONCE,
    PIECES,
    POP3_FAULTS,
    OddImap,
    OddMail,
    OddPop3,
    OddServer,
    odd_mail,
    odd_mails,
)
from tests.ingest.test_hostile_servers import pop3_server
from tests.ingest.test_watcher import Broker, surroundings

FAULTS = {"imap": IMAP_FAULTS, "pop3": POP3_FAULTS}
EACH_FAULT = [(protocol, fault) for protocol, faults in FAULTS.items() for fault in sorted(faults)]
LASTING = [(protocol, fault) for protocol, fault in EACH_FAULT if fault not in HARMLESS | ONCE]
ROOM = 20_000

Serving = Callable[..., OddServer]
Settings = Callable[..., IncomingServer]


@pytest.fixture
def serving() -> Iterator[Serving]:
    """Starts a server of a protocol with these mails."""
    with ExitStack() as stack:

        def start(protocol: str, mails: Sequence[OddMail], trouble: float = 0.0) -> OddServer:
            kind = OddImap if protocol == "imap" else OddPop3
            return stack.enter_context(kind(mails, random.Random(7), trouble=trouble).running())

        yield start


@pytest.fixture
def settings_of(incoming_server: Any) -> Callable[[str, OddServer], IncomingServer]:
    def make(protocol: str, server: OddServer) -> IncomingServer:
        made = incoming_server(protocol=protocol, port=server.port, after_fetch="delete", poll_seconds=0.01)
        assert isinstance(made, IncomingServer)
        return made

    return make


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is owed is asked for again at the next looks, and a server that is away is tried at once."""
    monkeypatch.setattr(owed, "AGAIN_SECONDS", (0, 0, 0, 0, 3600))
    monkeypatch.setattr(backoff, "FIRST_SECONDS", 0.001)


def session(settings: IncomingServer, cursor: MailboxCursor | None) -> tuple[list[bytes], MailboxCursor | None]:
    """One connection: everything that there is, each block settled; a connection that breaks ends it."""
    connector = connector_for(settings, Credentials("desk", "s3cret"))
    came: list[bytes] = []
    try:
        open_mailbox(connector)
        while (block := connector.next_batch(cursor, ROOM)) is not None:
            came += map(content, block.mails)
            cursor = MailboxCursor.model_validate_json(block.cursor.model_dump_json())  # as its topic keeps it
            connector.apply_after_fetch(block)
    except MailServerError as error:
        assert error.reason is Reason.SERVER_UNREACHABLE and error.temporary
    finally:
        connector.close()
    return came, cursor


def content(one: RemoteMail) -> bytes:
    if one.spool is None:
        return one.raw
    one.spool.seek(0)
    return one.spool.read()


@pytest.mark.parametrize(("protocol", "fault"), EACH_FAULT)
def test_a_fault_that_passes_costs_no_mail(serving: Serving, settings_of: Any, protocol: str, fault: str) -> None:
    mails = [odd_mail(n, fault if n == 2 else "", times=1, large=fault in PIECES) for n in (1, 2, 3)]
    server = serving(protocol, mails)
    cursor, came = None, []
    for _ in range(3):
        more, cursor = session(settings_of(protocol, server), cursor)
        came += more
    expected = {one.raw for one in mails if one.fault != "taken away"}
    assert set(came) == expected
    assert len(came) == len(expected)
    assert not server.mails
    assert cursor is not None and cursor.owed == ()


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize(("protocol", "fault"), LASTING)
def test_a_mail_that_is_never_given_is_named_stays_and_holds_up_no_other(
    serving: Serving, settings_of: Any, protocol: str, fault: str
) -> None:
    mails = [odd_mail(n, fault if n == 2 else "", times=FOR_EVER) for n in (1, 2, 3)]
    server = serving(protocol, mails)
    cursor, came = None, []
    for _ in range(3):
        more, cursor = session(settings_of(protocol, server), cursor)
        came += more
    assert sorted(came) == sorted([mails[0].raw, mails[2].raw])
    assert list(server.mails) == [2]
    assert cursor is not None
    (named,) = cursor.owed
    assert named.tries == 3
    assert named.why


@pytest.mark.parametrize(("protocol", "fault"), LASTING)
def test_a_mail_is_asked_for_less_and_less_often(serving: Serving, settings_of: Any, protocol: str, fault: str) -> None:
    server = serving(protocol, [odd_mail(1, fault, times=FOR_EVER)])
    _, first = session(settings_of(protocol, server), None)
    _, second = session(settings_of(protocol, server), first)
    _, third = session(settings_of(protocol, server), second)
    assert first is not None and second is not None
    assert [one.tries for one in (*first.owed, *second.owed)] == [1, 2]
    assert third == second  # a minute has to pass


@pytest.mark.parametrize("protocol", FAULTS)
def test_a_mail_that_is_owed_and_taken_out_of_the_mailbox_is_owed_no_more(
    serving: Serving, settings_of: Any, protocol: str
) -> None:
    refusal = "NO, the others given" if protocol == "imap" else "refused"
    server = serving(protocol, [odd_mail(1, refusal, FOR_EVER), odd_mail(2, refusal, FOR_EVER)])
    _, cursor = session(settings_of(protocol, server), None)
    _, cursor = session(settings_of(protocol, server), cursor)
    assert cursor is not None and len(cursor.owed) == 2
    del server.mails[1]
    _, cursor = session(settings_of(protocol, server), cursor)
    assert cursor is not None
    assert [one.handle for one in cursor.owed] == ["2" if protocol == "imap" else "uid-2"]


@pytest.mark.parametrize("fault", sorted(PIECES))
def test_a_large_mail_in_odd_pieces_comes_in_few_commands(serving: Serving, settings_of: Any, fault: str) -> None:
    large = odd_mail(1, fault, times=FOR_EVER, large=True)
    server = serving("imap", [large])
    came, _ = session(settings_of("imap", server), None)
    assert came == [large.raw]
    asked = [command for command in server.commands if b"BODY.PEEK" in command]
    assert len(asked) <= (10 if fault == "short pieces" else 4)


def test_an_imap_server_without_faults_is_asked_once_a_block(serving: Serving, settings_of: Any) -> None:
    server = serving("imap", [odd_mail(n, "", 0) for n in range(1, 251)])
    came, _ = session(settings_of("imap", server), None)
    assert len(came) == 250
    fetches = [command for command in server.commands if b"UID FETCH" in command]
    assert sum(b"BODY.PEEK[]" in command for command in fetches) == 3
    assert len(fetches) == 3 + 2  # two looks


def test_a_pop3_server_without_faults_is_asked_once_a_mail(serving: Serving, settings_of: Any) -> None:
    server = serving("pop3", [odd_mail(n, "", 0) for n in range(1, 51)])
    came, _ = session(settings_of("pop3", server), None)
    assert len(came) == 50
    words = [command.split()[0] for command in server.commands]
    assert {word: words.count(word) for word in (b"UIDL", b"LIST", b"TOP", b"RETR")} == {
        b"UIDL": 2, b"LIST": 2, b"TOP": 0, b"RETR": 50,
    }  # fmt: skip


def test_a_pop3_mail_that_comes_between_the_listings_is_known_by_its_own_id(serve: Any, incoming_server: Any) -> None:
    """GreenMail 2.1 shows a mail to a session as soon as it has come."""
    mail = b"+OK\r\nSubject: 1\r\n\r\nHello\r\n.\r\n"
    listings = b"+OK\r\n1 21\r\n.\r\n", b"+OK\r\n1 a\r\n2 b\r\n.\r\n"
    block = look(incoming_server(protocol="pop3", port=serve(pop3_server(*listings, mail, mail))))
    assert block is not None
    assert len(block.mails) == 2
    assert block.cursor.uidls == ("a", "b")


@pytest.mark.parametrize("protocol", FAULTS)
def test_a_server_that_gives_hardly_any_mail_is_in_trouble_itself(
    serving: Serving, settings_of: Any, monkeypatch: pytest.MonkeyPatch, protocol: str
) -> None:
    monkeypatch.setattr(owed, "MOST_OWED", 3)
    refusal = "BAD, nothing given" if protocol == "imap" else "refused"
    server = serving(protocol, [odd_mail(n, refusal, FOR_EVER) for n in range(1, 6)])
    connector = connector_for(settings_of(protocol, server), Credentials("desk", "s3cret"))
    open_mailbox(connector)
    with pytest.raises(MailServerError, match="lists more than 3 messages and does not give them") as caught:
        connector.next_batch(None, ROOM)
    connector.close()
    assert caught.value.temporary
    assert len(server.mails) == 5


# ---- watched ----


def watcher_of(settings: IncomingServer, broker: Broker, directory: Path) -> MailboxWatcher:
    return MailboxWatcher(
        settings, None, surroundings(broker, directory, lambda s: connector_for(s, Credentials("desk", "s3cret")))
    )


@pytest.mark.timeout(120)
@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("protocol", FAULTS)
def test_of_a_thousand_mails_with_every_fault_each_comes_whole_or_is_there_and_named(
    serving: Serving, settings_of: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: str
) -> None:
    monkeypatch.setattr(memory, "LEAST_BATCH_BYTES", ROOM)
    monkeypatch.setattr(memory, "BATCH_BYTES", ROOM)
    mails = odd_mails(1_000, FAULTS[protocol], random.Random(13))
    never = {number for number, one in enumerate(mails, 1) if one.is_never_given}
    taken = {one.raw for one in mails if one.fault == "taken away"}
    server, broker = serving(protocol, mails, trouble=0.2), Broker()
    watcher = watcher_of(settings_of(protocol, server), broker, tmp_path)
    assert len(never) > 30 and len({one.fault for one in mails}) == len(FAULTS[protocol]) + 1
    watcher.start()
    try:
        until(
            lambda: server.mails.keys() == never and watcher.cursor and len(watcher.cursor.owed) == len(never),
            "all mails but those that are never given to be fetched and deleted",
        )
    finally:
        watcher.stop()
        assert watcher.join(10)
    expected = {one.raw for number, one in enumerate(mails, 1) if number not in never} - taken
    assert set(broker.mails()) == expected
    assert set(broker.mail_ids()) == {ids.mail_id("it", raw) for raw in expected}
    cursor = broker.cursor()
    assert cursor is not None
    assert {one.handle for one in cursor.owed} >= names(protocol, never, mails)


def names(protocol: str, never: set[int], mails: Sequence[OddMail]) -> set[str]:
    """What they are called. A mail without id and content has only its number of the moment."""
    if protocol == "imap":
        return {str(number) for number in never}
    return {f"uid-{number}" for number in never if mails[number - 1].fault != "no id, refused"}


@pytest.mark.parametrize("protocol", FAULTS)
def test_a_mail_that_is_not_given_stands_in_status_metric_and_log(
    serving: Serving, settings_of: Any, tmp_path: Path, protocol: str
) -> None:
    refusal = "NO, the others given" if protocol == "imap" else "refused"
    server, broker = serving(protocol, [odd_mail(1, refusal, FOR_EVER), odd_mail(2, "", 0)]), Broker()
    handle = "1" if protocol == "imap" else "uid-1"
    settings = settings_of(protocol, server)
    with capture_logs() as logs:
        watcher = watcher_of(settings, broker, tmp_path)
        watcher.start()
        broker.wait_until(lambda: bool(broker.states()[-1:] == ["idle"] and broker.statuses()[-1].not_given))
        assert gauge(settings) == 1
        del server.mails[1]
        broker.wait_until(lambda: not broker.statuses()[-1].not_given)
        assert gauge(settings) == 0
        watcher.stop()
        assert watcher.join(30)
    told = [one.not_given for one in broker.statuses()]
    (named,) = next(lines for lines in told if lines)
    assert named.startswith(f"{handle}: ") and ("FETCHed" in named or "retrieved" in named)
    about = [line for line in logs if line.get("mail") == handle]
    assert [line["log_level"] for line in about] == ["warning", "info"]


def gauge(settings: IncomingServer) -> float:
    return float(INCOMING_SERVER_NOT_GIVEN.labels(settings.id)._value.get())


def test_a_mail_of_which_only_the_beginning_is_kept_stays_on_its_server(
    serving: Serving, settings_of: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "LEAST_BATCH_BYTES", ROOM)
    monkeypatch.setattr(memory, "BATCH_BYTES", ROOM)
    monkeypatch.setattr(remote_mail, "MAX_SPOOL_BYTES", 30_000)
    server, broker = serving("imap", [odd_mail(1, "", 0), odd_mail(2, "", 0, large=True), odd_mail(3, "", 0)]), Broker()
    watcher = watcher_of(settings_of("imap", server), broker, tmp_path)
    watcher.start()
    broker.wait_until(lambda: broker.states()[-1:] == ["idle"])
    watcher.stop()
    assert watcher.join(30)
    assert len(broker.mails()) == 3
    assert list(server.mails) == [2]
