"""`python -m resolver.reading.child`: examines groups of mails; its stdin is the socket to the resolver.

It ends by itself when the resolver does (end of file), and before a mail takes more than its share: a mail over the
CPU limit ends it by SIGPROF, one over the memory limit with exit code `OVER_MEMORY`. It holds nothing worth keeping.
"""

import os
import resource
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from resolver.reading import frames
from resolver.resolve import Examined, examine

Examine = Callable[[bytes, frozenset[str]], Examined]

CPU_SECONDS = 2.0  # a mail
MEMORY_BYTES = 256 << 20  # more than the process has when it is ready
OVER_MEMORY = 75
_MEMORY_NOW = Path("/proc/self/statm")


def serve(examine: Examine) -> None:
    """Answers until the resolver closes the socket."""
    sys.excepthook = _tell_place
    for number in (signal.SIGINT, signal.SIGTERM):  # told to the whole group: the resolver first ends its batch
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    with socket.socket(fileno=sys.stdin.fileno()) as channel, channel.makefile("rb") as stream:
        try:
            own = frames.receive(stream)
            frames.send(channel, None)
            _limit_memory()
            while True:
                frames.send(channel, _answer(frames.receive(stream), own, examine))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return
        except MemoryError:
            os._exit(OVER_MEMORY)


def _answer(raws: Sequence[bytes], own: frozenset[str], examine: Examine) -> Any:
    """Each mail has its own share of CPU."""
    examined = []
    for raw in raws:
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        examined.append(examine(raw, own))
    answer = frames.plain(examined)
    signal.setitimer(signal.ITIMER_PROF, 0)
    return answer


def _limit_memory() -> None:
    """Address space, as Linux alone can count and limit it."""
    if not _MEMORY_NOW.exists():
        return
    limit = int(_MEMORY_NOW.read_text().split()[0]) * resource.getpagesize() + MEMORY_BYTES
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (limit if most == resource.RLIM_INFINITY else min(limit, most), most))


def _tell_place(kind: type[BaseException], _error: BaseException, trace: TracebackType | None) -> None:
    """Where a fault of ours lies, on stderr; an error's text may hold content of the mail."""
    traceback.print_tb(trace)
    sys.stderr.write(f"{kind.__name__}\n")


if __name__ == "__main__":
    serve(examine)
