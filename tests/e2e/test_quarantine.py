"""A forged mail, from its arrival in the mailbox to its call: held, seen, released, handled once, accounted for."""

import json
import os
import smtplib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from console.audit.reconcile_mails import reconcile
from deploy.local.demo.settings import PASSWORD
from deploy.local.servers.mail_host import MailHost
from desk.engine import read_transaction
from desk.tables import items, mails
from schemas.settings import IncomingServer
from tests.desks import new_desk
from tests.e2e.running import HR, IT, RunningDesk, running_desk, wait_for

pytestmark = [pytest.mark.timeout(240), pytest.mark.mail_host]

OUR_SYSTEM = "mx.desk.example"  # the mail host of the tests writes no such line: it is put into the mail here


def mailcall(desk: RunningDesk, *arguments: str) -> Any:
    environment = {**os.environ, **desk.pipeline.settings}
    command = [sys.executable, "-m", "console.cli", *arguments, "--json"]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
    return json.loads(ran.stdout)


def deliver(host: MailHost, subject: str, result: str) -> None:
    text = (
        f"Authentication-Results: {OUR_SYSTEM}; dmarc={result} header.from=example.org\r\n"
        f"From: ann@example.org\r\nTo: {IT}\r\nSubject: {subject}\r\n\r\nPlease help.\r\n"
    )
    with smtplib.SMTP(host.host, host.smtp_port, timeout=30) as smtp:
        smtp.sendmail("ann@example.org", [IT], text)


def calls(desk: RunningDesk) -> list[str]:
    """The subjects of all calls."""
    with read_transaction(desk.engine) as connection:
        query = select(items.c.subject).join(mails, mails.c.item_id == items.c.id).order_by(items.c.id)
        return list(connection.scalars(query))


def quarantining(desk: RunningDesk) -> None:
    """The desk's settings, its incoming servers with `trust: quarantine`."""
    known = desk.settings.settings
    changed = {
        key: one.model_copy(update={"trust": "quarantine", "authserv_id": OUR_SYSTEM})
        for key, one in known.items()
        if isinstance(one, IncomingServer)
    }
    desk.settings = replace(desk.settings, settings={**known, **changed})


def test_a_forged_mail_is_held_and_becomes_a_call_once_it_is_released(tmp_path: Path, kafka_bootstrap: str) -> None:
    desk_url = new_desk(tmp_path / "desk.db")
    with (
        MailHost(dict.fromkeys((IT, HR), PASSWORD), tmp_path / "mail-host") as host,
        running_desk(tmp_path, kafka_bootstrap, desk_url, host, set_up=False) as desk,
    ):
        quarantining(desk)
        desk.set_up()
        deliver(host, "forged", "fail")
        deliver(host, "true", "pass")
        wait_for(lambda: calls(desk) == ["true"], "the mail that is no forgery")
        wait_for(lambda: reconcile(desk.pipeline.config).on_the_way == 0, "the end of both")

        (held,) = mailcall(desk, "mail", "held")
        assert (held["subject"], held["sender"], held["reason"]) == ("forged", "ann@example.org", "quarantine")
        before = reconcile(desk.pipeline.config)
        assert before.balanced
        assert (before.outcomes["rejected"], before.outcomes["call-logged"]) == (1, 1)

        assert mailcall(desk, "mail", "release", held["mail_id"]) == [held["mail_id"]]
        wait_for(lambda: calls(desk) == ["true", "forged"], "the released mail")
        mailcall(desk, "mail", "release", held["mail_id"])
        wait_for(lambda: reconcile(desk.pipeline.config).records == 4, "the second release")
        wait_for(lambda: reconcile(desk.pipeline.config).on_the_way == 0, "its end")

        after = reconcile(desk.pipeline.config)
        assert after.balanced
        assert (after.mails, after.outcomes["rejected"], after.outcomes["call-logged"]) == (2, 0, 2)
        assert calls(desk) == ["true", "forged"]
        assert mailcall(desk, "mail", "held") == []
