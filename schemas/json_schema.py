"""The JSON Schema of a topic's value, as strict as its reader, and its fields as tables of Markdown.

Two things pydantic says otherwise. It marks a tagged union with OpenAPI's `discriminator`, which JSON Schema does not
have and which is a mere string in AsyncAPI, and lets the tag be left out, since each member has a default; the union's
reader needs it. And where names have to match a pattern it allows any other name as well.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
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


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def one_line(description: str) -> str:
    """A docstring as Markdown: its line breaks are of no meaning."""
    return " ".join(description.split())


def model_section(heading: str, model: Schema, root: Schema) -> str:
    """A section on one model: heading, what it is, table of its fields."""
    blocks = (heading, one_line(model.get("description", "")), _fields(model, root))
    return "\n\n".join(block for block in blocks if block)


def _fields(model: Schema, root: Schema) -> str:
    required = set(model.get("required", ()))
    rows = [
        (f"`{name}`", _type(field, root), _default(name, field, required), _meaning(field))
        for name, field in model["properties"].items()
    ]
    return markdown_table(("field", "type", "default", "meaning"), rows)


def _meaning(field: Schema) -> str:
    return one_line(field.get("description") or ("always this word" if "const" in field else ""))


def _default(name: str, field: Schema, required: set[str]) -> str:
    if name in required:
        return "required"
    default = None if "const" in field else field.get("default")
    return "-" if default in (None, "", [], {}) else f"`{json.dumps(default, ensure_ascii=False)}`"


_FORMATS = {"date-time": "date and time (ISO 8601)"}
_NAMES = {"integer": "whole number", "boolean": "true or false", "object": "mapping", "null": "nothing"}


def _type(field: Schema, root: Schema) -> str:
    """A field's type in an administrator's words."""
    if "$ref" in field:
        name: str = field["$ref"].rpartition("/")[2]
        if name == "Reason":
            return "a [reason](reasons.md)"
        target = root["$defs"][name]
        return _type(target, root) if "enum" in target else name
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if any(union in field for union in ("anyOf", "oneOf", "allOf")):
        choices = field.get("anyOf") or field.get("oneOf") or field["allOf"]
        return " or ".join(_type(choice, root) for choice in choices if choice.get("type") != "null")
    if field.get("type") == "array":
        return f"list of {_type(field['items'], root)}"
    if field.get("type") == "object" and isinstance(field.get("additionalProperties"), dict):
        return f"mapping of text to {_type(field['additionalProperties'], root)}"
    return _simple(field)


def _simple(field: Schema) -> str:
    name = str(field.get("type", "anything"))
    if name == "string":
        return _FORMATS.get(str(field.get("format")), "text")
    bounds = [
        f"{word} {field[key]:g}"
        for key, word in (
            ("exclusiveMinimum", "above"), ("minimum", "from"), ("maximum", "to"), ("exclusiveMaximum", "below"),
        )
        if key in field
    ]  # fmt: skip
    return " ".join([_NAMES.get(name, name), *bounds])
