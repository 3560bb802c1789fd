"""An entry of a settings file put over what is set up: a field that it does not name stays as it is."""

from collections.abc import Mapping
from typing import Any

from console.operations.fields import nested_model
from schemas.base import Model
from schemas.settings import Secret


def merged(entry: Mapping[str, Any], model: type[Model], stored: Model) -> dict[str, Any]:
    """The whole entry, not yet checked. `null` takes a field's value away, as if it had never been set.

    Fields within fields (`floods`, `oauth`) are merged likewise. A secret has one source, and a list, or a mapping of
    the administrator's own names, is one value: they are replaced whole.
    """
    return _over(stored.model_dump(mode="json", exclude_defaults=True, exclude={"kind"}), entry, model)


def stays(entry: Mapping[str, Any], model: type[Model], stored: Model) -> list[str]:
    """The fields that are set and that the entry does not name."""
    return [name for name in merged({}, model, stored) if name not in entry]


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
