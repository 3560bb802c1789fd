"""What the chart renders, as objects."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from deploy.local import StartError
from deploy.local.packages.helm import find_helm
from deploy.manifests import render

SCALED_OBJECTS = "templates/scaledobject.yaml"


def rendered(values: Mapping[str, Any], *options: str) -> list[dict[str, Any]]:
    """Every object with these values beside the default ones. `options` go to `helm template`.

    Raises `NotAvailableError` where helm is not to be had, `StartError` with what it says where it refuses the values.
    """
    given = [f"--set-json={name}={json.dumps(value)}" for name, value in values.items()]
    try:
        text = render(find_helm(), *given, *options)
    except subprocess.CalledProcessError as error:
        raise StartError(f"helm: {error.stderr.strip()}") from None
    return [one for one in yaml.safe_load_all(text) if one]


def scaled_objects(values: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    """The ScaledObjects with these values. Raises as `rendered` does."""
    objects = rendered(values, f"--show-only={SCALED_OBJECTS}", "--set=autoscaling.enabled=true")
    return [one for one in objects if one["kind"] == "ScaledObject"]
