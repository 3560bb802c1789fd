"""Jobs in the background: started, watched, cancelled, and their results kept in memory until the process ends."""

import json
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import IO, Any, Literal

from console.config import ConsoleConfig
from console.errors import UserError
from console.jobs.kinds import BY_NAME
from console.live.hub import Tell
from runtime.telemetry.logs import get_logger

log = get_logger(__name__)

JOBS = "jobs"  # what open pages are told by
KEPT = 12  # jobs; results are bounded by `kinds.py`
MAX_LINE_BYTES = 8_000_000
END_SECONDS = 5.0
State = Literal["running", "done", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Job:
    """One job as it stands. `done` of `of` (None: unknown), `doing`: of what. `result` where it is done.

    `failure`: what went wrong and what to do about it.
    """

    id: str
    kind: str
    who: str
    started: datetime
    given: Mapping[str, Any] = field(default_factory=dict)
    of: int | None = None
    state: State = "running"
    ended: datetime | None = None
    done: int = 0
    doing: str = ""
    result: Mapping[str, Any] | None = None
    failure: tuple[str, str] | None = None

    @property
    def title(self) -> str:
        return BY_NAME[self.kind].title

    @property
    def running(self) -> bool:
        return self.state == "running"


class Jobs:
    """One job of a kind at a time. Every method may be called from any thread. `changed` is called from any."""

    def __init__(self, config: ConsoleConfig, changed: Tell, command: Sequence[str] = ()) -> None:
        self._config = config
        self._changed = changed
        self._command = tuple(command) or (sys.executable, "-m", "console.jobs.child")
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._threads: dict[str, threading.Thread] = {}

    def start(self, kind: str, given: Mapping[str, Any], who: str, of: int | None = None) -> Job:
        """Raises `UserError` where one of the kind is running."""
        with self._lock:
            running = next((job for job in self._jobs.values() if job.kind == kind and job.running), None)
            if running is not None:
                raise UserError(
                    f"{running.title} is running already, started by {running.who}",
                    "wait for its end, or cancel it; two at once would only slow each other down",
                )
            job = Job(uuid.uuid4().hex[:12], kind, who, datetime.now(UTC), dict(given), of)
            self._processes[job.id] = self._start_child(job)
            self._jobs[job.id] = job
            self._forget_old()
            thread = threading.Thread(target=self._watch, args=(job.id,), name=f"job-{kind}", daemon=True)
            self._threads[job.id] = thread
        log.info("a job was started", kind=kind, job=job.id, who=who)
        thread.start()
        self._changed((JOBS,))
        return job

    def all(self) -> tuple[Job, ...]:
        """The newest first."""
        with self._lock:
            return tuple(reversed(self._jobs.values()))

    def get(self, id_: str) -> Job | None:
        with self._lock:
            return self._jobs.get(id_)

    def cancel(self, id_: str) -> bool:
        """Ends it; False where it does not run any more. What it has done by then stays done."""
        with self._lock:
            job, process = self._jobs.get(id_), self._processes.get(id_)
            if job is None or not job.running or process is None:
                return False
            self._jobs[id_] = replace(job, state="cancelled", ended=datetime.now(UTC))
        process.terminate()
        log.info("a job was cancelled", kind=job.kind, job=id_)
        self._changed((JOBS,))
        return True

    def wait(self, id_: str, seconds: float) -> Job | None:
        """Until it has ended, or `seconds`."""
        thread = self._threads.get(id_)
        if thread is not None:
            thread.join(seconds)
        return self.get(id_)

    def close(self) -> None:
        """Cancels what runs."""
        for job in self.all():
            self.cancel(job.id)
        for thread in list(self._threads.values()):
            thread.join(END_SECONDS)

    def _start_child(self, job: Job) -> subprocess.Popen[str]:
        # It finds the code wherever this process found it.
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8", env=environment
        )
        assert process.stdin is not None
        config = self._config.model_dump(mode="json", include=set(ConsoleConfig.model_fields))  # not the window's own
        asked = {"kind": job.kind, "given": dict(job.given), "config": config}
        process.stdin.write(json.dumps(asked) + "\n")  # by stdin: an argument, and the environment, can be seen
        process.stdin.flush()
        return process

    def _watch(self, id_: str) -> None:
        """Takes what the child tells, until it ends."""
        process = self._processes[id_]
        assert process.stdin is not None and process.stdout is not None
        last: Mapping[str, Any] = {}
        for last in _lines(process.stdout):
            if "done" in last:
                self._update(id_, partial(_moved, line=last))
        process.stdin.close()
        code = _end(process)
        now = datetime.now(UTC)
        self._update(id_, lambda job: _ended(job, last, code, now))
        with self._lock:
            self._processes.pop(id_, None)
            self._threads.pop(id_, None)

    def _update(self, id_: str, change: Callable[[Job], Job]) -> None:
        with self._lock:
            job = self._jobs.get(id_)
            if job is None or not job.running:
                return
            self._jobs[id_] = change(job)
        self._changed((JOBS,))

    def _forget_old(self) -> None:
        ended = [job.id for job in self._jobs.values() if not job.running]
        for id_ in ended[: max(0, len(self._jobs) - KEPT)]:
            del self._jobs[id_]


def _lines(stream: IO[str]) -> Iterator[Mapping[str, Any]]:
    while line := stream.readline(MAX_LINE_BYTES):
        try:
            yield json.loads(line)
        except ValueError:
            continue  # not ours: a library that prints


def _end(process: subprocess.Popen[str]) -> int:
    try:
        return process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _moved(job: Job, line: Mapping[str, Any]) -> Job:
    return replace(job, done=line["done"], doing=line["doing"])


def _ended(job: Job, last: Mapping[str, Any], code: int, now: datetime) -> Job:
    if "result" in last:
        return replace(job, state="done", ended=now, result=last["result"])
    if "failed" in last:
        return replace(job, state="failed", ended=now, failure=(last["failed"]["text"], last["failed"]["remedy"]))
    what = f"it ended with exit code {code} before it was done"
    return replace(job, state="failed", ended=now, failure=(what, "the log of the window says why; start it again"))
