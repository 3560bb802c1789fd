"""The JSON Schema of a topic's value, in words that JSON Schema and AsyncAPI have, and as strict as its reader.

pydantic marks a tagged union with OpenAPI's `discriminator`, which JSON Schema does not have and which is a mere string
in AsyncAPI. It lets the tag be left out, since each member has a default; the union's reader needs it.
"""

from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter

Schema = dict[str, Any]


def json_schema(values: TypeAdapter[Any]) -> Schema:
    """What may stand on a topic that holds these values."""
    schema = values.json_schema(by_alias=True)
    for union in list(_tagged_unions(schema)):
        marked = union.pop("discriminator")
        for reference in marked["mapping"].values():
            _require(marked["propertyName"], schema["$defs"][reference.rpartition("/")[2]])
    return schema


def _tagged_unions(node: object) -> Iterator[Schema]:
    if isinstance(node, dict):
        if "oneOf" in node and "discriminator" in node:
            yield node
        for value in node.values():
            yield from _tagged_unions(value)
    elif isinstance(node, list):
        for value in node:
            yield from _tagged_unions(value)


def _require(field: str, model: Schema) -> None:
    model["properties"][field].pop("default", None)
    required = model.setdefault("required", [])
    if field not in required:
        required.insert(0, field)
