"""helm and kubectl, and the chart as they render it."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.local.packages.helm import Programs, find_helm
from deploy.manifests import render

Manifests = Sequence[dict[str, Any]]
Rendered = Callable[[Path], Manifests]


@pytest.fixture(scope="session")
def helm() -> Programs:
    return find_helm()


@pytest.fixture(scope="session")
def rendered(helm: Programs) -> Rendered:
    """The objects of the chart with a file of values, its tests included."""

    @cache
    def objects(values: Path) -> Manifests:
        return [one for one in yaml.safe_load_all(render(helm, "--values", values)) if one]

    return objects
