"""The JSON Schema of a topic's value, in words that JSON Schema and AsyncAPI have, and as strict as its reader.

Two things pydantic says otherwise. It marks a tagged union with OpenAPI's `discriminator`, which JSON Schema does not
have and which is a mere string in AsyncAPI, and lets the tag be left out, since each member has a default; the union's
reader needs it. And where names have to match a pattern it allows any other name as well.
"""

from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter

Schema = dict[str, Any]


def json_schema(values: TypeAdapter[Any]) -> Schema:
    """What may stand on a topic that holds these values."""
    schema = values.json_schema(by_alias=True)
    for node in list(_nodes(schema)):
        if "oneOf" in node and "discriminator" in node:
            marked = node.pop("discriminator")
            for reference in marked["mapping"].values():
                _require(marked["propertyName"], schema["$defs"][reference.rpartition("/")[2]])
        if "patternProperties" in node:
            ((pattern, node["additionalProperties"]),) = node.pop("patternProperties").items()
            node["propertyNames"] = {**node.get("propertyNames", {}), "pattern": pattern}
    return schema


def _nodes(node: object) -> Iterator[Schema]:
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from _nodes(value)
    elif isinstance(node, list):
        for value in node:
            yield from _nodes(value)


def _require(field: str, model: Schema) -> None:
    model["properties"][field].pop("default", None)
    required = model.setdefault("required", [])
    if field not in required:
        required.insert(0, field)
