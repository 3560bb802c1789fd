"""What Kubernetes takes of Strimzi's resources: the schemas that Strimzi's own generator makes, fetched once."""

import json
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deploy.local.jars import java_command

_CLASSES = {
    "KafkaTopic": "io.strimzi.api.kafka.model.topic.KafkaTopic",
    "KafkaUser": "io.strimzi.api.kafka.model.user.KafkaUser",
}
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


def strict_schemas() -> Mapping[str, dict[str, Any]]:
    """JSON Schema of each kind, in its newest version (v1). A field that Kubernetes would drop is an error.

    Raises `NotAvailableError`.
    """
    with tempfile.TemporaryDirectory() as directory:
        files = {kind: Path(directory, kind) for kind in _CLASSES}
        asked = [f"{_CLASSES[kind]}={file}" for kind, file in files.items()]
        command = java_command("strimzi", "io.strimzi.crdgenerator.CrdGenerator")
        subprocess.run([*command, "--target-kube", "1.30+", *asked], check=True, capture_output=True)
        return {kind: _schema(kind, json.loads(file.read_text())) for kind, file in files.items()}


def _schema(kind: str, definition: Mapping[str, Any]) -> dict[str, Any]:
    group, (version,) = definition["spec"]["group"], definition["spec"]["versions"]
    schema: dict[str, Any] = _strict(version["schema"]["openAPIV3Schema"])
    given = {"apiVersion": {"const": f"{group}/{version['name']}"}, "kind": {"const": kind}, "metadata": _METADATA}
    return {
        **schema,
        "properties": {**schema["properties"], **given},
        "required": sorted({*schema.get("required", ()), *given}),
    }


def _strict(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: _strict(value) for name, value in schema.items()}
    if "properties" in schema and schema.get("type") == "object":
        inner["additionalProperties"] = bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    return inner
