"""Two releases at work side by side: their checkouts, the mails that come in, and the processes of each stage."""

import os
import signal
import sys
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from imapclient import IMAPClient

from deploy.local import NotAvailableError
from deploy.local.child import Child
from deploy.local.pipeline import PROCESSES
from deploy.local.ports import HOST, free_port, wait_until
from deploy.local.scaling.storm_mails import StormMail, make_mails
from deploy.local.supervisor import why_not_ready
from runtime.config import ENV_PREFIX

READY_SECONDS, GRACE_SECONDS = 300.0, 75.0
REPLICAS = 2
PASSWORD_VARIABLE, PASSWORD = "DESK_MAIL_PASSWORD", "s3cret-upgrade"
MAILBOX = "desk@desk.example"
LARGE_EVERY, LARGE_LINES = 25, 11_000  # one of this many mails is stored in the blob store


@dataclass(frozen=True, slots=True)
class Release:
    """A checkout with its environment."""

    name: str
    root: Path

    def command(self, *words: str) -> list[str]:
        """Python there, run in its root, so that its own packages are imported."""
        return ["env", f"--chdir={self.root}", str(self.root / ".venv/bin/python"), *words]


class Mails:
    """A thread that puts mails into the mailbox, this many per second, from the beginning to the end of its block."""

    def __init__(self, imap_port: int, per_second: float) -> None:
        self._imap_port, self._pause = imap_port, 1 / per_second
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._send, name="mails", daemon=True)
        self.sent: list[StormMail] = []

    def _send(self) -> None:
        with IMAPClient(HOST, self._imap_port, ssl=False) as client:
            client.login(MAILBOX, PASSWORD)
            for mail in make_mails(range(sys.maxsize)):
                raw = mail.raw
                if mail.number % LARGE_EVERY == 0:
                    raw += b"\r\n" + (b"and on " * 10 + b"\r\n") * LARGE_LINES
                client.append("INBOX", raw)
                self.sent.append(StormMail(mail.number, mail.sender, raw))
                if self._ended.wait(self._pause):
                    return

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()


class Stages:
    """Two processes of each stage, all of the first release until they are moved. Ended at the end of the stack."""

    def __init__(self, release: Release, environment: Mapping[str, str], logs: Path, stack: ExitStack) -> None:
        self._environment, self._logs = environment, logs
        self._started = 0
        self.release = dict.fromkeys(PROCESSES, release)
        self._children = {stage: [self._start(stage) for _ in range(REPLICAS)] for stage in PROCESSES}
        stack.callback(self._stop)
        for stage, children in self._children.items():
            for child, port in children:
                self._wait_ready(stage, child, port)

    def move(self, stage: str, release: Release) -> None:
        """One process after the other, the first one killed. Outbound is not: a mail that was just sent would be sent
        again then (docs/outgoing-mail.md).
        """
        self.release[stage] = release
        for number, (old, _) in enumerate(self._children[stage]):
            if number == 0 and stage != "outbound" and old.pid:
                os.kill(old.pid, signal.SIGKILL)
            old.stop(GRACE_SECONDS)
            child, port = self._start(stage)
            self._children[stage][number] = (child, port)
            self._wait_ready(stage, child, port)

    def look(self) -> None:
        """Raises `NotAvailableError` if one has ended on its own."""
        for child, _ in (one for children in self._children.values() for one in children):
            if child.pid is None:
                raise NotAvailableError(f"{child.name} has ended; {child.log} ends:\n{child.log_tail()}")

    def _start(self, stage: str) -> tuple[Child, int]:
        self._started += 1
        port = free_port()
        name = f"{self._started:03d}-{stage}-{self.release[stage].name}"
        child = Child(
            name,
            self.release[stage].command("-m", stage),
            log=self._logs / f"{name}.log",
            environment={**self._environment, f"{ENV_PREFIX}METRICS_PORT": str(port)},
        )
        child.start()
        return child, port

    def _wait_ready(self, stage: str, child: Child, port: int) -> None:
        wait_until(lambda: child.pid is None or not why_not_ready(port), READY_SECONDS)
        if child.pid is None or why_not_ready(port):
            raise NotAvailableError(f"{stage} is not ready; {child.log} ends:\n{child.log_tail()}")

    def _stop(self) -> None:
        for child, _ in (one for children in self._children.values() for one in children):
            child.stop(GRACE_SECONDS)
