"""Entries of settings as plain data: what their fields hold, one put over another, what differs. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from schemas.base import Model
from schemas.settings import Secret

_COUNTER = "version"  # of a person: every change raises it


def nested_model(annotation: Any) -> type[Model] | None:
    """The model that a field of this annotation holds, such as `Secret` for `Secret | None`."""
    return next((kind for kind in _kinds(annotation) if isinstance(kind, type) and issubclass(kind, Model)), None)


def is_text(annotation: Any) -> bool:
    """Whether a field of this annotation holds text, be it one of certain words."""
    return any(
        (isinstance(kind, type) and issubclass(kind, str)) or get_origin(kind) is Literal for kind in _kinds(annotation)
    )


def model_at(model: type[Model], path: tuple[int | str, ...]) -> type[Model] | None:
    """The model found by going down the fields of `path`; None where there is none."""
    found: type[Model] | None = model
    for name in path:
        field = found.model_fields.get(str(name)) if found else None
        found = nested_model(field.annotation) if field else None
    return found


def _kinds(annotation: Any) -> Iterator[Any]:
    """The alternatives of an annotation, without what `Annotated` adds."""
    if get_origin(annotation) is Annotated:
        yield from _kinds(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType):
        for one in get_args(annotation):
            yield from _kinds(one)
    else:
        yield annotation


def merge_entry(entry: Mapping[str, Any], model: type[Model], stored: Model | None) -> dict[str, Any]:
    """The whole entry, not yet checked. `null` takes a field's value away, as if it had never been set.

    Fields within fields (`floods`, `oauth`) are merged likewise. A secret has one source, and a list, or a mapping of
    the administrator's own names, is one value: they are replaced whole, unless
    only `null` is said of a secret's source.
    """
    return _over(_set(stored) if stored else {}, entry, model)


def unnamed_fields(entry: Mapping[str, Any], model: type[Model], stored: Model) -> list[str]:
    """The fields that are set, that the entry does not name, and that may be taken away."""
    return [name for name in _set(stored) if name not in entry and not model.model_fields[name].is_required()]


def _set(stored: Model) -> dict[str, Any]:
    return stored.model_dump(mode="json", exclude_defaults=True, exclude={"kind"})


def _over(before: Mapping[str, Any], entry: Mapping[str, Any], model: type[Model]) -> dict[str, Any]:
    result = dict(before)
    for name, value in entry.items():
        field = model.model_fields.get(name)
        inner = nested_model(field.annotation) if field else None
        if field and value is None:
            result.pop(name, None)
        elif (
            inner
            and isinstance(value, dict)
            and not (inner is Secret and any(one is not None for one in value.values()))
        ):
            within = _over(before.get(name) or {}, value, inner)
            if within or not value:
                result[name] = within
            else:  # all that was in it is taken away
                result.pop(name, None)
        else:
            result[name] = value
    return result


@dataclass(frozen=True, slots=True)
class Difference:
    """One field, dotted as behind `servers update`: `floods.minutes`. None: it is not set, or was not."""

    field: str
    old: Any
    new: Any


def differences(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> tuple[Difference, ...]:
    """Of two values as plain data, secrets redacted. None: there was, or is, nothing."""
    old, new = flatten(before), flatten(after)
    return tuple(
        Difference(field, old.get(field), new.get(field))
        for field in dict.fromkeys((*old, *new))
        if old.get(field) != new.get(field) and field != _COUNTER
    )


def flatten(data: Mapping[str, Any] | None) -> dict[str, Any]:
    """Every value by its dotted field."""
    return dict(_flatten(data or {}))


def _flatten(data: Mapping[str, Any], around: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in data.items():
        if isinstance(value, Mapping) and value:
            yield from _flatten(value, f"{around}{name}.")
        else:
            yield around + name, value
