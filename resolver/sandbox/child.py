"""`python -m resolver.sandbox.child`: examines groups of messages within limits (`runtime/child/limits.py`).

It is started with the desk's own addresses, and asked with lists of raw mails.
"""

from runtime.garbage import collect_nothing

if __name__ == "__main__":
    collect_nothing()  # while everything else is imported

from collections.abc import Callable, Iterator
from typing import Any

from resolver.examine import examine
from resolver.resolve import Examined
from resolver.sandbox.forms import plain
from runtime.child import limits
from runtime.garbage import collect_seldom

Examine = Callable[[bytes, frozenset[str]], Examined]

CPU_SECONDS = 2.0  # for any mail
CPU_SECONDS_PER_MB = 0.1  # more: what its steps take is in proportion to its size, and slow machines read it whole, too
MEMORY_BYTES = 208 << 20  # more than the process has when it is ready: 256 MiB in all


def cpu_seconds(size: int) -> float:
    """How much CPU reading a mail of that many bytes may take."""
    return CPU_SECONDS + size / 1_000_000 * CPU_SECONDS_PER_MB


def serve(examine: Examine) -> None:
    """Answers until the resolver closes the socket."""

    def answers(own: frozenset[str], raws: list[bytes]) -> Iterator[Any]:
        """Each mail has its own share of CPU, and is forgotten when it is read."""
        raws.reverse()
        while raws:
            limits.limit_cpu(cpu_seconds(len(raws[-1])))
            yield plain(examine(raws.pop(), own))

    limits.serve(answers, MEMORY_BYTES)


if __name__ == "__main__":
    collect_seldom()
    serve(examine)
