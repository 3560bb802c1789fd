"""What the benchmark asks of another service desk: to be set up, to take mails, and to show what it made of them."""

import os
import resource
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

import psycopg

from deploy.local import StartError
from deploy.local.bench.mails import SENDERS, BenchMail, sender_address
from deploy.local.bench.servers import KNOWN_SHARE
from deploy.local.servers.database import Database

RECIPIENT = "desk@desk.example"
RUN_SECONDS = 1800.0  # for one program of a peer's
KNOWN_SENDERS = tuple(sender_address(number) for number in range(int(SENDERS * KNOWN_SHARE)))  # as in our own benchmark
PROGRAM, DELIVERY, DATABASE = "program", "delivery", "database"  # what CPU is told apart by


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a peer runs: a folder of its own, PostgreSQL, and the SMTP server that takes what it sends."""

    directory: Path
    database: Database
    smtp_host: str
    smtp_port: int

    @property
    def log(self) -> Path:
        return self.directory / "log"


@dataclass(frozen=True, slots=True)
class Stored:
    """What a peer holds of one mail. `files`: sha256 (hexadecimal) of each attached file; `text` may be HTML."""

    ticket: str
    text: str
    files: tuple[str, ...]


class Peer(ABC):
    """One way of running one service desk, from the beginning to the end of its block.

    `way` says how mails come in. It takes one in `share` of the mails, so that a slow way takes not too long. `starts`:
    how often its program starts in one `deliver`, beside what a mail costs; 0 where each mail starts it anew, which is
    part of the mail's cost, or where it runs all the time.
    """

    title: ClassVar[str]
    way: ClassVar[str]
    starts: ClassVar[int]
    share: ClassVar[int] = 1

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.stack = ExitStack()  # of what it starts

    @property
    @abstractmethod
    def version(self) -> str:
        """Known when `set_up` has returned."""

    @abstractmethod
    def set_up(self) -> None:
        """Install it where it is not there yet, and make its desk. Raises `NotAvailableError` or `StartError`."""

    @abstractmethod
    def deliver(self, mails: Sequence[BenchMail]) -> Mapping[str, float]:
        """Let it take these mails: CPU seconds of its own processes, by `PROGRAM` and `DELIVERY`."""

    @abstractmethod
    def token(self, ticket: str) -> str:
        """What its acknowledgements carry in the subject, by which it knows a reply."""

    @abstractmethod
    def stored(self) -> Mapping[str, Stored]:
        """Message-ID -> what it holds of the mail, of all mails so far."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stack.close()

    def run(
        self, command: Sequence[str | Path], environment: Mapping[str, str], stdin: bytes = b"", *, must_end_well: bool
    ) -> float:
        """CPU seconds of a command and of all that it waited for. Its output goes to the log.

        Raises `StartError` where it does not end, or ends otherwise than well if it must.
        """
        before, variables = _children_seconds(), {"PATH": os.environ["PATH"], "HOME": str(self.ground.directory)}
        with self.ground.log.open("ab") as log:
            try:
                done = subprocess.run(
                    [str(part) for part in command],
                    input=stdin,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env={**variables, "LC_ALL": "C.UTF-8", **environment},
                    cwd=self.ground.directory,
                    timeout=RUN_SECONDS,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise self._failed(f"did not end within {RUN_SECONDS:.0f} s") from None
        if must_end_well and done.returncode:
            raise self._failed(f"ended with {done.returncode}")
        return _children_seconds() - before

    def _failed(self, how: str) -> StartError:
        tail = self.ground.log.read_text("utf-8", "replace")[-2000:]
        return StartError(f"{self.title}: a program of it {how}; its log ends:\n{tail}")

    def create_database(self, name: str) -> None:
        with psycopg.connect(self.ground.database.dsn(), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())

    def rows(self, database: str, query: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.ground.database.dsn(database)) as connection:
            return connection.execute(query.encode()).fetchall()


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
