"""What Kubernetes takes of KEDA's, prometheus-operator's and Strimzi's resources: their own definitions, made strict.

A field that Kubernetes would drop is an error.
"""

import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import yaml

from deploy.local.packages.go_modules import GoModule
from deploy.local.packages.jars import java_command

KEDA = GoModule("github.com/kedacore/keda/v2", "v2.21.0", "h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps=")
OPERATOR = GoModule(
    "github.com/prometheus-operator/prometheus-operator",
    "v0.93.0",
    "h1:AohlYJT+En8TmNpAcEUJ3GsaJTAqfEBwHmGTVpRm/Io=",
)
_STRIMZI_CLASSES = {
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


def keda_faults(manifest: Mapping[str, Any]) -> list[str]:
    """What is wrong with a ScaledObject or TriggerAuthentication: place and fault. Raises `NotAvailableError`."""
    found = _faults(_keda_definition(manifest["kind"]), manifest)
    return found + [fault for trigger in manifest["spec"].get("triggers", ()) for fault in _trigger_faults(trigger)]


def unread_by_keda(authentication: Mapping[str, Any], scaler: str) -> list[str]:
    """Parameters of a TriggerAuthentication that this scaler does not read from one."""
    spec = authentication["spec"]
    given = [one["parameter"] for one in (*spec.get("secretTargetRef", ()), *spec.get("env", ()))]
    readable = {name for name, one in _parameters(scaler).items() if one.get("triggerAuthenticationVariableReadable")}
    return [name for name in given if name not in readable]


def operator_faults(manifest: Mapping[str, Any]) -> list[str]:
    """What is wrong with a PodMonitor, ServiceMonitor or PrometheusRule: place and fault.

    Raises `NotAvailableError`.
    """
    return _faults(_operator_definition(manifest["kind"]), manifest)


def strimzi_schemas() -> Mapping[str, dict[str, Any]]:
    """JSON Schema of each kind, in its newest version (v1). A field that Kubernetes would drop is an error.

    Raises `NotAvailableError`.
    """
    with tempfile.TemporaryDirectory() as directory:
        files = {kind: Path(directory, kind) for kind in _STRIMZI_CLASSES}
        asked = [f"{_STRIMZI_CLASSES[kind]}={file}" for kind, file in files.items()]
        command = java_command("strimzi", "io.strimzi.crdgenerator.CrdGenerator")
        subprocess.run([*command, "--target-kube", "1.30+", *asked], check=True, capture_output=True)
        return {kind: strict_schema(json.loads(file.read_text())) for kind, file in files.items()}


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


def _faults(definition: Mapping[str, Any], manifest: Mapping[str, Any]) -> list[str]:
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


@cache
def _keda_definition(kind: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = yaml.safe_load(KEDA.read(f"config/crd/bases/keda.sh_{kind.lower()}s.yaml"))
    return found


@cache
def _parameters(scaler: str) -> Mapping[str, Mapping[str, Any]]:
    """The parameters of a scaler, by name."""
    described = json.loads(KEDA.read("schema/generated/scalers-schema.json"))["scalers"]
    (found,) = [one for one in described if one["type"] == scaler]
    return {parameter["name"]: parameter for parameter in found["parameters"]}


def _trigger_faults(trigger: Mapping[str, Any]) -> Iterator[str]:
    """What the scaler does not know, lacks, or does not allow there. KEDA itself passes over what it does not know."""
    parameters, metadata = _parameters(trigger["type"]), trigger["metadata"]
    for name, value in metadata.items():
        parameter = parameters.get(name, {})
        if not parameter.get("metadataVariableReadable"):
            yield f"metadata.{name}: {trigger['type']} reads no such thing there"
        elif value not in parameter.get("allowedValue", [value]):
            yield f"metadata.{name}: {value!r} is none of {', '.join(parameter['allowedValue'])}"
    for name, parameter in parameters.items():
        if not parameter.get("optional") and "default" not in parameter and name not in metadata:
            yield f"metadata.{name}: is missing"


@cache
def _operator_definition(kind: str) -> Mapping[str, Any]:
    file = f"example/prometheus-operator-crd/monitoring.coreos.com_{kind.lower()}s.yaml"
    found: Mapping[str, Any] = yaml.safe_load(OPERATOR.read(file))
    return found
