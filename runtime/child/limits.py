"""The child's side: work within limits of CPU and memory.

Its stdin is the socket to the process that started it, its stdout the file of questions and results.

It ends on its own when that process does (end of file), and before a question takes more than its share: over the
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

from runtime.child import channel as pipe

OVER_MEMORY = 75
_MEMORY_NOW = Path("/proc/self/statm")


def serve(work: Callable[[Any, Any], Iterator[Any]], memory_bytes: int) -> None:
    """Works until the other side closes the socket: `work` gets what the child was started with, and the question.

    Each result that it yields is kept, whatever ends the child afterwards.

    `memory_bytes`: more than the process has when it is ready.
    """
    sys.excepthook = _print_place
    for number in (
        signal.SIGINT,
        signal.SIGTERM,
    ):  # sent to the whole group: the process that started it first ends its batch
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    file = pipe.SharedFile(FileIO(sys.stdout.fileno(), "r+", closefd=False))
    with socket.socket(fileno=sys.stdin.fileno()) as channel, channel.makefile("rb") as stream:
        try:
            given = pipe.receive(stream)
            pipe.send(channel, None)
            _limit_memory(memory_bytes)
            while True:
                pipe.receive(stream)
                for result in work(given, file.read_question()):
                    file.add(result)
                    del result  # for the sake of memory: the next one is made meanwhile
                limit_cpu(0)
                pipe.send(channel, None)
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


def _print_place(kind: type[BaseException], _error: BaseException, trace: TracebackType | None) -> None:
    """Where a fault of ours lies, on stderr; an error's text may hold content of what was worked on."""
    traceback.print_tb(trace)
    sys.stderr.write(f"{kind.__name__}\n")
