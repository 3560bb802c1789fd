"""From a setting to what a form holds, from what was typed to an entry of a settings file.

A field is named by its path in the model, `oauth.token_url`; a secret is typed into `password.secret`, and never shown.
Three shapes: a setting, the `Values` that the form holds (text as typed), and the entry that a settings file would
hold, which the operations check.
"""

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

from pydantic.fields import FieldInfo
from starlette.datastructures import FormData

from console.web.model_fields import info_of, model_in, widget_of
from schemas.base import Model
from schemas.settings import Secret

Value = str | bool  # of a list one line each
Values = Mapping[str, Value]  # name of a field -> what it holds
SECRET = ".secret"
REMOVE = ".remove"


def values_of(setting: Model, names: Iterable[str]) -> dict[str, Value]:
    """What a form shows of a setting. Of a secret: whether it is set."""
    return {name: _as_typed(_at(setting, name)) for name in names}


def default_values(model: type[Model], names: Iterable[str]) -> dict[str, Value]:
    """What a form for a new setting shows."""
    return {name: _as_typed(default_of(model, name)) for name in names}


def typed_values(model: type[Model], names: Iterable[str], form: FormData, before: Values) -> dict[str, Value]:
    """What was typed. `before`: what the form showed first; it knows which secrets are set."""
    return {name: _typed(info_of(model, name), name, form, before) for name in names}


def entry_of(model: type[Model], values: Values, form: FormData, stored: Model | None) -> dict[str, Any]:
    """What was typed as an entry of a settings file. A secret that was not typed stays as it is stored."""
    entry: dict[str, Any] = {}
    for name, value in values.items():
        info = info_of(model, name)
        found = _secret(name, form, stored) if widget_of(info) == "secret" else _as_entry(info, value)
        if found is not None:
            *parents, last = name.split(".")
            place = entry
            for parent in parents:
                place = place.setdefault(parent, {})
            place[last] = found
    return _without_unset(model, entry)


def has_blank_end(form: FormData, names: Iterable[str]) -> list[str]:
    """The secrets that were typed with a blank at either end, as pasting adds one: kept, and worth telling."""
    typed = ((name, form.get(name + SECRET)) for name in names)
    return [name for name, text in typed if isinstance(text, str) and text != text.strip()]


# From settings to what a form holds, and back.


def _at(setting: Model, name: str) -> Any:
    value: Any = setting
    for part in name.split("."):
        value = getattr(value, part, None)
    return value


def default_of(model: type[Model], name: str) -> Any:
    *parents, _ = name.split(".")
    if parents and info_of(model, ".".join(parents)).get_default(call_default_factory=True, validated_data={}) is None:
        return None if widget_of(info_of(model, name)) != "checkbox" else False
    info = info_of(model, name)
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
    match widget_of(info):
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
    match widget_of(info):
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
        if not (isinstance(value, dict) and model_in(model.model_fields[name]) and not any(value.values()))
    }
