"""What several fields of a model have to fulfil together: checks as data, so that all that is wrong is told at once.

A model refuses the first that is broken, as any validator does. `misfits` tells all of them, each with its fields, and
leaves a check alone where one of its fields is wrong by itself.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from pydantic import model_validator

from schemas.base import Model

FieldPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Misfit:
    """What is wrong, and what to do. `fields`: all that it is about, e.g. `(("after_fetch",), ("move_to",))`."""

    fields: tuple[FieldPath, ...]
    text: str
    remedy: str


class MisfitError(ValueError):
    """Raised by a model whose fields do not fit together: the first misfit's text."""


@dataclass(frozen=True, slots=True)
class Together:
    """One check of these fields; `misfits` is asked only where each of them is right by itself."""

    fields: tuple[str, ...]
    misfits: Callable[[Any], Iterable[Misfit]]


def together(fields: str, fit: Callable[[Any], bool], text: str, remedy: str) -> Together:
    """The check whether these fields (words) fit."""
    names = tuple(fields.split())
    misfit = Misfit(tuple((name,) for name in names), text, remedy)
    return Together(names, lambda value: () if fit(value) else (misfit,))


class Checked(Model):
    """A model with checks of several fields."""

    TOGETHER: ClassVar[tuple[Together, ...]] = ()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        first = next(misfits(type(self), self), None)
        if first is not None:
            raise MisfitError(first.text)
        return self


def misfits(model: type[Checked], value: Any, wrong: frozenset[str] = frozenset()) -> Iterator[Misfit]:
    """All that does not fit. `value` has the model's fields as attributes; `wrong`: those that count for nothing."""
    for check in model.TOGETHER:
        if not wrong.intersection(check.fields):
            yield from check.misfits(value)
