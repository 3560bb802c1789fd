"""Forms from the settings' own models: which fields a page has, what was typed into them, what is wrong with it.

A field is named by its path in the model, `oauth.token_url`; a secret is typed into `password.secret`, and never shown.
Three shapes: a setting, the `Values` that stand in the form (text as typed), and the entry that a settings file would
hold, which the operations check.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from starlette.datastructures import FormData

from console.errors import UserError
from console.web.labels import in_labels, label, word
from console.web.render import PageError
from schemas.base import Model
from schemas.settings import Secret

Widget = Literal[
    "text",
    "text-area",
    "code",
    "lines",
    "pairs",
    "number",
    "date",
    "checkbox",
    "checks",
    "select",
    "radios",
    "secret",
    "secret-lines",
]
Value = str | bool  # of a list one line each
Values = Mapping[str, Value]  # name of a field -> what stands in it

SECRET = ".secret"
REMOVE = ".remove"
_QUOTED = 40  # characters of a line at fault


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the values of a field; `why_not`: it is shown, and cannot be chosen."""

    value: str
    label: str
    why_not: str = ""


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


def names_of(model: type[Model], leave_out: Collection[str] = ()) -> tuple[str, ...]:
    """Every field that a form can hold, in the model's order. Lists of models and tables are a page's own."""
    found: list[str] = []
    for name, info in model.model_fields.items():
        if name == "kind" or name in leave_out:
            continue
        inner = _model_in(info)
        if inner:
            found += (f"{name}.{one}" for one in names_of(inner))
        elif _widget(info):
            found.append(name)
    return tuple(name for name in found if name not in leave_out)


def fields(
    model: type[Model],
    names: Iterable[str],
    values: Values,
    errors: Sequence[PageError] = (),
    looks: Mapping[str, Look] | None = None,
) -> list[Field]:
    """The fields of these names as a page shows them."""
    return [_field(model, name, values, errors, (looks or {}).get(name, Look())) for name in names]


def values_of(setting: Model, names: Iterable[str]) -> dict[str, Value]:
    """What a form shows of a setting. Of a secret: whether it is set."""
    return {name: _as_typed(_at(setting, name)) for name in names}


def default_values(model: type[Model], names: Iterable[str]) -> dict[str, Value]:
    """What a form for a new setting shows."""
    return {name: _as_typed(_default(model, name)) for name in names}


def typed_values(model: type[Model], names: Iterable[str], form: FormData, before: Values) -> dict[str, Value]:
    """What was typed. `before`: what the form showed first; it knows which secrets are set."""
    return {name: _typed(_info(model, name), name, form, before) for name in names}


def entry_of(model: type[Model], values: Values, form: FormData, stored: Model | None) -> dict[str, Any]:
    """What was typed as an entry of a settings file. A secret that was not typed stays as it is stored."""
    entry: dict[str, Any] = {}
    for name, value in values.items():
        info = _info(model, name)
        found = _secret(name, form, stored) if _widget(info) == "secret" else _as_entry(info, value)
        if found is not None:
            *parents, last = name.split(".")
            place = entry
            for parent in parents:
                place = place.setdefault(parent, {})
            place[last] = found
    return _without_unset(model, entry)


def page_errors(found: Iterable[tuple[Sequence[int | str], str]], names: Collection[str]) -> list[PageError]:
    """Faults, each a path and a text, as errors of the form: each at the nearest field that the page has, and with its
    label, since the summary stands far from the field."""
    return [_error(_nearest(path, names), text) for path, text in found]


def errors_of(error: UserError, names: Collection[str]) -> list[PageError]:
    """What an operation found wrong, as errors of the form."""
    return [
        _error(_nearest((*problem.fields, (problem.place,))[0], names), told(problem.cause, problem.remedy))
        for problem in error.problems
    ]


def _error(name: str, text: str) -> PageError:
    text = in_labels(text)
    return PageError(name, f"{label(name)}: {text}" if name else text)


def pair_errors(model: type[Model], values: Values) -> list[PageError]:
    """Lines of a field for pairs that are none, each named by its number and its beginning."""
    return [
        PageError(name, f"{label(name)}: {text}")
        for name, value in values.items()
        if _widget(_info(model, name)) == "pairs"
        for text in _faults_of_pairs(str(value))
    ]


def _faults_of_pairs(text: str) -> Iterator[str]:
    """An empty name, no "=", and a name that stands there twice: the first of both would go without a word."""
    lines_of: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), 1):
        name, sign, _ = (part.strip() for part in line.partition("="))
        where = f"line {number} (“{line.strip()[:_QUOTED]}”)"
        if line.strip() and not sign:
            yield f"{where} has no “=”. Write name = value."
        elif sign and not name:
            yield f"{where} has no name before its “=”. Write name = value."
        elif sign and name in lines_of:
            yield f"{where} names the same field as line {lines_of[name]}. Leave one of them out."
        if sign:
            lines_of.setdefault(name, number)


def told(cause: str, remedy: str) -> str:
    """What is wrong and what to do, as people read it."""
    return f"{sentence(cause)} {sentence(remedy)}".strip()


def sentence(text: str) -> str:
    """With a capital, where it begins with a word of ours, and a full stop."""
    first = text.partition(" ")[0]
    begun = text[:1].upper() + text[1:] if first.isalpha() else text
    return begun if not begun or begun[-1] in ".!?`" else f"{begun}."


def has_blank_end(form: FormData, names: Iterable[str]) -> list[str]:
    """The secrets that were typed with a blank at either end, as pasting adds one: kept, and worth telling."""
    typed = ((name, form.get(name + SECRET)) for name in names)
    return [name for name, text in typed if isinstance(text, str) and text != text.strip()]


def _field(model: type[Model], name: str, values: Values, errors: Sequence[PageError], look: Look) -> Field:
    info = _info(model, name)
    choices = look.choices if look.choices is not None else _choices(info)
    widget = look.widget or ("select" if look.choices is not None else _widget(info)) or "text"
    if widget == "select" and not info.is_required() and "" not in {choice.value for choice in choices}:
        choices = (Choice("", "–"), *choices) if _is_optional(info) else choices
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
        decimal=_base(info) is float,
        rows=look.rows or (_lines(value) if widget in ("lines", "pairs") else 6),
        why_not=look.why_not or "",
        offers=look.offers,
        errors=tuple(error.text for error in errors if error.field == name),
    )


def _is_optional_input(model: type[Model], name: str) -> bool:
    return _default(model, name) in (None, "", ()) and not _info(model, name).is_required()


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


# What the annotations of the models say.


def _info(model: type[Model], name: str) -> FieldInfo:
    *parents, last = name.split(".")
    for parent in parents:
        model = _model_in(model.model_fields[parent]) or model
    return model.model_fields[last]


def _base(info: FieldInfo) -> Any:
    """The annotation without what `Annotated` adds, and without None."""
    return _stripped(info.annotation)


def _stripped(annotation: Any) -> Any:
    if get_origin(annotation) is Annotated:
        return _stripped(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        return _stripped(kinds[0]) if len(kinds) == 1 else annotation
    return annotation


def _is_optional(info: FieldInfo) -> bool:
    return get_origin(info.annotation) in (Union, UnionType) and type(None) in get_args(info.annotation)


def _model_in(info: FieldInfo) -> type[Model] | None:
    base = _base(info)
    return base if isinstance(base, type) and issubclass(base, Model) and base is not Secret else None


def _widget(info: FieldInfo) -> Widget | None:
    """None for what no field can hold."""
    base = _base(info)
    origin, inside = get_origin(base), [_stripped(one) for one in get_args(base)]
    if origin is Literal:
        return "select"
    if origin is tuple:
        return "checks" if get_origin(inside[0]) is Literal else "lines" if inside[0] is str else None
    if origin is dict:
        return "pairs" if inside == [str, str] else None
    if not isinstance(base, type):
        return None
    kinds: tuple[tuple[type, Widget], ...] = (
        (Secret, "secret"), (bool, "checkbox"), (Enum, "select"), (int, "number"), (float, "number"), (str, "text"),
        (date, "date"),
    )  # fmt: skip
    return next((widget for kind, widget in kinds if issubclass(base, kind)), None)


def _choices(info: FieldInfo) -> tuple[Choice, ...]:
    base = _base(info)
    if get_origin(base) is tuple:
        base = _stripped(get_args(base)[0])
    values = [str(one.value) for one in base] if isinstance(base, type) and issubclass(base, Enum) else get_args(base)
    return tuple(Choice(str(value), word(str(value))) for value in values if isinstance(value, str))


# From settings to what stands in a form, and back.


def _at(setting: Model, name: str) -> Any:
    value: Any = setting
    for part in name.split("."):
        value = getattr(value, part, None)
    return value


def _default(model: type[Model], name: str) -> Any:
    *parents, _ = name.split(".")
    if parents and _info(model, ".".join(parents)).get_default(call_default_factory=True, validated_data={}) is None:
        return None if _widget(_info(model, name)) != "checkbox" else False
    info = _info(model, name)
    return None if info.is_required() else info.get_default(call_default_factory=True, validated_data={})


def _as_typed(value: Any) -> Value:
    match value:
        case None:
            return ""
        case bool():
            return value
        case Secret():
            return "set"
        case Enum():
            return str(value.value)
        case float():
            return f"{value:g}"
        case tuple():
            return "\n".join(map(str, value))
        case dict():
            return "\n".join(f"{name} = {one}" for name, one in value.items())
        case _:
            return str(value)


def _typed(info: FieldInfo, name: str, form: FormData, before: Values) -> Value:
    match _widget(info):
        case "checkbox":
            return name in form
        case "checks":
            return "\n".join(str(one) for one in form.getlist(name))
        case "secret":
            return before.get(name, "")
        case _:
            return str(form.get(name, "")).replace("\r\n", "\n")


def _as_entry(info: FieldInfo, value: Value) -> Any:
    """None: left out, so that the default holds, or that it is told to be missing."""
    if isinstance(value, bool):
        return value
    text = str(value)
    match _widget(info):
        case "lines" | "checks":
            return [line.strip() for line in text.split("\n") if line.strip()]
        case "pairs":
            pairs = (line.partition("=") for line in text.split("\n") if line.strip())
            return {name.strip(): one.strip() for name, _, one in pairs}
        case _:
            return text if "\n" in text else text.strip() or None


def _secret(name: str, form: FormData, stored: Model | None) -> Any:
    typed = form.get(name + SECRET)
    if isinstance(typed, str) and typed:
        return {"clear": typed}
    kept = _at(stored, name) if stored is not None and name + REMOVE not in form else None
    return kept.model_dump(exclude_defaults=True) if kept is not None else None


def _without_unset(model: type[Model], entry: dict[str, Any]) -> dict[str, Any]:
    """Without the optional parts of which nothing was filled in, such as `oauth`."""
    return {
        name: value
        for name, value in entry.items()
        if not (isinstance(value, dict) and _model_in(model.model_fields[name]) and not any(value.values()))
    }


def _nearest(path: Sequence[int | str], names: Collection[str]) -> str:
    """`("close_words", 0)` is the field `close_words`; of `("oauth",)` the first field within it."""
    words = [str(part) for part in path if isinstance(part, str)]
    while words:
        name = ".".join(words)
        found = name if name in names else next((one for one in names if one.startswith(name + ".")), None)
        if found:
            return found
        words.pop()
    return ""


def with_errors(shown: Sequence[Field], errors: Sequence[PageError]) -> list[Field]:
    """Fields that were made by hand, with what is wrong with them."""
    return [replace(one, errors=tuple(error.text for error in errors if error.field == one.name)) for one in shown]
