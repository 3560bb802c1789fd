"""`python -m ingest` as a process: real broker, real mail host; killed, restarted, shared out, reconfigured."""

import os
import smtplib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from deploy.local.mail_host import MailHost
from runtime.blobs import BlobStore
from runtime.clients import make_consumer
from runtime.config import ProcessConfig
from runtime.publisher import Publisher
from runtime.reader import TopicMissingError, assign_whole, to_record
from runtime.topic_setup import create_topics
from schemas.fetched import FetchedMail, open_fetched
from schemas.settings import IncomingServer
from schemas.topics import MAIL_FETCHED, MAILBOX_CURSORS, SERVER_STATUS, SETTINGS, Topic
from schemas.wire import Record, decode, encode, tombstone

SECONDS = 40


class Desk:
    """One deployment of ingest: its topics, its incoming servers, its processes."""

    def __init__(self, host: MailHost, prefix: str, bootstrap: str, directory: Path) -> None:
        self.host = host
        self.config = ProcessConfig(
            topic_prefix=prefix, kafka_bootstrap_servers=bootstrap, blob_url=directory.as_uri() + "/blobs"
        )
        create_topics(self.config)
        self.publisher = Publisher(self.config)
        self._consumer = make_consumer(self.config, "test", fetch_max_wait_ms=100)
        self._records: list[Record] = []
        self.log = directory / "ingest.log"
        self.processes: list[subprocess.Popen[bytes]] = []
        self._follow(MAIL_FETCHED, MAILBOX_CURSORS, SERVER_STATUS)

    def _follow(self, *topics: Topic) -> None:
        """Topics that were made a moment ago are not known to every client yet."""
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                assign_whole(self._consumer, [topic.name(self.config.topic_prefix) for topic in topics])
                return
            except TopicMissingError:
                assert time.monotonic() < deadline
                time.sleep(0.1)

    def start(self) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "MAILCALL_TOPIC_PREFIX": self.config.topic_prefix,
            "MAILCALL_KAFKA_BOOTSTRAP_SERVERS": self.config.kafka_bootstrap_servers,
            "MAILCALL_BLOB_URL": self.config.blob_url,
            "DESK_PASSWORD": "s3cret",
        }
        with self.log.open("ab") as log:
            process = subprocess.Popen([sys.executable, "-m", "ingest"], env=environment, stderr=log)
        self.processes.append(process)
        return process

    def apply(self, server: IncomingServer) -> None:
        key = f"incoming-server/{server.id}"
        self.publisher.publish([encode(SETTINGS, key, server, id=key, source="/test", time=datetime.now(UTC))])

    def remove(self, server_id: str) -> None:
        self.publisher.publish([tombstone(SETTINGS, f"incoming-server/{server_id}")])

    def send(self, address: str, subject: str, size: int = 0) -> None:
        with smtplib.SMTP(self.host.host, self.host.smtp_port, timeout=30) as smtp:
            text = (
                f"From: Ann <Ann@Example.test>\r\nSubject: {subject}\r\n\r\n{'x' * 70}\r\n" + ("y" * 70 + "\r\n") * size
            )
            smtp.sendmail("ann@example.test", [address], text)

    def mails(self) -> list[FetchedMail]:
        return [open_fetched(record) for record in self._of(MAIL_FETCHED)]

    def mails_by_id(self) -> dict[str, FetchedMail]:
        return {mail.mail_id: mail for mail in self.mails()}

    def states(self, server_id: str) -> list[str]:
        statuses = [decode(SERVER_STATUS, record)[1] for record in self._of(SERVER_STATUS)]
        return [status.state for status in statuses if status.server_id == server_id]

    def cursors(self) -> int:
        """How often a cursor was published."""
        return len(self._of(MAILBOX_CURSORS))

    def _of(self, topic: Topic) -> list[Record]:
        return [record for record in self._records if record.topic == topic.name(self.config.topic_prefix)]

    def until(self, condition: Callable[[], bool]) -> None:
        """Follow the topics until the condition holds."""
        deadline = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < deadline, self.log.read_text()[-4000:]
            for batch in self._consumer.poll(200).values():
                self._records += map(to_record, batch)

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
        self._consumer.close(autocommit=False)
        self.publisher.close()


@pytest.fixture
def desk(mail_host: MailHost, topic_prefix: str, kafka_bootstrap: str, tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(mail_host, topic_prefix, kafka_bootstrap, tmp_path)
    yield desk
    desk.close()


@pytest.fixture
def server(desk: Desk, mail_account: tuple[str, str], incoming_server: Any) -> Callable[..., IncomingServer]:
    """Makes the incoming server of this test's account."""

    def make(**settings: Any) -> IncomingServer:
        made: IncomingServer = incoming_server(
            **{
                "port": desk.host.imap_port,
                "username": mail_account[0],
                "password": {"env": "DESK_PASSWORD"},
                **settings,
            }
        )
        return made

    return make


Make = Callable[..., IncomingServer]


def test_mails_arrive_large_ones_as_blobs(desk: Desk, mail_account: tuple[str, str], server: Make) -> None:
    desk.apply(server())
    desk.start()
    desk.send(mail_account[0], "small")
    desk.send(mail_account[0], "large", size=15_000)
    desk.until(lambda: len(desk.mails()) == 2)
    small, large = sorted(desk.mails(), key=lambda mail: mail.size)
    assert (small.dataref, b"Subject: small" in small.raw) == (None, True)
    assert large.dataref is not None
    assert b"Subject: large" in BlobStore(desk.config.blob_url).get(large.dataref)


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_killed_and_started_again_it_goes_on_where_it_was(
    desk: Desk, mail_account: tuple[str, str], server: Make, protocol: str
) -> None:
    port = getattr(desk.host, f"{protocol}_port")
    desk.apply(server(protocol=protocol, port=port, poll_seconds=0.5, after_fetch="leave"))
    first = desk.start()
    desk.send(mail_account[0], "1")
    desk.until(lambda: len(desk.mails()) == 1 and desk.cursors() > 0)
    first.kill()
    first.wait()
    desk.send(mail_account[0], "2")
    desk.start()
    desk.until(lambda: len(desk.mails()) >= 2)
    assert len(desk.mails()) == len(desk.mails_by_id()) == 2


def test_with_its_cursor_deleted_it_gives_the_same_mails_under_the_same_ids(
    desk: Desk, mail_account: tuple[str, str], server: Make
) -> None:
    desk.apply(server())
    first = desk.start()
    for subject in ("1", "2", "3"):
        desk.send(mail_account[0], subject)
    desk.until(lambda: len(desk.mails()) == 3 and "idle" in desk.states("it"))
    first.terminate()
    assert first.wait(15) == 0
    desk.publisher.publish([tombstone(MAILBOX_CURSORS, "it")])
    desk.start()
    desk.until(lambda: len(desk.mails()) == 6)
    assert len(desk.mails_by_id()) == 3


def test_settings_take_effect_while_it_runs(desk: Desk, mail_account: tuple[str, str], server: Make) -> None:
    desk.start()
    desk.apply(server(enabled=False))
    desk.until(lambda: desk.states("it") == ["disabled"])
    desk.apply(server(password={"env": "ABSENT"}))
    desk.until(lambda: desk.states("it")[-1] == "authentication-refused")
    desk.apply(server())
    desk.until(lambda: desk.states("it")[-1] == "idle")
    desk.send(mail_account[0], "1")
    desk.until(lambda: len(desk.mails()) == 1)
    desk.remove("it")
    desk.until(lambda: "no longer watching" in desk.log.read_text().splitlines()[-1])
    assert "s3cret" not in desk.log.read_text()


def test_one_server_in_trouble_stops_no_other(desk: Desk, mail_account: tuple[str, str], server: Make) -> None:
    desk.apply(server(id="dead", port=1))
    desk.apply(server())
    desk.start()
    desk.send(mail_account[0], "1")
    desk.until(lambda: len(desk.mails()) == 1 and "unreachable" in desk.states("dead"))


def test_replicas_share_the_servers_and_take_over_from_one_that_dies(
    desk: Desk, server: Make, topic_prefix: str
) -> None:
    accounts = {f"s{number}": f"{topic_prefix}-{number}@example.test" for number in range(4)}
    for server_id, address in accounts.items():
        desk.host.add_account(address, "s3cret")
        # This mail host does not announce a mail that came just before IDLE: the next look finds it.
        desk.apply(server(id=server_id, username=address, poll_seconds=2))
    first = desk.start()
    desk.until(lambda: all("idle" in desk.states(server_id) for server_id in accounts))
    desk.start()
    desk.until(lambda: "partitions given up" in desk.log.read_text())
    for address in accounts.values():
        desk.send(address, "before")
    desk.until(lambda: len(desk.mails()) >= 4)
    first.kill()
    for address in accounts.values():
        desk.send(address, "after")
    desk.until(lambda: len(desk.mails_by_id()) == 8)
    assert {mail.server_id for mail in desk.mails()} == set(accounts)
