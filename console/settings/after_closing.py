"""What happens to a mail to a closed item, as rows of a form: the first that fits holds. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, takewhile
from typing import Any

from schemas.settings import AfterClosing

_ACTION, _DAYS = "after_closing.{}.action", "after_closing.{}.within_days"
MAX_RULES = 20

Form = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One row as typed; `action` is empty in a row that says nothing."""

    place: int
    action: str = ""
    within_days: str = ""

    @property
    def action_field(self) -> str:
        return _ACTION.format(self.place)

    @property
    def days_field(self) -> str:
        return _DAYS.format(self.place)


def rows_of(rules: Iterable[AfterClosing]) -> tuple[RuleRow, ...]:
    """The rules, and one row to add another."""
    return _with_free_row(
        RuleRow(place, rule.action, "" if rule.within_days is None else str(rule.within_days))
        for place, rule in enumerate(rules)
    )


def read_rows(form: Form) -> tuple[RuleRow, ...]:
    """What was typed, row by row, without those that say nothing, and one row to add another."""
    places = takewhile(lambda place: place < MAX_RULES and _ACTION.format(place) in form, count())
    typed = ((_first(form, _ACTION.format(place)), _first(form, _DAYS.format(place)).strip()) for place in places)
    return _with_free_row(
        RuleRow(place, action, days) for place, (action, days) in enumerate(one for one in typed if any(one))
    )


def entry_of(rows: Iterable[RuleRow]) -> list[dict[str, Any]]:
    """The rows as a settings file has them; what is no number is told by whoever checks the entry."""
    return [
        {"action": row.action, **({"within_days": row.within_days} if row.within_days else {})}
        for row in rows
        if row.action or row.within_days
    ]


def _with_free_row(rows: Iterable[RuleRow]) -> tuple[RuleRow, ...]:
    kept = tuple(rows)
    return (*kept, RuleRow(len(kept)))


def _first(form: Form, name: str) -> str:
    return next(iter(form.get(name, ())), "")
