"""The child's side of work within limits of CPU and memory.

Its stdin is the socket to the process that started it, its stdout the file for its answers.

It ends by itself when that process does (end of file), and before a piece of work takes more than its share: over the
CPU limit by SIGPROF, over the memory limit with exit code `OVER_MEMORY`. It holds nothing worth keeping.
"""

import os
import resource
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Any

from runtime import child_answers, child_frames

OVER_MEMORY = 75
_MEMORY_NOW = Path("/proc/self/statm")


def serve(work: Callable[[Any, Any], Iterator[Any]], memory_bytes: int) -> None:
    """Answers until the other side closes the socket: `work` gets what the child was started with, and what is asked.

    What it yields counts as answered at once, whatever ends the child afterwards.

    `memory_bytes`: more than the process has when it is ready.
    """
    sys.excepthook = _tell_place
    for number in (signal.SIGINT, signal.SIGTERM):  # told to the whole group: whoever started it first ends its batch
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    file = FileIO(sys.stdout.fileno(), "w", closefd=False)
    with socket.socket(fileno=sys.stdin.fileno()) as channel, channel.makefile("rb") as stream:
        try:
            given = child_frames.receive(stream)
            child_frames.send(channel, None)
            _limit_memory(memory_bytes)
            while True:
                written = child_answers.Writer(file)
                for answer in work(given, child_frames.receive(stream)):
                    written.add(answer)
                    del answer  # for the sake of memory: the next one is made meanwhile
                limit_cpu(0)
                child_frames.send(channel, None)
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return
        except MemoryError:
            os._exit(OVER_MEMORY)


def limit_cpu(seconds: float) -> None:
    """From now on; 0: no limit. `ITIMER_PROF` counts CPU, so that a busy machine condemns nothing."""
    signal.setitimer(signal.ITIMER_PROF, seconds)


def _limit_memory(more: int) -> None:
    """Address space, as Linux alone can count and limit it."""
    if not _MEMORY_NOW.exists():
        return
    limit = int(_MEMORY_NOW.read_text().split()[0]) * resource.getpagesize() + more
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (limit if most == resource.RLIM_INFINITY else min(limit, most), most))


def _tell_place(kind: type[BaseException], _error: BaseException, trace: TracebackType | None) -> None:
    """Where a fault of ours lies, on stderr; an error's text may hold content of what was worked on."""
    traceback.print_tb(trace)
    sys.stderr.write(f"{kind.__name__}\n")
