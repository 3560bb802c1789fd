"""Examining without the child process, for tests of what comes after it."""

from collections.abc import Sequence

from resolver.examine import examine
from resolver.resolve import Examined


def examine_here(mails: Sequence[tuple[str, bytes]], own: frozenset[str]) -> list[Examined]:
    """In this process; that the child gives the same is `test_reading.py`'s matter."""
    return [examine(raw, own) for _, raw in mails]
