"""A setting as people read it: each field with its label, its value in words, and the setting that it leads to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from console.settings.differences import Difference
from console.settings.kinds import BY_NAME, Kind
from console.settings.looks import WHEN_EMPTY
from console.settings.referring import NAMING
from console.web.events import event_words
from console.web.labels import label, word
from schemas.base import Model
from schemas.settings import AfterClosing, Secret

_OF_WORDS = (
    "recipient",
    "tell",
    "transport",
    "cloud",
    "authentication",
)  # fields that hold words of ours, and not of the administrator's
_CLIPPED = 80  # characters of a value in a list
_ACTIONS = {
    "reopen": "Reopen the item",
    "new-call": "Log a new call, linked to it",
    "journal": "Keep it in the item's journal, and no more",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A field as it is read. `kind` and `id`: the setting that it names, where that has a page.

    `is_text`: it has lines of its own. `is_date`: it is not to be broken at its hyphens. `is_empty`: `value` says what
    it means that nothing is set.
    """

    label: str
    value: str
    kind: str = ""
    id: str = ""
    is_text: bool = False
    is_empty: bool = False
    is_date: bool = False


def fields_of(kind: Kind, setting: Model, names: Iterable[str]) -> list[Shown]:
    return [_shown(kind, setting, name) for name in names]


def cells_of(kind: Kind, setting: Model, people: Mapping[str, str]) -> list[Shown]:
    """The columns of a list, long values cut. `people`: names of persons by their ids."""
    return [
        replace(one, value=_clipped(one.value), is_text=False)
        for one in fields_of(kind, with_people(kind, setting, people), kind.columns)
    ]


def persons_in(kind: Kind, settings: Iterable[Model]) -> list[str]:
    """The ids of the persons that settings of a kind name."""
    fields = [field for field, named in NAMING[kind.model].items() if named == "person"]
    return sorted({id_ for setting in settings for field in fields for id_ in getattr(setting, field)})


def with_people(kind: Kind, setting: Model, people: Mapping[str, str]) -> Model:
    """The setting with persons' names in the place of their ids."""
    fields = [field for field, named in NAMING[kind.model].items() if named == "person"]
    called = {field: tuple(people.get(id_, id_) for id_ in getattr(setting, field)) for field in fields}
    return setting.model_copy(update=called)


def difference_rows(fields: Iterable[Difference]) -> list[tuple[str, str | None, str | None]]:
    """Label, old and new of each field that differs; None where nothing is, or was, set."""
    return [(_field_label(one.field), _or_none(one.field, one.old), _or_none(one.field, one.new)) for one in fields]


def _field_label(name: str) -> str:
    """`priority_matrix.High.Now` is the Priority Matrix, High, Now."""
    top, _, rest = name.partition(".")
    return f"{label(top)}: {rest.replace('.', ' × ')}" if rest else label(top)


def _or_none(field: str, value: Any) -> str | None:
    if isinstance(value, list):
        return "\n".join(map(_text, value))
    return None if value is None else _in_words(field, value)


def closing_rules(rules: Iterable[AfterClosing]) -> list[str]:
    """The rules for mail to closed items as sentences, in their order."""
    return [f"{_ACTIONS[rule.action]}{_within(rule.within_days)}" for rule in rules]


def closing_actions() -> tuple[tuple[str, str], ...]:
    """Word and sentence of each."""
    return tuple(_ACTIONS.items())


def _within(days: int | None) -> str:
    return ", however long it has been closed" if days is None else f", if it was closed within {days} days"


def _shown(kind: Kind, setting: Model, name: str) -> Shown:
    value = getattr(setting, name)
    text = _in_words(name, value)
    named = NAMING[kind.model].get(name, "")
    if not text:
        return Shown(label(name), WHEN_EMPTY.get(name, "–"), is_empty=True)
    leads = named if named in (*BY_NAME, "outgoing-server") and isinstance(value, str) else ""
    return Shown(label(name), text, leads, value if leads else "", "\n" in text, is_date=isinstance(value, date))


def _in_words(field: str, value: Any) -> str:
    if field == "event":
        return event_words(value)
    return _words(value) if field in _OF_WORDS else _text(value)


def _words(value: str | tuple[str, ...] | None) -> str:
    return ", ".join(map(word, (value,) if isinstance(value, str) else value or ()))


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case Secret():
            return _secret(value)
        case bool():
            return "Yes" if value else "No"
        case float():
            return f"{value:g}"
        case tuple() | list():
            return ", ".join(map(_text, value))
        case dict():
            return "\n".join(f"{name} = {_text(one)}" for name, one in value.items())
        case _:
            return str(value)


def _secret(secret: Secret) -> str:
    """Where it is, and never what it is."""
    if secret.env is not None:
        return f"In the environment variable {secret.env}"
    return "Set" if secret.file is None else f"In the file {secret.file}"


def _clipped(text: str) -> str:
    line = text.partition("\n")[0]
    return line if len(line) <= _CLIPPED and line == text else line[:_CLIPPED] + "…"
