"""What the fields of a model hold, by their annotations: text, another model, something else."""

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from schemas.base import Model


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
