"""A mailbox in which hostile mails lie among nine others: each of the nine becomes a call, and so does each of them."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from deploy.local.demo.settings import PASSWORD
from deploy.local.servers.mail_host import MailHost
from desk.engine import read_transaction
from desk.tables import files, items, mails
from schemas.settings import IncomingServer
from tests.desks import new_desk
from tests.e2e.running import HR, IT, RunningDesk, running_desk, wait_for
from tests.parsing.hostile import HOSTILE

pytestmark = [pytest.mark.timeout(240), pytest.mark.mail_host]

# What the screening rightly takes for a machine's.
REPORTS = {"delivery status", "a bounce in words", "blank lines from a daemon"}


def test_nine_others_arrive_and_the_hostile_ones_too(tmp_path: Path, kafka_bootstrap: str) -> None:
    desk_url = new_desk(tmp_path / "desk.db")
    mailbox = tmp_path / "mailbox"
    others = [f"one of nine others, {number}" for number in range(9)]
    hostile = [raw for name, raw in HOSTILE.items() if name not in REPORTS]
    deliver(mailbox, [*hostile[:12], *map(plain, others), *hostile[12:], too_much()])
    with (
        MailHost(dict.fromkeys((IT, HR), PASSWORD), tmp_path / "mail-host") as host,
        running_desk(tmp_path, kafka_bootstrap, desk_url, host, set_up=False) as desk,
    ):
        add_folder(desk, mailbox)
        desk.set_up()
        wait_for(lambda: len(subjects(desk)) == len(hostile) + len(others) + 1, "a call of each mail", 120)

        assert set(others) <= set(subjects(desk))
        assert "mail.eml" in attached(desk, "too much")  # as it came: what was read of it is not all


def too_much() -> bytes:
    """Past the two seconds of CPU that a mail may take: a machine of 2026 reads it in eight."""
    return b"From: anna@example.org\r\nSubject: too much\r\n\r\n" + b"begin 644 1\n" * 5_000_000


def plain(subject: str) -> bytes:
    return f"From: ann@example.org\r\nTo: {IT}\r\nSubject: {subject}\r\n\r\nPlease help.\r\n".encode()


def deliver(mailbox: Path, raws: list[bytes]) -> None:
    mailbox.mkdir()
    for number, raw in enumerate(raws):
        (mailbox / f"{number:03}.eml").write_bytes(raw)


def add_folder(desk: RunningDesk, mailbox: Path) -> None:
    server = IncomingServer(
        id="folder",
        protocol="folder",
        authentication="none",
        path=str(mailbox),
        start_from="beginning",
        max_mail_bytes=100_000_000,
        poll_seconds=1,
        call_template="it-by-mail",
        default_logging_analyst="ida",
    )
    desk.settings = replace(desk.settings, settings={**desk.settings.settings, "incoming-server/folder": server})


def subjects(desk: RunningDesk) -> list[str]:
    """Of each call that a mail of the mailbox became."""
    query = select(items.c.subject).join(mails, mails.c.item_id == items.c.id).where(mails.c.server_id == "folder")
    with read_transaction(desk.engine) as connection:
        return list(connection.scalars(query))


def attached(desk: RunningDesk, subject: str) -> list[str]:
    query = (
        select(files.c.name).join(mails, mails.c.mail_id == files.c.mail_id).join(items, items.c.id == mails.c.item_id)
    ).where(items.c.subject == subject)
    with read_transaction(desk.engine) as connection:
        return list(connection.scalars(query))
