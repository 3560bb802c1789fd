"""What passes between the resolver and its child about a message: `Examined` as plain values, and back."""

from functools import cache
from typing import Any

from pydantic import TypeAdapter

from resolver.resolve import Examined


def plain(examined: Examined) -> Any:
    return _form().serializer.to_python(examined, exclude_defaults=True)


def from_plain(value: Any) -> Examined:
    return _form().validate_python(value)


@cache
def _form() -> TypeAdapter[Examined]:
    return TypeAdapter(Examined)
