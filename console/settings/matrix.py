"""The Priority Matrix as a grid of cells: what a form shows of it, and what a form says of it. Pure.

A cell's form field is named by its place, since an impact may be any line of text. The form says beside it which impact
and urgency stood there (`ROW`, `COLUMN`) and which priorities there were, so that values can be added, renamed and
moved while the grid is being filled.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

ROW, COLUMN, PRIORITY = "matrix.row[]", "matrix.column[]", "matrix.priority[]"
_CELL = "matrix.cell.{}.{}"
MAX_PRIORITIES = 100  # each cell offers all of them
MAX_CELLS = 1_000  # as many selects as a page and a person can bear; a larger matrix is set by a settings file

Form = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Cell:
    """One place of the grid. `priority` is empty where none is chosen, or one that the partition no longer has."""

    name: str
    impact: str
    urgency: str
    priority: str


@dataclass(frozen=True, slots=True)
class Grid:
    """The matrix of these values. `chosen`: impact -> urgency -> priority, with or without what the values need."""

    impacts: tuple[str, ...]
    urgencies: tuple[str, ...]
    priorities: tuple[str, ...]
    chosen: Mapping[str, Mapping[str, str]]

    @property
    def too_large(self) -> bool:
        return self.size > MAX_CELLS or len(self.priorities) > MAX_PRIORITIES

    @property
    def rows(self) -> tuple[tuple[str, tuple[Cell, ...]], ...]:
        """Each impact with its cells, in the order of the urgencies; none where there are too many to be shown."""
        if self.too_large:
            return ()
        return tuple(
            (
                impact,
                tuple(
                    Cell(_CELL.format(row, column), impact, urgency, self._priority(impact, urgency))
                    for column, urgency in enumerate(self.urgencies)
                ),
            )
            for row, impact in enumerate(self.impacts)
        )

    @property
    def missing(self) -> tuple[Cell, ...]:
        """The cells that have no priority yet."""
        return tuple(cell for _, cells in self.rows for cell in cells if not cell.priority)

    @property
    def size(self) -> int:
        return len(self.impacts) * len(self.urgencies)

    @property
    def matrix(self) -> dict[str, dict[str, str]]:
        """`priority_matrix` as a partition has it; what is missing is left out."""
        return {impact: {cell.urgency: cell.priority for cell in cells if cell.priority} for impact, cells in self.rows}

    def filled(self, priority: str) -> "Grid":
        """The same grid, and this priority wherever there was none."""
        chosen = {impact: {cell.urgency: cell.priority or priority for cell in cells} for impact, cells in self.rows}
        return replace(self, chosen=chosen)

    def _priority(self, impact: str, urgency: str) -> str:
        priority = self.chosen.get(impact, {}).get(urgency, "")
        return priority if priority in self.priorities else ""


def grid_of(entry: Mapping[str, Any]) -> Grid:
    """The grid of a partition as plain data, such as `Partition.model_dump()`, or of one that is not complete."""
    impacts, urgencies, priorities = (tuple(entry.get(name) or ()) for name in ("impacts", "urgencies", "priorities"))
    return Grid(impacts, urgencies, priorities, entry.get("priority_matrix") or {})


def read_grid(form: Form, impacts: Sequence[str], urgencies: Sequence[str], priorities: Sequence[str]) -> Grid:
    """The grid of these values with what the form's cells say.

    A cell stays with its impact and urgency, wherever they have moved. Where one value alone stands in another's place,
    it has been renamed and takes the cells over; a priority that was renamed keeps its cells likewise.
    """
    rows, columns = form.get(ROW, ()), form.get(COLUMN, ())
    grid = Grid(tuple(impacts), tuple(urgencies), tuple(priorities), {})
    if grid.too_large or len(rows) * len(columns) > MAX_CELLS:
        return grid
    said = {
        (impact, urgency): form.get(_CELL.format(row, column), ("",))[0]
        for row, impact in enumerate(rows)
        for column, urgency in enumerate(columns)
    }
    impact_before, urgency_before = _renamed(rows, impacts), _renamed(columns, urgencies)
    priority_now = {before: now for now, before in _renamed(form.get(PRIORITY, ()), priorities).items()}
    chosen: dict[str, dict[str, str]] = {impact: {} for impact in impacts}
    for impact in impacts:
        for urgency in urgencies:
            former = impact_before.get(impact, impact), urgency_before.get(urgency, urgency)
            priority = said.get(former, "")
            chosen[impact][urgency] = priority_now.get(priority, priority)
    return replace(grid, chosen=chosen)


def _renamed(before: Sequence[str], after: Sequence[str]) -> dict[str, str]:
    """New name -> old name, of each value that alone has taken another's place."""
    if len(before) != len(after):
        return {}
    pairs = zip(before, after, strict=True)
    return {new: old for old, new in pairs if old != new and new not in before and old not in after}
