"""Telling how far the reading of a topic has come."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
Seen = Callable[[int], None]  # is told how many have been read


def ignore(_done: int) -> None:
    """For whoever does not want to be told."""


def counted(values: Iterable[T], seen: Seen) -> Iterator[T]:
    """The same values; `seen` is told of every hundredth."""
    for number, value in enumerate(values, 1):
        yield value
        if number % 100 == 0:
            seen(number)
