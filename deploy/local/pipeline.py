"""The pipeline's processes on this machine: topics created, settings applied, each process kept running."""

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from sqlalchemy import select

from console.settings.apply import plan, publish
from console.settings.settings_file import SettingsFile
from console.settings.state import read_state
from deploy.local import NotAvailableError
from deploy.local.ports import HOST, free_ports, wait_until
from deploy.local.supervisor import Program, Supervisor
from desk.engine import open_desk, read_transaction
from desk.tables import persons
from runtime.config import ENV_PREFIX, ProcessConfig
from runtime.kafka.clients import broker_errors, make_admin
from runtime.kafka.producer import Publisher
from runtime.kafka.topic_plans import plans
from runtime.kafka.topic_setup import create_topics, existing_topics
from runtime.outages import OutageError
from runtime.security.token_keys import make_token_key, read_token_keys

R = TypeVar("R")
PROCESSES = ("ingest", "resolver", "logger", "outbound")
WINDOW = "console"  # the process that serves the window; the pipeline works without it
READY_SECONDS = 180.0
RETRY_SECONDS = 0.2
APPLIED_SECONDS = 30.0
AS_IN_THE_IMAGE: Final[Mapping[str, str]] = {"MALLOC_ARENA_MAX": "1"}  # deploy/Containerfile
ROOT = Path(__file__).resolve().parents[2]


def retry_while_starting(action: Callable[[], R], seconds: float = READY_SECONDS) -> R:
    """What it returns; done again while the broker is not there: a new one is busy with its topics for a while."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return action()
        except OutageError:
            if time.monotonic() > deadline:
                raise
            time.sleep(RETRY_SECONDS)


def token_key_file_in(directory: Path) -> Path:
    """The key of the pipeline that has this directory, made if it is not there."""
    path = (directory / "token.key").absolute()
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        make_token_key(path)
    return path


class Pipeline:
    """Every process of the pipeline, from the beginning to the end of its block.

    `directory` gets logs, blobs and the key that tokens are signed with. `environment` is added to what each process is
    started with: its settings, and the passwords that the settings of mail servers refer to. `processes` names them;
    `logger-2` is one more `logger`. `python`: the interpreter that runs them. `say` gets one line about what happens to
    a process. With `WINDOW` among them, the window is at `window_url`.
    """

    def __init__(
        self,
        directory: Path,
        *,
        bootstrap_servers: str,
        topic_prefix: str,
        desk_url: str,
        environment: Mapping[str, str] | None = None,
        processes: Sequence[str] = PROCESSES,
        python: str = sys.executable,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.directory = directory
        token_key_file = token_key_file_in(directory)
        self.token_keys = read_token_keys(token_key_file)
        self.config = ProcessConfig(
            kafka_bootstrap_servers=bootstrap_servers,
            topic_prefix=topic_prefix,
            desk_url=desk_url,
            blob_url=(directory / "blobs").absolute().as_uri(),
            token_key_file=token_key_file,
        )
        self.settings = {
            f"{ENV_PREFIX}{name.upper()}": str(getattr(self.config, name))
            for name in ("kafka_bootstrap_servers", "topic_prefix", "desk_url", "blob_url", "token_key_file")
        }
        window_port, *ports = free_ports(1 + len(processes))
        self.window_url = f"http://localhost:{window_port}"
        self.settings |= {f"{ENV_PREFIX}WINDOW_URL": self.window_url, f"{ENV_PREFIX}WINDOW_PORT": str(window_port)}
        self.ports = dict(zip(processes, ports, strict=True))
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(ENV_PREFIX)}
        inherited |= AS_IN_THE_IMAGE
        self.environment = {**inherited, "PYTHONPATH": str(ROOT), **self.settings, **(environment or {})}
        self._python = python
        self.supervisor = Supervisor([self._program(name) for name in processes], directory / "logs", say)

    @property
    def processes(self) -> tuple[str, ...]:
        return tuple(self.ports)

    def pids(self) -> dict[str, int]:
        """Process id of each process that runs now."""
        pids = {name: self.supervisor.pid(name) for name in self.processes}
        return {name: pid for name, pid in pids.items() if pid is not None}

    def metrics_url(self, name: str) -> str:
        return f"http://{HOST}:{self.ports[name]}/metrics"

    def create_topics(self) -> None:
        retry_while_starting(lambda: create_topics(self.config))

    def delete_topics(self) -> None:
        """For a broker that others use too: leave nothing there. The processes must have ended."""
        there = existing_topics(self.config, [topic.name for topic in plans(self.config.topic_prefix)])
        with broker_errors(), closing(make_admin(self.config)) as admin:
            admin.delete_topics(sorted(there))

    def apply(self, file: SettingsFile, change_reason: str) -> None:
        """Publish settings and persons as `mailcall apply` does."""

        def publish_changes() -> None:
            with closing(Publisher(self.config, "apply")) as publisher:
                planned = plan(file, read_state(self.config))
                publish(planned, publisher, "deploy.local", change_reason, datetime.now(UTC))

        retry_while_starting(publish_changes)

    def wait_ready(self, seconds: float = READY_SECONDS) -> None:
        """Until each process says that it is. Raises `NotAvailableError` with the logs of those that are not."""
        self.supervisor.wait_ready(seconds)

    def wait_for_persons(self, file: SettingsFile, seconds: float = APPLIED_SECONDS) -> None:
        """Until the logger has stored the persons of the file, so that their mails are theirs. The desk must exist."""
        engine = open_desk(self.config.desk_url)
        wanted = set(file.persons)

        def stored() -> bool:
            with read_transaction(engine) as connection:
                return wanted <= set(connection.scalars(select(persons.c.id)))

        try:
            if not wait_until(stored, seconds):
                raise NotAvailableError(
                    f"the logger did not store the persons within {seconds:.0f} s; see {self.directory / 'logs'}"
                )
        finally:
            engine.dispose()

    def __enter__(self) -> Self:
        self.supervisor.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.supervisor.__exit__(kind, error, trace)

    def _program(self, name: str) -> Program:
        port = self.ports[name]
        return Program(
            name=name,
            command=(self._python, "-m", name.partition("-")[0]),
            environment={**self.environment, f"{ENV_PREFIX}METRICS_PORT": str(port)},
            health_port=port,
        )
