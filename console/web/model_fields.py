"""What the annotations of the settings' models say of a field in a form: its widget, and its choices."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from console.web.labels import word
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


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the values of a field; `why_not`: it is shown, and cannot be chosen."""

    value: str
    label: str
    why_not: str = ""


def names_of(model: type[Model], leave_out: Collection[str] = ()) -> tuple[str, ...]:
    """Every field that a form can hold, in the model's order. Lists of models and tables are a page's own."""
    found: list[str] = []
    for name, info in model.model_fields.items():
        if name == "kind" or name in leave_out:
            continue
        inner = model_in(info)
        if inner:
            found += (f"{name}.{one}" for one in names_of(inner))
        elif widget_of(info):
            found.append(name)
    return tuple(name for name in found if name not in leave_out)


# What the annotations of the models say.


def info_of(model: type[Model], name: str) -> FieldInfo:
    *parents, last = name.split(".")
    for parent in parents:
        model = model_in(model.model_fields[parent]) or model
    return model.model_fields[last]


def base_of(info: FieldInfo) -> Any:
    """The annotation without what `Annotated` adds, and without None."""
    return _stripped(info.annotation)


def _stripped(annotation: Any) -> Any:
    if get_origin(annotation) is Annotated:
        return _stripped(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        return _stripped(kinds[0]) if len(kinds) == 1 else annotation
    return annotation


def is_optional(info: FieldInfo) -> bool:
    return get_origin(info.annotation) in (Union, UnionType) and type(None) in get_args(info.annotation)


def model_in(info: FieldInfo) -> type[Model] | None:
    base = base_of(info)
    return base if isinstance(base, type) and issubclass(base, Model) and base is not Secret else None


def widget_of(info: FieldInfo) -> Widget | None:
    """None for what no field can hold."""
    base = base_of(info)
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


def choices_of(info: FieldInfo) -> tuple[Choice, ...]:
    base = base_of(info)
    if get_origin(base) is tuple:
        base = _stripped(get_args(base)[0])
    values = [str(one.value) for one in base] if isinstance(base, type) and issubclass(base, Enum) else get_args(base)
    return tuple(Choice(str(value), word(str(value))) for value in values if isinstance(value, str))
