"""The process's side: a child that works within limits is started, asked, ended; and what it ended by."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from runtime.child import channel, limits
from runtime.outages import OutageError
from schemas.reasons import Reason

# glibc gives large blocks back to the system and fetches them again for the next message, page by page: kept, a message
# costs 0.1 ms less. Other C libraries do not read these.
_KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(64 << 20)}
START_SECONDS = 60.0
END_SECONDS = 5.0


class Limit(StrEnum):
    """What a child went past, or how else it ended; also the metric's label."""

    CPU = "cpu"
    MEMORY = "memory"
    TIME = "time"
    CRASH = "crash"


# By the exit code.
_LIMITS = {-signal.SIGPROF: Limit.CPU, limits.OVER_MEMORY: Limit.MEMORY}


class ChildEndedError(Exception):
    """The child ended, or was ended, during a question; `answers`: the results that it had given before."""

    def __init__(self, limit: Limit, answers: list[Any]) -> None:
        super().__init__(limit)
        self.limit = limit
        self.answers = answers


class ChildProcess:
    """One running child, which has got ready with `given`. Raises `OutageError` where it does not get ready.

    `command` starts it; it responds within `patience` seconds, or is killed. `duty`: what it does, for the error.
    """

    def __init__(self, command: Sequence[str], patience: float, given: Any, duty: str) -> None:
        self.given = given
        self._channel, theirs = socket.socketpair()
        self._channel.settimeout(START_SECONDS)
        self._stream = self._channel.makefile("rb")
        file = channel.new_file()
        self._file = channel.SharedFile(file)
        # It finds the code wherever this process found it.
        environment = {**os.environ, **_KEEP_MEMORY, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        try:
            with theirs:
                self._process: subprocess.Popen[bytes] = subprocess.Popen(
                    command, stdin=theirs.fileno(), stdout=file, env=environment
                )
        except OSError as error:
            raise OutageError(Reason.READER_AWAY, f"the child that {duty} does not start: {error}") from None
        try:
            channel.send(self._channel, given)
            channel.receive(self._stream)
        except (EOFError, OSError):
            raise OutageError(
                Reason.READER_AWAY, f"the child that {duty} ended at its start with exit code {self.end()}"
            ) from None
        self._channel.settimeout(patience)

    def ask(self, value: Any) -> list[Any]:
        """The child's results. Raises `ChildEndedError`; then this child is of no more use."""
        self._file.write_question(value)
        try:
            channel.send(self._channel, None)
            channel.receive(self._stream)
            return list(self._file.results())
        except TimeoutError:
            self._process.kill()  # it hangs: it would not end on its own either
            self._wait()
            limit = Limit.TIME
        except (EOFError, OSError):
            limit = _LIMITS.get(self._wait(), Limit.CRASH)
        answers = list(self._file.results())
        self.end()
        raise ChildEndedError(limit, answers)

    def end(self) -> int:
        """Lets it end, or kills it where it does not; its exit code."""
        code = self._wait()
        self._file.close()
        return code

    def _wait(self) -> int:
        self._stream.close()
        self._channel.close()
        try:
            return self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
