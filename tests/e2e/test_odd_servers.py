"""A thousand mails from mail servers with every fault, through the whole pipeline: each is one call, or is named."""

import hashlib
import json
import os
import random
import re
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import func, select

from deploy.local.demo.settings import PASSWORD, PASSWORD_VARIABLE
from deploy.local.servers.mail_host import MailHost
from desk.engine import read_transaction
from desk.tables import items, mails
from tests.desks import new_desk
from tests.e2e.running import HR, IT, RunningDesk, running_desk, wait_for
from tests.ingest.odd_servers import IMAP_FAULTS, POP3_FAULTS, OddImap, OddMail, OddPop3, odd_mails

pytestmark = [pytest.mark.timeout(240), pytest.mark.mail_host]

EACH = 500
BREAKING = {"breaks off"}  # each costs a back-off: tests/ingest/test_odd_servers.py has it without


def mailcall(desk: RunningDesk, *arguments: str) -> str:
    environment = {**os.environ, **desk.pipeline.settings}
    command = [sys.executable, "-m", "console.cli", *arguments]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_a_thousand_mails_of_odd_servers_become_a_call_each_or_are_named(tmp_path: Path, kafka_bootstrap: str) -> None:
    desk_url = new_desk(tmp_path / "desk.db")
    given = {
        "odd-imap": odd_mails(EACH, IMAP_FAULTS - BREAKING, random.Random(3), longest=1),
        "odd-pop3": odd_mails(EACH, POP3_FAULTS - BREAKING, random.Random(4), longest=1, first=EACH + 1),
    }
    with ExitStack() as stack:
        servers = {
            "odd-imap": stack.enter_context(OddImap(given["odd-imap"], random.Random(5), trouble=0.1).running()),
            "odd-pop3": stack.enter_context(OddPop3(given["odd-pop3"], random.Random(6), trouble=0.1).running()),
        }
        host = stack.enter_context(MailHost(dict.fromkeys((IT, HR), PASSWORD), tmp_path / "mail-host"))
        desk = stack.enter_context(running_desk(tmp_path, kafka_bootstrap, desk_url, host))
        never = {id_: {number for number, one in enumerate(given[id_], 1) if one.is_never_given} for id_ in given}
        assert all(len(numbers) > 10 for numbers in never.values())
        for id_, server in servers.items():
            settings = [
                f"protocol={id_.removeprefix('odd-')}", "host=127.0.0.1", f"port={server.port}", "security=none",
                "poll_seconds=0.5", "username=desk", f"password.env={PASSWORD_VARIABLE}", "start_from=beginning",
                "after_fetch=delete", "call_template=it-by-mail", "default_logging_analyst=ida",
            ]  # fmt: skip
            mailcall(desk, "servers", "add", "incoming", id_, *settings, "--wait", "0")
        wait_for(
            lambda: all(servers[id_].mails.keys() == never[id_] for id_ in servers),
            "all mails but those that are never given to be fetched",
            60,
        )
        expected = {digest for id_ in given for digest in digests(given[id_], never[id_])}
        wait_for(lambda: len(calls(desk)) == len(expected), "each mail to become a call", 90)
        assert calls(desk) == dict.fromkeys(expected, 1)
        wait_for(
            lambda: all(named(desk, id_) == len(numbers) for id_, numbers in never.items()),
            "the mails that are not given to be told",
        )


def digests(there: list[OddMail], never: set[int]) -> set[str]:
    """SHA-256 of each mail that can be had."""
    return {
        hashlib.sha256(one.raw).hexdigest()
        for number, one in enumerate(there, 1)
        if number not in never and one.fault != "taken away"
    }


def calls(desk: RunningDesk) -> dict[str, int]:
    """How many calls there are by the digest of the mail that they were logged from."""
    query = (
        select(mails.c.sha256, func.count(items.c.id).label("calls"))
        .join(items, items.c.id == mails.c.item_id)
        .where(items.c.kind == "call", mails.c.outcome == "call-logged")
        .group_by(mails.c.sha256)
    )
    with read_transaction(desk.engine) as connection:
        return {row.sha256: row.calls for row in connection.execute(query)}


def named(desk: RunningDesk, server_id: str) -> int:
    """How many mails the server's status says are not given: the first by name, the rest by number."""
    statuses = json.loads(mailcall(desk, "servers", "status", "--json"))
    (status,) = (one for one in statuses if one["server_id"] == server_id)
    lines = status["not_given"]
    more = re.fullmatch(r"and (\d+) more", lines[-1]) if lines else None
    return len(lines) - 1 + int(more[1]) if more else len(lines)
