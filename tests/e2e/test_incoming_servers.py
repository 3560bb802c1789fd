"""An administrator's day with incoming servers: added, tested, changed, disabled, deleted, on a running pipeline."""

import hashlib
import json
import os
import smtplib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from deploy.local.demo.settings import PASSWORD, PASSWORD_VARIABLE
from deploy.local.servers.mail_host import MailHost
from desk.engine import read_transaction
from desk.tables import files, items, mails
from runtime.blobs import BlobStore
from tests.desks import new_desk
from tests.e2e.running import HR, IT, RunningDesk, running_desk, wait_for

pytestmark = [pytest.mark.timeout(240), pytest.mark.mail_host]


def mailcall(desk: RunningDesk, *arguments: str) -> tuple[int, Any]:
    """Exit code, and what the command printed as JSON."""
    environment = {**os.environ, **desk.pipeline.settings}
    command = [sys.executable, "-m", "console.cli", "servers", *arguments, "--json"]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert ran.stdout, ran.stderr
    return ran.returncode, json.loads(ran.stdout)


def subjects(desk: RunningDesk) -> dict[str, str]:
    """Incoming server by the subject of each call."""
    query = select(mails.c.server_id, items.c.subject).join(items, items.c.id == mails.c.item_id)
    with read_transaction(desk.engine) as connection:
        return {subject: server_id for server_id, subject in connection.execute(query)}


def attachments(desk: RunningDesk) -> dict[str, tuple[str, str]]:
    """SHA-256 and blob by the name of each file."""
    with read_transaction(desk.engine) as connection:
        return {row.name: (row.sha256, row.blob) for row in connection.execute(select(files))}


def test_a_server_is_added_tested_changed_and_deleted_while_the_pipeline_runs(
    tmp_path: Path, kafka_bootstrap: str
) -> None:
    desk_url = new_desk(tmp_path / "desk.db")
    accounts = dict.fromkeys((IT, HR, "new@desk.example"), PASSWORD)
    with (
        MailHost(accounts, tmp_path / "mail-host") as host,
        running_desk(tmp_path, kafka_bootstrap, desk_url, host) as desk,
    ):
        imap = [
            "protocol=imap", f"host={host.host}", f"port={host.imap_port}", "security=none", "poll_seconds=1",
            "username=new@desk.example", f"password.env={PASSWORD_VARIABLE}", "call_template=it-by-mail",
            "default_logging_analyst=ida",
        ]  # fmt: skip
        deliver(host, "lies there already")
        code, added = mailcall(desk, "add", "incoming", "new", *imap)
        steps = {step["step"]: step for step in added["look"]["result"]["steps"]}
        assert (code, added["saved"], added["look"]["result"]["ok"]) == (0, True, True)
        assert "1 message is there" in steps["open mailbox"]["status"]

        wait_for(lambda: status(desk)["state"] == "idle", "the new server to be watched")
        assert status(desk)["left_alone"] == 1
        code, tested = mailcall(desk, "test", "new", "--marker", "already")
        assert (code, tested["result"]["subject"]) == (0, "lies there already")
        code, wrong = mailcall(desk, "test", "new", "port=1", f"password.env={PASSWORD_VARIABLE}")
        assert (code, wrong["result"]["steps"][-1]["step"]) == (1, "connect")

        # This mail host takes nobody's RCPT after an empty MAIL FROM.
        smtp = [f"host={host.host}", f"port={host.smtp_port}", "bounce_address=hr@desk.example"]
        code, probed = mailcall(desk, "test", "hr-outgoing", *smtp, "--probe", "new", "--wait", "60")
        assert code == 0, probed
        outcomes = {what: outcome for what, outcome, _ in probed["rows"]}
        assert (outcomes["Message-ID"], outcomes["the mail as a whole"]) == ("as sent", "all of it as sent")

        deliver(host, "small")
        mailcall(desk, "update", "new", "max_mail_bytes=100000", "--wait", "0")
        wait_for(lambda: "small" in subjects(desk), "the new mail to become a call")
        wait_for(lambda: times_watched(desk) == 2, "the changed server to be watched anew")
        larger = deliver(host, "larger", body="y" * 70 + "\r\n", lines=5_000)
        wait_for(lambda: "larger" in subjects(desk), "the mail over the limit to become a call")
        sha256, blob = attachments(desk)["mail.eml"]
        whole = BlobStore(desk.pipeline.config.blob_url).get(blob)
        assert larger.rstrip() in whole
        assert hashlib.sha256(whole).hexdigest() == sha256

        code, _ = mailcall(desk, "delete", "new", "--yes")
        assert code == 0
        wait_for(lambda: "new" not in statuses(desk), "the deleted server's status to go")
        assert subjects(desk) == {"small": "new", "larger": "new"}


def deliver(host: MailHost, subject: str, body: str = "Please help.\r\n", lines: int = 1) -> bytes:
    """Put a mail into the new server's mailbox; its body."""
    text = f"From: ann@example.org\r\nTo: new@desk.example\r\nSubject: {subject}\r\n\r\n{body * lines}"
    with smtplib.SMTP(host.host, host.smtp_port, timeout=30) as smtp:
        smtp.sendmail("ann@example.org", ["new@desk.example"], text)
    return (body * lines).encode()


def times_watched(desk: RunningDesk) -> int:
    """How often ingest has begun to watch the new server: each time its settings changed."""
    lines = (desk.pipeline.directory / "logs" / "ingest.log").read_text("utf-8").splitlines()
    return sum('"watching"' in line and '"server": "new"' in line for line in lines)


def statuses(desk: RunningDesk) -> dict[str, Any]:
    return {one["server_id"]: one for one in mailcall(desk, "status")[1]}


def status(desk: RunningDesk) -> Any:
    return statuses(desk).get("new", {"state": "none", "left_alone": None})
