"""`python -m ingest` as a process: real broker, real mail host; killed, restarted, shared out, reconfigured."""

import mailbox
import smtplib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.local.servers.mail_host import MailHost
from runtime.blobs import BlobStore
from schemas.settings import IncomingServer
from schemas.topics import MAILBOX_CURSORS
from schemas.wire import LEAST_RECORD_BYTES, tombstone
from tests.ingest.desk import Desk


class MailHostDesk(Desk):
    """Its mailboxes are on the mail host."""

    def __init__(self, host: MailHost, prefix: str, bootstrap: str, directory: Path) -> None:
        super().__init__(prefix, bootstrap, directory)
        self.host = host

    def send(self, address: str, subject: str, size: int = 0) -> None:
        with smtplib.SMTP(self.host.host, self.host.smtp_port, timeout=30) as smtp:
            text = (
                f"From: Ann <Ann@Example.test>\r\nSubject: {subject}\r\n\r\n{'x' * 70}\r\n" + ("y" * 70 + "\r\n") * size
            )
            smtp.sendmail("ann@example.test", [address], text)


@pytest.fixture
def desk(mail_host: MailHost, topic_prefix: str, kafka_bootstrap: str, tmp_path: Path) -> Iterator[MailHostDesk]:
    desk = MailHostDesk(mail_host, topic_prefix, kafka_bootstrap, tmp_path)
    yield desk
    desk.close()


@pytest.fixture
def server(desk: MailHostDesk, mail_account: tuple[str, str], incoming_server: Any) -> Callable[..., IncomingServer]:
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


def test_mails_arrive_large_ones_as_blobs(desk: MailHostDesk, mail_account: tuple[str, str], server: Make) -> None:
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
    desk: MailHostDesk, mail_account: tuple[str, str], server: Make, protocol: str
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
    desk: MailHostDesk, mail_account: tuple[str, str], server: Make
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


def test_settings_take_effect_while_it_runs(desk: MailHostDesk, mail_account: tuple[str, str], server: Make) -> None:
    process = desk.start()
    desk.apply(server(enabled=False))
    desk.until(lambda: desk.states("it") == ["disabled"])
    desk.apply(server(id="other", enabled=False))
    desk.until(lambda: desk.states("other") == ["disabled"])
    desk.remove("other")
    desk.until(lambda: desk.states("other") == ["disabled", None])
    desk.apply(server(password={"env": "ABSENT"}))
    desk.until(lambda: desk.states("it")[-1] == "authentication-refused")
    desk.apply(server())
    desk.until(lambda: desk.states("it")[-1] == "idle")
    desk.send(mail_account[0], "1")
    desk.until(lambda: len(desk.mails()) == 1)
    assert desk.gauge("up", process) == {"it": 1}
    assert desk.gauge("last_success_timestamp_seconds", process)["it"] == pytest.approx(time.time(), abs=60)
    assert desk.gauge("backlog_mails", process) == {"it": 0}
    desk.remove("it")
    desk.until(lambda: desk.states("it")[-1] is None)
    for name in ("up", "last_success_timestamp_seconds", "backlog_mails"):
        assert desk.gauge(name, process) == {}
    assert "s3cret" not in desk.log()


def test_one_server_in_trouble_stops_no_other(desk: MailHostDesk, mail_account: tuple[str, str], server: Make) -> None:
    desk.apply(server(id="dead", port=1))
    desk.apply(server())
    desk.start()
    desk.send(mail_account[0], "1")
    desk.until(lambda: len(desk.mails()) == 1 and "unreachable" in desk.states("dead"))


def test_replicas_share_the_servers_and_take_over_from_one_that_dies(
    desk: MailHostDesk, server: Make, topic_prefix: str
) -> None:
    accounts = {f"s{number}": f"{topic_prefix}-{number}@example.test" for number in range(4)}
    for server_id, address in accounts.items():
        desk.host.add_account(address, "s3cret")
        # This mail host does not announce a mail that came just before IDLE: the next look finds it.
        desk.apply(server(id=server_id, username=address, poll_seconds=2))
    first = desk.start()
    desk.until(lambda: all("idle" in desk.states(server_id) for server_id in accounts))
    desk.start()
    desk.until(lambda: "partitions given up" in desk.log())
    for address in accounts.values():
        desk.send(address, "before")
    desk.until(lambda: len(desk.mails()) >= 4)
    first.kill()
    for address in accounts.values():
        desk.send(address, "after")
    desk.until(lambda: len(desk.mails_by_id()) == 8)
    assert {mail.server_id for mail in desk.mails()} == set(accounts)


def test_a_folder_is_read(desk: MailHostDesk, server: Make, tmp_path: Path) -> None:
    """Without an account, and with a password nowhere; for a broker that takes half a megabyte at most."""
    maildir = mailbox.Maildir(tmp_path / "Maildir")
    maildir.add(b"From: ann@example.test\nSubject: first\n\nHello\n")
    desk.apply(
        server(
            protocol="folder",
            path=str(tmp_path / "Maildir"),
            authentication="none",
            username=None,
            password=None,
            poll_seconds=0.2,
        )
    )
    process = desk.start(MAILCALL_KAFKA_MAX_RECORD_BYTES=str(LEAST_RECORD_BYTES))
    desk.until(lambda: len(desk.mails()) == 1 and desk.states("it")[-1] == "idle")
    large = b"From: ann@example.test\nSubject: second\n\nHello\n" + b"x" * 400_000
    maildir.add(large)
    desk.until(lambda: len(desk.mails()) == 2)
    assert [(mail.size, mail.dataref is not None) for mail in desk.mails()][1] == (len(large), True)
    desk.until(lambda: desk.cursors() == 2)
    assert [message.get_subdir() + message.get_flags() for message in maildir] == ["curS", "curS"]
    desk.apply(server(protocol="folder", path=str(tmp_path / "missing"), authentication="none"))
    desk.until(lambda: desk.states("it")[-1] == "unreachable")
    assert desk.gauge("up", process) == {"it": 0}
