"""The base of every model that travels, and checks across several fields of one.

Checks are data, so that everything wrong is reported at once: a model refuses the first broken check, as any
validator does; `misfits` yields all of them, each with its fields, and skips a check if one of its fields is already
wrong by itself.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator


class Model(BaseModel):
    """Frozen; unknown fields are ignored, so that an older reader survives a newer writer.

    Where a person types (`mailcall apply`), validation is called with `extra="forbid"`, so that a typing error is told.
    A model's validator is built when it is first used: a process uses some of those that the catalogue imports.
    """

    model_config = ConfigDict(
        frozen=True, extra="ignore", populate_by_name=True, hide_input_in_errors=True, defer_build=True
    )


CONTROL_FREE = r"^[^\x00-\x1f\x7f]*$"

# One line of text, safe to stand in a header, a command or a log: no control characters (RFC 5322, section 2.2).
Line = Annotated[str, StringConstraints(pattern=CONTROL_FREE, max_length=1000)]
# The name an administrator gives to a server, template, partition or person; also a Kafka key and a file name.
Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]*$", max_length=100)]
PLAIN_TEXT = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"

# Lines of text that somebody writes: tabs and line ends are the only control characters in them.
Text = Annotated[str, StringConstraints(pattern=PLAIN_TEXT, max_length=100_000)]
# The name of a further field of an item.
FieldName = Annotated[str, StringConstraints(pattern=CONTROL_FREE, min_length=1, max_length=100)]

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
