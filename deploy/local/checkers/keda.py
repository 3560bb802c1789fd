"""KEDA's own description of its objects, made strict: what it does not know, it refuses."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import yaml

from deploy.local.checkers import crd
from deploy.local.packages.go_modules import GoModule

KEDA = GoModule("github.com/kedacore/keda/v2", "v2.21.0", "h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps=")


def faults(manifest: Mapping[str, Any]) -> list[str]:
    """What is wrong with a ScaledObject or TriggerAuthentication: place and fault. Raises `NotAvailableError`."""
    found = crd.faults(_definition(manifest["kind"]), manifest)
    return found + [fault for trigger in manifest["spec"].get("triggers", ()) for fault in _trigger_faults(trigger)]


@cache
def _definition(kind: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = yaml.safe_load(KEDA.read(f"config/crd/bases/keda.sh_{kind.lower()}s.yaml"))
    return found


@cache
def _parameters(scaler: str) -> Mapping[str, Mapping[str, Any]]:
    """What a scaler can be told, by name."""
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


def unread(authentication: Mapping[str, Any], scaler: str) -> list[str]:
    """Parameters of a TriggerAuthentication that this scaler does not read from one."""
    spec = authentication["spec"]
    given = [one["parameter"] for one in (*spec.get("secretTargetRef", ()), *spec.get("env", ()))]
    readable = {name for name, one in _parameters(scaler).items() if one.get("triggerAuthenticationVariableReadable")}
    return [name for name in given if name not in readable]
