"""Forms from the settings' own models: the fields that a page has, each with its value and what is wrong with it."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from console.web.form_errors import PageError
from console.web.form_values import Value, Values, default_of
from console.web.labels import label
from console.web.model_fields import Choice, Widget, base_of, choices_of, info_of, is_optional, widget_of
from schemas.base import Model


@dataclass(frozen=True, slots=True)
class Field:
    """A field as a page shows it."""

    name: str
    label: str
    widget: Widget
    help: str = ""
    value: Value = ""
    choices: tuple[Choice, ...] = ()
    optional: bool = False  # may be left empty, and then nothing stands for it
    is_set: bool = False  # a secret
    is_removable: bool = False  # a secret that may be taken away
    decimal: bool = False
    rows: int = 3
    why_not: str = ""  # it cannot be changed
    offers: tuple[str, ...] = ()  # what a text field suggests while somebody types
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """How a page shows a field otherwise than its model says; what is None stays."""

    label: str | None = None
    help: str | None = None
    widget: Widget | None = None
    choices: tuple[Choice, ...] | None = None  # makes it a select, such as of the servers that there are
    rows: int | None = None
    why_not: str | None = None
    optional: bool | None = None
    offers: tuple[str, ...] = ()
    is_removable: bool = False
    shown: Callable[[str], str] = str  # how a text is written for people; what they type is taken back by the page


def fields(
    model: type[Model],
    names: Iterable[str],
    values: Values,
    errors: Sequence[PageError] = (),
    looks: Mapping[str, Look] | None = None,
) -> list[Field]:
    """The fields of these names as a page shows them."""
    return [_field(model, name, values, errors, (looks or {}).get(name, Look())) for name in names]


def _field(model: type[Model], name: str, values: Values, errors: Sequence[PageError], look: Look) -> Field:
    info = info_of(model, name)
    choices = look.choices if look.choices is not None else choices_of(info)
    widget = look.widget or ("select" if look.choices is not None else widget_of(info)) or "text"
    if widget == "select" and not info.is_required() and "" not in {choice.value for choice in choices}:
        choices = (Choice("", "–"), *choices) if is_optional(info) else choices
    value = values.get(name, "")
    return Field(
        name=name,
        label=look.label or label(name),
        widget=widget,
        help=look.help if look.help is not None else _help(info.description or ""),
        value=look.shown(value) if isinstance(value, str) else value,
        choices=_with_current(choices, value) if widget == "select" else choices,
        optional=_is_optional_input(model, name) if look.optional is None else look.optional,
        is_set=widget in ("secret", "secret-lines") and bool(value),
        is_removable=look.is_removable,
        decimal=base_of(info) is float,
        rows=look.rows or (_lines(value) if widget in ("lines", "pairs") else 6),
        why_not=look.why_not or "",
        offers=look.offers,
        errors=tuple(error.text for error in errors if error.field == name),
    )


def _is_optional_input(model: type[Model], name: str) -> bool:
    return default_of(model, name) in (None, "", ()) and not info_of(model, name).is_required()


def _with_current(choices: tuple[Choice, ...], value: Value) -> tuple[Choice, ...]:
    """What is set now stays to be seen, even where it is none of the choices."""
    if not isinstance(value, str) or not value or value in {choice.value for choice in choices}:
        return choices
    return (*choices, Choice(value, f"{value} (does not exist)"))


def _lines(value: Value) -> int:
    return min(12, max(3, str(value).count("\n") + 2))


def _help(description: str) -> str:
    """The description as a sentence, without what only we look up."""
    text = re.sub(r" \(Requirement R[\d.]+\)", "", description)
    return text[:1].upper() + text[1:] if text.partition(" ")[0].isalpha() else text


def with_errors(shown: Sequence[Field], errors: Sequence[PageError]) -> list[Field]:
    """Fields that were made by hand, with what is wrong with them."""
    return [replace(one, errors=tuple(error.text for error in errors if error.field == one.name)) for one in shown]
