"""A watcher on a real mailbox (Dovecot): what it publishes, when it touches the mailbox, what it does in trouble."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.local.servers.oauth import OAuthServer
from ingest import backoff
from ingest import watcher as watcher_module
from ingest.connectors import connector_for
from ingest.connectors.base import Connector
from ingest.context import MemoryBudget, WatcherContext
from ingest.watcher import MailboxWatcher
from mailserver.credentials import CredentialProvider
from mailserver.errors import MailServerError
from mailserver.oauth import Tokens
from mailserver.sasl import Credentials
from runtime.blobs import BlobStore
from runtime.outages import OutageError
from runtime.telemetry.health import Health
from schemas import ids
from schemas.reasons import Reason
from schemas.servers import MailboxCursor, ServerStatus
from schemas.settings import IncomingServer
from schemas.topics import MAIL_FETCHED, MAILBOX_CURSORS, SERVER_STATUS
from schemas.wire import OutputRecord, Record, decode
from tests.captured_logs import capture_logs
from tests.contract.loops import until
from tests.mailserver.memory_store import Keys, MemoryStore
from tests.ports import CLOSED_PORT


class Broker:
    """Takes what is published; `away` makes it refuse, `tries` counts how often it was asked for mails."""

    def __init__(self) -> None:
        self.published: list[OutputRecord] = []
        self.away = False
        self.tries = 0
        self._changed = threading.Condition()

    def publish(self, messages: list[OutputRecord]) -> None:
        with self._changed:
            self.tries += any(message.topic is MAIL_FETCHED for message in messages)
            if not self.away:
                self.published += messages
            self._changed.notify_all()
            if self.away:
                raise OutageError(Reason.BROKER_AWAY, "away")

    def mails(self) -> list[bytes | None]:
        return [message.value for message in self.published if message.topic is MAIL_FETCHED]

    def mail_ids(self) -> list[str]:
        return [dict(m.headers)["ce_id"].decode() for m in self.published if m.topic is MAIL_FETCHED]

    def cursor(self) -> MailboxCursor | None:
        cursors = [self._decoded(m) for m in self.published if m.topic is MAILBOX_CURSORS]
        return cursors[-1] if cursors else None

    def states(self) -> list[str]:
        return [status.state for status in self.statuses()]

    def statuses(self) -> list[ServerStatus]:
        return [self._decoded(m) for m in self.published if m.topic is SERVER_STATUS]

    def wait_until(self, condition: Callable[[], bool], seconds: float = 20) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, seconds), f"not within {seconds} seconds: {self.states()}"

    @staticmethod
    def _decoded(message: OutputRecord) -> Any:
        return decode(message.topic, Record("t", 0, 0, b"", message.value, message.headers))[1]


@pytest.fixture
def broker() -> Broker:
    return Broker()


def surroundings(
    broker: Broker, blobs: Path, connect: Callable[[IncomingServer], Connector], **more: Any
) -> WatcherContext:
    """Where a watcher publishes to `broker`, its draws are 0, and nothing is known of secrets but what `more` says."""
    given = {"refused": lambda _server: False, "secret": lambda _server: "the same", "draw": lambda: 0.0, **more}
    return WatcherContext(
        connect=connect,
        publish=broker.publish,
        blobs=BlobStore(blobs.as_uri()),
        memory=MemoryBudget(),
        health=Health(),
        **given,
    )


Watch = Callable[..., MailboxWatcher]


@pytest.fixture
def watch(inbox: Any, incoming_server: Any, broker: Broker, tmp_path: Path) -> Iterator[Watch]:
    """Starts a watcher of the inbox."""
    started: list[MailboxWatcher] = []

    def start(
        cursor: MailboxCursor | None = None,
        password: str | None = None,
        accounts: CredentialProvider | None = None,
        **settings: Any,
    ) -> MailboxWatcher:
        """With that password, or with what `accounts` finds."""
        server = incoming_server(**{"port": inbox.dovecot.imap_port, "username": inbox.address, **settings})
        account = Credentials(inbox.address, password or inbox.password)
        known = {"refused": accounts.refused, "secret": accounts.digest} if accounts else {}
        around = surroundings(
            broker,
            tmp_path,
            lambda server: connector_for(server, accounts.credentials(server) if accounts else account),
            **known,
        )
        started.append(MailboxWatcher(server, cursor, around))
        started[-1].start()
        return started[-1]

    yield start
    for watcher in started:
        watcher.stop()
    assert all(watcher.join(30) for watcher in started)


@pytest.fixture(params=["imap", "pop3"])
def protocol(request: pytest.FixtureRequest, inbox: Any) -> dict[str, Any]:
    """Settings of a server that deletes what is fetched, by each protocol."""
    port = getattr(inbox.dovecot, f"{request.param}_port")
    return {"protocol": request.param, "port": port, "after_fetch": "delete", "poll_seconds": 0.2}


def test_mails_that_are_there_and_mails_that_come_are_published(inbox: Any, broker: Broker, watch: Watch) -> None:
    first = inbox.deliver("1")
    watch()
    broker.wait_until(lambda: "idle" in broker.states())
    assert broker.mails() == [first]
    second = inbox.deliver("2")
    broker.wait_until(lambda: broker.mails() == [first, second] and broker.cursor() is not None)
    assert broker.states() == ["starting", "connected", "idle"]


def test_a_mail_is_touched_only_after_the_broker_has_acknowledged_it(
    inbox: Any, broker: Broker, watch: Watch, protocol: dict[str, Any]
) -> None:
    raw = inbox.deliver("1")
    broker.away = True
    watch(**protocol)
    broker.wait_until(lambda: broker.tries >= 3)
    assert inbox.flags() == [set()]
    assert (broker.mails(), broker.cursor()) == ([], None)
    broker.away = False
    broker.wait_until(lambda: broker.cursor() is not None)
    assert broker.mails() == [raw]
    assert inbox.flags() == []


def test_a_watcher_killed_before_its_mails_are_acknowledged_leaves_them_to_the_next(
    inbox: Any, broker: Broker, watch: Watch, protocol: dict[str, Any]
) -> None:
    raw = inbox.deliver("1")
    broker.away = True
    watcher = watch(**protocol)
    broker.wait_until(lambda: broker.tries >= 1)
    watcher.stop()
    assert watcher.join(30)
    assert len(inbox.flags()) == 1
    broker.away = False
    watch(**protocol)
    broker.wait_until(lambda: broker.cursor() is not None)
    assert (broker.mails(), inbox.flags()) == ([raw], [])


def test_with_its_cursor_deleted_a_mailbox_gives_the_same_mail_ids_again(
    inbox: Any, broker: Broker, watch: Watch, protocol: dict[str, Any]
) -> None:
    raws = [inbox.deliver(subject) for subject in "123"]
    settings = {**protocol, "after_fetch": "leave"}
    first = watch(**settings)
    broker.wait_until(lambda: broker.cursor() is not None)
    first.stop()
    assert first.join(30)
    expected = [ids.mail_id("it", raw) for raw in raws]
    assert broker.mail_ids() == expected
    watch(cursor=None, **settings)
    broker.wait_until(lambda: len(broker.mails()) == 6)
    assert broker.mail_ids() == expected + expected


def test_with_its_cursor_a_mailbox_gives_nothing_again(
    inbox: Any, broker: Broker, watch: Watch, protocol: dict[str, Any]
) -> None:
    inbox.deliver("1")
    settings = {**protocol, "after_fetch": "leave"}
    first = watch(**settings)
    broker.wait_until(lambda: broker.cursor() is not None)
    first.stop()
    assert first.join(30)
    watch(cursor=broker.cursor(), **settings)
    broker.wait_until(lambda: broker.states().count("starting") == 2 and broker.states()[-1] == "idle")
    second = inbox.deliver("2")
    broker.wait_until(lambda: len(broker.mails()) >= 2)
    assert broker.mails()[1:] == [second]


def test_a_first_look_from_now_on_is_noted_at_once(inbox: Any, broker: Broker, watch: Watch) -> None:
    inbox.deliver("old")
    watch(start_from="now")
    broker.wait_until(lambda: broker.cursor() is not None)
    new = inbox.deliver("new")
    broker.wait_until(lambda: bool(broker.mails()))
    assert broker.mails() == [new]


def test_a_wrong_password_is_tried_once_and_told(inbox: Any, broker: Broker, watch: Watch) -> None:
    watch(password="wrong")
    broker.wait_until(lambda: "authentication-refused" in broker.states())
    time.sleep(1.5)  # the first back-off of trouble that passes is over by now
    status = broker.statuses()[-1]
    assert broker.states() == ["starting", "authentication-refused"]
    assert (status.reason, status.last_success) == (Reason.AUTHENTICATION_REFUSED, None)
    assert "wrong" not in str(status.last_error)


def test_a_refusal_after_other_trouble_counts_as_the_first_one(
    incoming_server: Any, broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mail server that starts is away first, then refuses everybody, and then knows its accounts."""
    monkeypatch.setattr(backoff, "FIRST_SECONDS", 0.02)
    monkeypatch.setattr(backoff, "PERMANENT_SECONDS", (0.03, 0.04, 900.0))
    troubles = [(Reason.SERVER_UNREACHABLE, True)] * 3 + [(Reason.AUTHENTICATION_REFUSED, False)] * 3

    def connect(_server: IncomingServer) -> Connector:
        reason, temporary = troubles.pop(0)
        raise MailServerError(reason, "trouble", temporary=temporary)

    watcher = MailboxWatcher(incoming_server(), None, surroundings(broker, tmp_path, connect))
    with capture_logs() as logs:
        watcher.start()
        until(lambda: not troubles and len(logs) == 6, "every trouble to be met")
        watcher.stop()
        assert watcher.join(30)
    assert [line["next_try_seconds"] for line in logs] == [0.0, 0.0, 0.0, 0.0, 0.0, 900.0]


def test_a_password_that_is_corrected_where_it_lies_is_taken_up(
    inbox: Any, broker: Broker, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher_module, "SECRET_SECONDS", 0.05)
    monkeypatch.setenv("DESK_PASSWORD", "wrong")
    watch(accounts=CredentialProvider(Keys(), Tokens(Keys(), MemoryStore())))
    broker.wait_until(lambda: "authentication-refused" in broker.states())
    monkeypatch.setenv("DESK_PASSWORD", inbox.password)
    broker.wait_until(lambda: "idle" in broker.states())


def test_a_token_that_the_server_no_longer_takes_is_renewed_at_once(
    inbox: Any, broker: Broker, watch: Watch, oauth: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = oauth.register(inbox.address)
    monkeypatch.setenv("CLIENT_SECRET", client.client_secret or "")
    settings = {"token_url": oauth.token_url, "client_id": client.client_id, "client_secret": {"env": "CLIENT_SECRET"}}
    clock = iter(range(1_000_000, 2_000_000, 100))  # seconds go by at each look
    accounts = CredentialProvider(Keys(), Tokens(Keys(), MemoryStore(), lambda: float(next(clock))))
    login = {"authentication": "sasl-xoauth2", "oauth": settings, "accounts": accounts}
    watcher = watch(**login)
    broker.wait_until(lambda: "idle" in broker.states())
    oauth.end_tokens(client)
    watcher.interrupt()
    broker.wait_until(lambda: broker.states().count("idle") == 2)
    assert broker.states() == [
        "starting", "connected", "idle", "unreachable", "authentication-refused", "connected", "idle",
    ]  # fmt: skip
    assert len(client.requests) == 2


def test_how_many_mails_were_left_alone_stands_in_the_status(inbox: Any, broker: Broker, watch: Watch) -> None:
    for subject in ("1", "2"):
        inbox.deliver(subject)
    first = watch(start_from="now")
    broker.wait_until(lambda: "idle" in broker.states())
    assert broker.statuses()[-1].left_alone == 2
    first.stop()
    assert first.join(30)
    watch(start_from="now", cursor=broker.cursor())
    broker.wait_until(lambda: broker.states().count("idle") == 2)
    assert broker.statuses()[-1].left_alone == 2


@pytest.mark.parametrize(
    "header", [b"Message-ID: <a\r\nb@x.test>", b"Message-ID: <a\r\n\tUID EXPUNGE 1@x.test>", b"\xff: x"]
)
def test_a_mail_whose_header_looks_like_a_command_is_a_mail_like_any_other(
    inbox: Any, broker: Broker, watch: Watch, protocol: dict[str, Any], header: bytes
) -> None:
    raw = header + b"\r\nFrom: ann@example.test\r\nSubject: 1\r\n\r\nHello\r\n"
    inbox.dovecot.deliver(inbox.address, raw)
    inbox.deliver("2")
    watch(**protocol)
    broker.wait_until(lambda: len(broker.mails()) == 2 and inbox.flags() == [])
    assert broker.mails()[0] == raw


@pytest.mark.parametrize("damage", ["larger in its name than it is", "may not be read"])
def test_a_damaged_mail_of_a_real_server_is_named_and_holds_up_no_other(
    inbox: Any, broker: Broker, watch: Watch, protocol: dict[str, Any], damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over IMAP, Dovecot answers such a mail with the end of the connection, whatever else was asked for.

    Over POP3 it refuses the one and gives the other, whole.
    """
    monkeypatch.setattr(backoff, "FIRST_SECONDS", 0.01)
    sound = [inbox.deliver("1"), inbox.deliver("2")]
    damaged = inbox.deliver("damaged")
    sound.append(inbox.deliver("3"))
    store = inbox.dovecot.directory / "mail" / inbox.address / "new"
    (file,) = [file for file in store.iterdir() if b"Subject: damaged" in file.read_bytes()]
    if damage == "may not be read":
        file.chmod(0)
    else:
        file.rename(file.with_name(f"{file.name.partition(',')[0]},S=5000,W=5100"))
    given = protocol["protocol"] == "pop3" and damage != "may not be read"
    watcher = watch(**protocol)
    broker.wait_until(lambda: len(set(broker.mails())) == 3 + given and bool(broker.statuses()[-1].not_given) != given)
    watcher.stop()
    assert watcher.join(30)
    assert set(broker.mails()) == {*sound, *([damaged] if given else [])}
    cursor = broker.cursor()
    assert cursor is not None
    assert len(cursor.owed) == len(inbox.flags()) == (0 if given else 1)


def test_a_server_that_is_away_is_told_and_tried_again(inbox: Any, broker: Broker, watch: Watch) -> None:
    watch(port=CLOSED_PORT)
    broker.wait_until(lambda: "unreachable" in broker.states())
    assert "refused" in str(broker.statuses()[-1].last_error)


def test_a_stop_in_idle_ends_it_at_once_and_says_nothing(inbox: Any, broker: Broker, watch: Watch) -> None:
    watcher = watch()
    broker.wait_until(lambda: "idle" in broker.states())
    began = time.monotonic()
    watcher.stop()
    assert watcher.join(30)
    assert time.monotonic() - began < 3
    assert broker.states() == ["starting", "connected", "idle"]


def test_mails_that_could_not_be_settled_are_settled_over_the_next_connection(
    inbox: Any, broker: Broker, watch: Watch
) -> None:
    """The connection breaks while the broker is waited for."""
    inbox.deliver("1")
    broker.away = True
    watcher = watch(after_fetch="delete")
    broker.wait_until(lambda: broker.tries >= 1)
    watcher.interrupt()
    broker.away = False
    broker.wait_until(lambda: broker.cursor() is not None)
    assert (len(broker.mails()), inbox.flags()) == (1, [])
