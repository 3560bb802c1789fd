"""Keeps the processes of the pipeline running: starts and stops them, restarts dead ones, reports which are ready."""

import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.local import StartError
from deploy.local.child import Child
from deploy.local.ports import HOST, wait_until

WATCH_SECONDS = 0.1
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0
STEADY_SECONDS = 30.0  # after this long the next death counts as the first one
WRONG_CONFIGURATION = 2  # exit code: a restart would not help


@dataclass(frozen=True, kw_only=True)
class Program:
    """One process to keep running. `environment` is all it gets; `/readyz` is asked on `health_port` of 127.0.0.1."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    health_port: int


@dataclass
class _Watched:
    program: Program
    child: Child
    started: float = 0.0
    pause: float = FIRST_PAUSE
    restart_at: float | None = None
    restarts: int = 0
    given_up: bool = False


class Supervisor:
    """Runs the programs from the beginning to the end of its block, each with a log `<name>.log` in the directory.

    They are stopped in the order given, so name the first of a pipeline first. `say` gets one line about what
    happens. Its methods may be called from any thread.
    """

    def __init__(self, programs: Sequence[Program], logs: Path, say: Callable[[str], None] = lambda _: None) -> None:
        self._say = say
        self._watched = {
            program.name: _Watched(
                program,
                Child(program.name, program.command, log=logs / f"{program.name}.log", environment=program.environment),
            )
            for program in programs
        }
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def start(self) -> None:
        """Start all; they are not ready yet when it returns."""
        for watched in self._watched.values():
            self._launch(watched)
        self._watcher.start()

    def wait_ready(self, seconds: float = 180.0) -> None:
        """Wait until each says 200 on `/readyz`. Raises `StartError`: which does not, why, how its log ends."""
        ended = wait_until(lambda: self._any_given_up() or not self._not_ready(), seconds)
        if ended and not self._any_given_up():
            return
        late = self._not_ready()
        if late:
            named = ", ".join(f"{name} ({why})" for name, why in late.items())
            tails = "\n".join(f"--- {self.log(name)}\n{self._watched[name].child.log_tail()}" for name in late)
            raise StartError(f"not ready after {seconds:.0f} s at most: {named}. Their logs end:\n{tails}")

    def ready(self, name: str) -> bool:
        """Whether that one runs and says 200 on `/readyz` now."""
        return not self._why_not_ready(self._watched[name])

    def pid(self, name: str) -> int | None:
        """Its process id, None while it does not run."""
        return self._watched[name].child.pid

    def restarts(self, name: str) -> int:
        return self._watched[name].restarts

    def log(self, name: str) -> Path:
        return self._watched[name].child.log

    def kill(self, name: str) -> None:
        """SIGKILL to that process and its group, for tests; it is restarted as after any other death."""
        self._watched[name].child.kill()

    def stop(self) -> None:
        """End all, one after the other; nothing is restarted any more."""
        self._stopping.set()
        if self._watcher.is_alive():
            self._watcher.join()
        for watched in self._watched.values():
            watched.child.stop()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _launch(self, watched: _Watched) -> None:
        watched.child.start()
        watched.started, watched.restart_at = time.monotonic(), None

    def _watch(self) -> None:
        while not self._stopping.wait(WATCH_SECONDS):
            for watched in self._watched.values():
                if watched.child.pid is None and not watched.given_up:
                    self._revive(watched, time.monotonic())

    def _revive(self, watched: _Watched, now: float) -> None:
        if watched.restart_at is None:
            self._plan_restart(watched, now)
        elif now >= watched.restart_at:
            watched.restarts += 1
            self._launch(watched)

    def _plan_restart(self, watched: _Watched, now: float) -> None:
        code, name = watched.child.exit_code, watched.program.name
        watched.child.kill()  # what it may have left of its group
        if code == WRONG_CONFIGURATION:
            watched.given_up = True
            self._say(f"{name} refuses its configuration and is not restarted; see {watched.child.log}")
            return
        if now - watched.started > STEADY_SECONDS:
            watched.pause = FIRST_PAUSE
        self._say(f"{name} ended ({_how(code)}); restarted in {watched.pause:.1f} s")
        watched.restart_at, watched.pause = now + watched.pause, min(watched.pause * 2, LONGEST_PAUSE)

    def _not_ready(self) -> dict[str, str]:
        whys = {name: self._why_not_ready(watched) for name, watched in self._watched.items()}
        return {name: why for name, why in whys.items() if why}

    def _why_not_ready(self, watched: _Watched) -> str:
        return why_not_ready(watched.program.health_port) if watched.child.pid else "it does not run"

    def _any_given_up(self) -> bool:
        return any(watched.given_up for watched in self._watched.values())


def interrupt_on_signals() -> None:
    """From here on SIGTERM ends the program as Ctrl-C does: by KeyboardInterrupt, through every `with` block.

    SIGINT is named too: a shell script starts what it puts into the background with SIGINT ignored, and Python leaves
    it so.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)


def why_not_ready(port: int) -> str:
    """Why the process that serves `/readyz` there is not ready, "" where it is."""
    connection = HTTPConnection(HOST, port, timeout=2)
    with closing(connection):
        try:
            connection.request("GET", "/readyz")
            response = connection.getresponse()
            answer = response.read(1000).decode("utf-8", "replace")
        except (OSError, HTTPException):
            return "/readyz does not answer yet"
    return "" if response.status == HTTPStatus.OK else f"{response.status} {answer}".strip()


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        return signal.Signals(-code).name
    return f"exit code {code}"
