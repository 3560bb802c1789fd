"""Two builds measured in turns: their order, and what one costs as a share of the other. Pure.

A machine changes its speed while it is measured: by load, heat, and neighbours on a virtual one. So the two are
measured in turns that lie next to one another (A B B A A B ...), and each pair of turns gives a ratio. The median of
the ratios is the result; how far apart they lie tells how far to believe it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

T = TypeVar("T")
Figures = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Ratio:
    """The median of the ratios of all pairs, and their middle half: a quarter lies below `low`, one above `high`."""

    median: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float]:
        return {"median": self.median, "low": self.low, "high": self.high}


def in_turns(sides: Sequence[T], rounds: int) -> Iterator[T]:
    """Each side once a round, every other round in reverse: A B, B A, A B ..."""
    for number in range(rounds):
        yield from sides if number % 2 == 0 else reversed(sides)


def ratios(these: Sequence[Figures], those: Sequence[Figures]) -> dict[str, Ratio]:
    """By name, what these cost as a share of those; the figures at one position are of turns next to one another.

    A name that one of them does not have, and one that costs nothing on that side, is left out.
    """
    common = [name for name in these[0] if all(side.get(name) for side in (*these, *those))] if these else []
    return {name: _ratio([this[name] / that[name] for this, that in zip(these, those, strict=True)]) for name in common}


def mean(figures: Sequence[Figures]) -> dict[str, float]:
    """By name, of all that have it; where one does not, it counts as nothing."""
    names = dict.fromkeys(name for one in figures for name in one)
    return {name: round(sum(one.get(name, 0.0) for one in figures) / len(figures), 3) for name in names}


def _ratio(all_pairs: Sequence[float]) -> Ratio:
    ranked = sorted(all_pairs)
    quarter = len(ranked) // 4
    return Ratio(round(median(ranked), 3), round(ranked[quarter], 3), round(ranked[-1 - quarter], 3))
