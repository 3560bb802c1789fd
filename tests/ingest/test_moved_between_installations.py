"""docs/operations.md, moving a mailbox: two installations on one broker, the commands of the page, every mail once."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.local.packages.debian import find_kcat
from deploy.local.servers.mail_host import MailHost
from tests.ingest.test_process import MailHostDesk

pytestmark = pytest.mark.debian  # kcat

PAGE = Path(__file__).resolve().parents[2] / "docs/operations.md"
SUBJECT = re.compile(rb"^Subject: (\w+)\r", re.MULTILINE)


@pytest.fixture
def two(
    mail_host: MailHost, topic_prefix: str, kafka_bootstrap: str, tmp_path: Path
) -> Iterator[tuple[MailHostDesk, MailHostDesk]]:
    made = []
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        made.append(MailHostDesk(mail_host, f"{topic_prefix}.{name}", kafka_bootstrap, tmp_path / name))
    yield made[0], made[1]
    for desk in made:
        desk.close()


def take_the_cursor_along(old: MailHostDesk, new: MailHostDesk) -> None:
    """The command of the page, with these installations."""
    find_kcat()
    (command,) = re.findall(r"^ +(kcat .*-t old\.mailbox.*\\\n.*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    for example, here in (
        ("broker:9092", old.config.kafka_bootstrap_servers),
        ("old.mailbox", f"{old.config.topic_prefix}.mailbox"),
        ("new.mailbox", f"{new.config.topic_prefix}.mailbox"),
        ("it-mailbox", "it"),
    ):
        assert example in command
        command = command.replace(example, here)
    subprocess.run(["bash", "-euo", "pipefail", "-c", command], check=True, timeout=60)


def taken(desk: MailHostDesk) -> list[str]:
    return sorted(found[1].decode() for mail in desk.mails() if (found := SUBJECT.search(mail.raw)))


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("after_fetch", "start_from", "with_cursor"), [("leave", "now", True), ("delete", "beginning", False)]
)
def test_a_mailbox_goes_over_and_each_mail_is_taken_once(
    two: tuple[MailHostDesk, MailHostDesk],
    mail_account: tuple[str, str],
    incoming_server: Any,
    after_fetch: str,
    start_from: str,
    with_cursor: bool,
) -> None:
    old, new = two
    address = mail_account[0]
    settings = {
        "port": old.host.imap_port,
        "username": address,
        "password": {"env": "DESK_PASSWORD"},
        "after_fetch": after_fetch,
        "poll_seconds": 1,
    }
    old.apply(incoming_server(**settings, start_from="beginning"))
    old.start()
    old.send(address, "one")
    old.send(address, "two")
    old.until(lambda: len(old.mails()) == 2 and old.states("it")[-1] == "idle")

    old.apply(incoming_server(**settings, start_from="beginning", enabled=False))
    old.until(lambda: old.states("it")[-1] == "disabled")
    old.send(address, "between")
    if with_cursor:
        take_the_cursor_along(old, new)
    new.apply(incoming_server(**settings, start_from=start_from))
    new.start()
    new.until(lambda: len(new.mails()) >= 1)
    new.send(address, "later")
    new.until(lambda: len(new.mails()) >= 2 and new.states("it")[-1] == "idle")

    assert taken(old) == ["one", "two"]
    assert taken(new) == ["between", "later"]
