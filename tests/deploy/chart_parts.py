"""Looking into what the chart renders."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from deploy.manifests import CHART

Manifest = dict[str, Any]
VALUES = sorted((CHART / "ci").glob("*.yaml"))
COMPONENT = "app.kubernetes.io/component"


def name_of(file: Path) -> str:
    return file.stem


def of_kind(manifests: Sequence[Manifest], *kinds: str) -> list[Manifest]:
    return [one for one in manifests if one["kind"] in kinds]


def pods(manifests: Sequence[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """(stage, pod template or pod) of everything that runs."""
    for one in of_kind(manifests, "Deployment", "Job", "Pod"):
        pod = one if one["kind"] == "Pod" else one["spec"]["template"]
        yield pod["metadata"]["labels"][COMPONENT], pod


def containers(pod: Manifest) -> list[Manifest]:
    return [*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]]


def variables(container: Manifest) -> dict[str, Manifest]:
    return {one["name"]: one for one in container["env"]}
