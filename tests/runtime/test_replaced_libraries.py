"""Clients of which we replace parts while a process runs: an installation has the releases that these were made for."""

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


@pytest.mark.parametrize("library", ["aiokafka", "faust-streaming", "kafka-python"])
def test_no_other_release_is_installed_than_the_one_whose_parts_are_replaced(library: str) -> None:
    named = tomllib.loads(PYPROJECT.read_text("utf-8"))["project"]["dependencies"]
    (ours,) = (re.sub(r"\[.*\]", "", one) for one in named if one.startswith(library))
    assert ours == f"{library}=={version(library)}"
