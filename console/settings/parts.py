"""Editors for what no plain field can hold: the Priority Matrix, and the rules for mail to closed items. Pure."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from console.settings import partitions
from console.settings.matrix import MAX_CELLS, MAX_PRIORITIES, Grid, grid_of, read_grid
from console.web.form_errors import PageError
from console.web.form_values import Values
from console.web.labels import label
from schemas.base import Model

Form = Mapping[str, Sequence[str]]
FILL, FILL_WITH = "fill", "matrix.fill"  # what a form's `action` is then, and the field that says with what
_NAMED = 3  # combinations that an error names; a longer list is read in the grid


@dataclass(frozen=True, slots=True)
class Part:
    """The editor of one field. What it shows is its own, and goes to the page's template as it is.

    `show`: of a setting as plain data. `read`: of what was typed; `values` are the plain fields of the same form.
    `entry`: what a settings file would hold. `errors`: what is wrong, each at a field of the form.
    """

    show: Callable[[Mapping[str, Any]], Any]
    read: Callable[[Form, Values], Any]
    entry: Callable[[Any], Any]
    errors: Callable[[Any, Values], Iterator[PageError]]


def lines(values: Values, name: str) -> list[str]:
    """The values of a field that has one a line."""
    return [line.strip() for line in str(values.get(name, "")).split("\n") if line.strip()]


def _read_matrix(form: Form, values: Values) -> Grid:
    names = "impacts", "urgencies", "priorities"
    grid = read_grid(form, *(tuple(dict.fromkeys(lines(values, name))) for name in names))
    return grid.filled(_first(form, FILL_WITH)) if _first(form, "action") == FILL else grid


def _matrix_errors(grid: Grid, values: Values) -> Iterator[PageError]:
    for name in ("impacts", "urgencies", "priorities"):
        for value, times in Counter(lines(values, name)).items():
            if times > 1:
                yield PageError(name, f"{label(name)}: {value!r} stands there more than once. Leave one.")
    if grid.too_large:
        yield PageError(
            "priority_matrix",
            f"Priority Matrix: {grid.size} combinations, {len(grid.priorities)} priorities. This page can hold "
            f"{MAX_CELLS} and {MAX_PRIORITIES}. Apply a settings file.",
        )
    elif grid.missing:
        named = ", ".join(f"{cell.impact} × {cell.urgency}" for cell in grid.missing[:_NAMED])
        more = f" and {len(grid.missing) - _NAMED} more" if len(grid.missing) > _NAMED else ""
        yield PageError(
            grid.missing[0].name,
            f"Priority Matrix: There is none for {named}{more}. Choose one in each empty cell, or fill all of them.",
        )


def _no_errors(_shown: object, _values: Values) -> Iterator[PageError]:
    yield from ()


def _first(form: Form, name: str) -> str:
    return next(iter(form.get(name, ())), "")


PARTS: Mapping[str, Part] = {
    "priority_matrix": Part(
        show=grid_of,
        read=_read_matrix,
        entry=lambda grid: grid.matrix,
        errors=_matrix_errors,
    ),
    "after_closing": Part(
        show=lambda setting: partitions.closing_rows(setting.get("after_closing", ())),
        read=lambda form, _values: partitions.read_closing_rows(form),
        entry=partitions.closing_entry,
        errors=_no_errors,
    ),
}


def as_shown(setting: Model) -> dict[str, Any]:
    """A setting as its parts take it: its fields by name."""
    return {name: getattr(setting, name) for name in type(setting).model_fields}
