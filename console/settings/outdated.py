"""A file that was exported before somebody else's change: applying it would undo that change unseen."""

from collections.abc import Callable, Sequence

from console.audit.history import PastChange, last_change
from console.errors import Remedy, SettingsError
from console.settings.apply import Plan
from console.settings.exported import describe_change_since
from console.settings.setters import foreign_publisher
from console.settings.settings_file import SettingsFile
from console.settings.state import State


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
        raise SettingsError.of(
            tuple(
                file.problem(key, (), f"{why}{_last(past, key, state)}", Remedy.APPLY_EXPORTED) for key, why in found
            ),
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
