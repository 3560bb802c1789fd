"""A file that was exported before somebody else's change: applying it would undo that change unseen."""

from collections.abc import Callable, Sequence

from console.operations.apply import Plan
from console.operations.exported import describe_change_since
from console.operations.history import PastChange, last_change
from console.operations.problems import SettingsError
from console.operations.setters import foreign_publisher
from console.operations.settings_file import SettingsFile
from console.operations.state import State

_REMEDY = (
    "export again and make your change there; or `--overwrite` applies the file as it is, "
    "and with `--dry-run` shows what that changes"
)


def check_not_outdated(
    file: SettingsFile, plan: Plan, state: State, history: Callable[[], Sequence[PastChange]]
) -> None:
    """Raises `SettingsError` for all that the plan changes and that is not what it was when the file was exported.

    `history` is only asked for where there is such a thing: it tells who made the change.
    """
    found = [
        (change.key, why)
        for change in plan.effective
        if (why := describe_change_since(file.exported, change.key, state))
    ]
    if found:
        past = history()
        raise SettingsError(
            tuple(file.problem(key, (), f"{why}{_last(past, key, state)}", _REMEDY) for key, why in found),
        )


def _last(history: Sequence[PastChange], key: str, state: State) -> str:
    publisher = foreign_publisher(state, key)
    if publisher:
        return f", last by {publisher}"
    last = last_change(history, key)
    if last is None:
        return ""
    fields = ", ".join(one.field for one in last.fields[:5])
    return f", last by {last.who} at {last.at.isoformat(timespec='seconds')}" + (f" ({fields})" if fields else "")
