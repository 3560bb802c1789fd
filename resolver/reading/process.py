"""One child process that reads: started, asked, ended; and what it ended by."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from enum import StrEnum

from resolver.reading import child, frames
from resolver.resolve import Examined
from runtime.outcomes import OutageError
from schemas.reasons import Reason

# glibc gives large blocks back to the system and fetches them anew for the next mail, page by page: kept, a mail costs
# 0.1 ms less. Other C libraries do not read these.
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
_LIMITS = {-signal.SIGPROF: Limit.CPU, child.OVER_MEMORY: Limit.MEMORY}


class ChildEndedError(Exception):
    """The child ended, or was ended, with mails in hand."""

    def __init__(self, limit: Limit) -> None:
        super().__init__(limit)
        self.limit = limit


class ReadingProcess:
    """One running child, for the desk's `own` addresses. Raises `OutageError` where it does not get ready.

    `command` starts it; it answers within `patience` seconds, or is killed.
    """

    def __init__(self, command: Sequence[str], patience: float, own: frozenset[str]) -> None:
        self.own = own
        self._channel, theirs = socket.socketpair()
        self._channel.settimeout(START_SECONDS)
        self._stream = self._channel.makefile("rb")
        # It finds the code wherever this process found it.
        environment = {**os.environ, **_KEEP_MEMORY, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        try:
            with theirs:
                self._process: subprocess.Popen[bytes] = subprocess.Popen(
                    command, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, env=environment
                )
        except OSError as error:
            raise OutageError(Reason.READER_AWAY, f"the child that reads mails does not start: {error}") from None
        try:
            frames.send(self._channel, own)
            frames.receive(self._stream)
        except (EOFError, OSError):
            raise OutageError(
                Reason.READER_AWAY, f"the child that reads mails ended at its start with exit code {self.end()}"
            ) from None
        self._channel.settimeout(patience)

    def examine(self, raws: Sequence[bytes]) -> list[Examined]:
        """Raises `ChildEndedError`; then this child is of no more use."""
        try:
            frames.send(self._channel, raws)  # it reads all of them before it answers: neither waits for the other
            return frames.from_plain(frames.receive(self._stream))
        except TimeoutError:
            self._process.kill()  # it hangs: it would not end by itself either
            self.end()
            raise ChildEndedError(Limit.TIME) from None
        except (EOFError, OSError):
            code = self.end()
            raise ChildEndedError(_LIMITS.get(code, Limit.CRASH)) from None

    def end(self) -> int:
        """Lets it end, or kills it where it does not; its exit code."""
        self._stream.close()
        self._channel.close()
        try:
            return self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
