"""An entry of a settings file put over what is set up: a field that it does not name stays as it is."""

from collections.abc import Mapping
from typing import Any

from console.operations.fields import nested_model
from schemas.base import Model
from schemas.settings import Secret


def merge_entry(entry: Mapping[str, Any], model: type[Model], stored: Model | None) -> dict[str, Any]:
    """The whole entry, not yet checked. `null` takes a field's value away, as if it had never been set.

    Fields within fields (`floods`, `oauth`) are merged likewise. A secret has one source, and a list, or a mapping of
    the administrator's own names, is one value: they are replaced whole.
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
        elif inner and inner is not Secret and isinstance(value, dict):
            result[name] = _over(before.get(name) or {}, value, inner)
        else:
            result[name] = value
    return result
