"""`python -m resolver.sandbox.child`: examines groups of mails within limits (`runtime/bounded_child.py`).

It is started with the desk's own addresses, and asked with lists of raw mails.
"""

from collections.abc import Callable, Iterator
from typing import Any

from resolver.resolve import Examined, examine
from resolver.sandbox.plain import plain
from runtime import bounded_child

Examine = Callable[[bytes, frozenset[str]], Examined]

CPU_SECONDS = 2.0  # a mail
MEMORY_BYTES = 208 << 20  # more than the process has when it is ready: 256 MiB in all


def serve(examine: Examine) -> None:
    """Answers until the resolver closes the socket."""

    def answers(own: frozenset[str], raws: list[bytes]) -> Iterator[Any]:
        """Each mail has its own share of CPU, and is forgotten when it is read."""
        raws.reverse()
        while raws:
            bounded_child.limit_cpu(CPU_SECONDS)
            yield plain(examine(raws.pop(), own))

    bounded_child.serve(answers, MEMORY_BYTES)


if __name__ == "__main__":
    serve(examine)
