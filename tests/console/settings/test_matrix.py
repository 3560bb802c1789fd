"""The Priority Matrix as a grid: what is missing, what a form says, what stays where values are renamed or moved."""

from console.settings.matrix import COLUMN, MAX_CELLS, PRIORITY, ROW, Form, Grid, grid_of, read_grid

PARTITION = {
    "impacts": ("High", "Low"),
    "urgencies": ("Now", "Later"),
    "priorities": ("P1", "P2"),
    "priority_matrix": {"High": {"Now": "P1", "Later": "P2"}, "Low": {"Now": "P2"}},
}


def _as_form(grid: Grid) -> dict[str, list[str]]:
    """What a browser sends of the grid as it is shown."""
    form = {ROW: list(grid.impacts), COLUMN: list(grid.urgencies), PRIORITY: list(grid.priorities)}
    return form | {cell.name: [cell.priority] for _, cells in grid.rows for cell in cells}


def _read(form: Form, **changed: tuple[str, ...]) -> Grid:
    values = {name: changed.get(name, PARTITION[name]) for name in ("impacts", "urgencies", "priorities")}
    return read_grid(form, **values)  # type: ignore[arg-type]


def test_missing_combinations_are_named_and_filled_with_one_priority() -> None:
    grid = grid_of(PARTITION)
    assert [(cell.impact, cell.urgency) for cell in grid.missing] == [("Low", "Later")]
    filled = grid.filled("P1")
    assert filled.missing == ()
    assert filled.matrix == {"High": {"Now": "P1", "Later": "P2"}, "Low": {"Now": "P2", "Later": "P1"}}


def test_what_the_form_says_is_the_matrix() -> None:
    form = _as_form(grid_of(PARTITION))
    assert _read(form).matrix == PARTITION["priority_matrix"]
    form["matrix.cell.1.1"] = ["P1"]
    assert _read(form).matrix["Low"] == {"Now": "P2", "Later": "P1"}


def test_a_priority_that_the_partition_has_not_counts_as_missing() -> None:
    form = _as_form(grid_of(PARTITION))
    form["matrix.cell.0.0"] = ["P9"]
    assert [(cell.impact, cell.urgency) for cell in _read(form).missing] == [("High", "Now"), ("Low", "Later")]


def test_cells_stay_with_their_values_when_these_are_added_moved_or_taken_away() -> None:
    form = _as_form(grid_of(PARTITION))
    grid = _read(form, impacts=("Low", "Medium", "High"), urgencies=("Later",))
    assert grid.matrix == {"Low": {}, "Medium": {}, "High": {"Later": "P2"}}


def test_a_renamed_value_keeps_its_cells_and_a_swap_is_no_renaming() -> None:
    form = _as_form(grid_of(PARTITION))
    renamed = _read(form, impacts=("Everybody", "Low"), priorities=("Urgent", "P2"))
    assert renamed.matrix == {"Everybody": {"Now": "Urgent", "Later": "P2"}, "Low": {"Now": "P2"}}
    swapped = _read(form, impacts=("Low", "High"))
    assert swapped.matrix == {"Low": {"Now": "P2"}, "High": {"Now": "P1", "Later": "P2"}}


def test_names_that_look_like_fields_or_markup_are_only_names() -> None:
    hostile = ("matrix.cell.0.0", "<b>\u202e")
    grid = Grid(hostile, hostile, ("__proto__",), {}).filled("__proto__")
    read = read_grid(_as_form(grid), hostile, hostile, ("__proto__",))
    assert read.matrix == {one: dict.fromkeys(hostile, "__proto__") for one in hostile}


def test_a_matrix_beyond_what_a_page_can_show_is_not_read_from_a_form() -> None:
    many = tuple(map(str, range(100_000)))
    grid = _read(_as_form(grid_of(PARTITION)), impacts=many, urgencies=many)
    assert grid.too_large
    assert (grid.chosen, grid.rows, grid.missing, grid.matrix) == ({}, (), (), {})
    just_too_many = _read(_as_form(grid_of(PARTITION)), impacts=many[: MAX_CELLS // 2 + 1])
    assert just_too_many.chosen == {}
    assert _read(_as_form(grid_of(PARTITION)), priorities=many[:101]).too_large
    forged = {ROW: many[:1_000], COLUMN: many[:1_000]}
    assert _read(forged).chosen == {}


def test_a_partition_that_is_only_begun_has_an_empty_grid() -> None:
    grid = grid_of({})
    assert (grid.rows, grid.missing, grid.matrix) == ((), (), {})
