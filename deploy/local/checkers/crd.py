"""Definitions of custom resources as JSON Schema, made strict: a field that Kubernetes would drop is an error."""

from collections.abc import Mapping
from typing import Any

import jsonschema_rs

_LABEL = r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$"
_NAME = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$"
# Which Kubernetes has for every resource, and no definition of one.
_METADATA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "pattern": _NAME, "maxLength": 253},
        "namespace": {"type": "string", "pattern": _NAME, "maxLength": 63},
        "labels": {"type": "object", "additionalProperties": {"type": "string", "pattern": _LABEL}},
        "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "required": ["name"],
    "additionalProperties": False,
}


def strict_schema(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Of a CustomResourceDefinition that has one version."""
    group, kind, (version,) = (
        definition["spec"]["group"],
        definition["spec"]["names"]["kind"],
        definition["spec"]["versions"],
    )
    schema: dict[str, Any] = _strict(version["schema"]["openAPIV3Schema"])
    given = {"apiVersion": {"const": f"{group}/{version['name']}"}, "kind": {"const": kind}, "metadata": _METADATA}
    return {
        **schema,
        "properties": {**schema["properties"], **given},
        "required": sorted({*schema.get("required", ()), *given, "spec"}),
    }


def faults(definition: Mapping[str, Any], manifest: Mapping[str, Any]) -> list[str]:
    """What is wrong with a resource of that definition: place and fault."""
    validator = jsonschema_rs.validator_for(strict_schema(definition))
    return [f"{'.'.join(map(str, one.instance_path))}: {one.message}" for one in validator.iter_errors(manifest)]


def _strict(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: _strict(value) for name, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        inner.setdefault("additionalProperties", bool(schema.get("x-kubernetes-preserve-unknown-fields")))
    return inner
