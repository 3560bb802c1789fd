"""prometheus-operator's own definitions of its objects, made strict."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import yaml

from deploy.local.checkers import crd
from deploy.local.packages.go_modules import GoModule

OPERATOR = GoModule(
    "github.com/prometheus-operator/prometheus-operator",
    "v0.93.0",
    "h1:AohlYJT+En8TmNpAcEUJ3GsaJTAqfEBwHmGTVpRm/Io=",
)


def faults(manifest: Mapping[str, Any]) -> list[str]:
    """What is wrong with a PodMonitor, ServiceMonitor or PrometheusRule: place and fault.

    Raises `NotAvailableError`.
    """
    return crd.faults(_definition(manifest["kind"]), manifest)


@cache
def _definition(kind: str) -> Mapping[str, Any]:
    file = f"example/prometheus-operator-crd/monitoring.coreos.com_{kind.lower()}s.yaml"
    found: Mapping[str, Any] = yaml.safe_load(OPERATOR.read(file))
    return found
