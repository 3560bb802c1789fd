"""An entry of a settings file put over what is set up: a field that it does not name stays as it is."""

from collections.abc import Mapping
from typing import Any

from console.settings.fields import nested_model
from schemas.base import Model
from schemas.settings import Secret


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


def _says_one(secret: Mapping[str, Any]) -> bool:
    return any(source is not None for source in secret.values())
