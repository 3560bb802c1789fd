"""The documents follow the code: nothing an administrator can meet is without a word, no link leads nowhere."""

import importlib
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
from prometheus_client.metrics import MetricWrapperBase

from runtime import metrics
from runtime.config import ENV_PREFIX, ProcessConfig
from schemas.events import CallEvent
from schemas.reasons import Reason
from schemas.settings import Secret, Setting
from schemas.topics import TOPICS

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("runtime", "mailserver", "desk", "ingest", "resolver", "logger", "outbound", "console")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"```.*?```|`[^`]*`", re.DOTALL)
# Written so that this file does not find itself.
_MACHINE = re.compile(r"(?<![\w.-])/(?:wor[k]|roo[t]|User[s])/[\w.]")
_REGISTRY = re.compile(r"--(?:extra-)?index-ur[l][ =]\S|--find-link[s][ =]\S|\bartifactor[y]\b")


@cache
def _documents() -> dict[Path, str]:
    files = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return {file: file.read_text(encoding="utf-8") for file in files}


def _written() -> str:
    """What people wrote and what is generated for them to read, without the decisions of the past."""
    return "\n".join(text for file, text in _documents().items() if file.parent.name != "adr")


def _configurations() -> Iterator[type[ProcessConfig]]:
    yield ProcessConfig
    for package in PACKAGES:
        if (ROOT / package / "config.py").exists():
            module = importlib.import_module(f"{package}.config")
            for value in vars(module).values():
                if isinstance(value, type) and issubclass(value, ProcessConfig) and value.__module__ == module.__name__:
                    yield value


def _fields(union: Any) -> Iterator[str]:
    for model in (*get_args(get_args(union)[0]), Secret):
        yield from model.model_fields


def _exported(metric: MetricWrapperBase) -> str:
    """The metric's name on /metrics."""
    (described,) = metric.describe()
    return f"{described.name}_total" if described.type == "counter" else described.name


METRICS = [value for value in vars(metrics).values() if isinstance(value, MetricWrapperBase)]
VARIABLES = sorted({f"{ENV_PREFIX}{name.upper()}" for config in _configurations() for name in config.model_fields})


@pytest.mark.parametrize("name", [topic.short for topic in TOPICS])
def test_every_topic_is_documented(name: str) -> None:
    assert f"`{name}`" in _written()


@pytest.mark.parametrize("name", [_exported(metric) for metric in METRICS])
def test_every_metric_is_documented(name: str) -> None:
    assert f"`{name}`" in _written()


@pytest.mark.parametrize("variable", VARIABLES)
def test_every_setting_of_a_process_is_documented(variable: str) -> None:
    assert re.search(rf"\b{variable}\b", _written())


@pytest.mark.parametrize("name", sorted(set(_fields(Setting))))
def test_every_field_of_a_setting_is_documented(name: str) -> None:
    assert f"`{name}`" in _written()


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_documented(reason: Reason) -> None:
    assert f"`{reason}`" in _written()


@pytest.mark.parametrize("event", [member.__name__ for member in get_args(get_args(CallEvent)[0])])
def test_every_event_is_documented(event: str) -> None:
    assert event in _written()


def test_there_is_something_to_check() -> None:
    assert len(METRICS) > 5
    assert len(VARIABLES) > 10
    assert len(_documents()) > 5


@pytest.mark.parametrize("file", _documents(), ids=lambda file: str(file.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(file: Path) -> None:
    links = _LINK.findall(_CODE.sub("", _documents()[file]))
    relative = [link.partition("#")[0] for link in links if "://" not in link and not link.startswith(("#", "mailto:"))]
    missing = [link for link in relative if not (file.parent / link).exists()]
    assert not missing


@cache
def _tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [ROOT / name for name in listed.decode().split("\0") if name]


@pytest.mark.parametrize(("what", "pattern"), [("machine path", _MACHINE), ("registry", _REGISTRY)])
def test_no_tracked_file_names_a_machine_or_a_registry(what: str, pattern: re.Pattern[str]) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not run: this is no checkout of git")
    assert len(_tracked()) > 50
    found = [
        f"{file.relative_to(ROOT)}: {what} {match.group()!r}"
        for file in _tracked()
        if file.is_file()
        for match in [pattern.search(file.read_text(encoding="utf-8", errors="replace"))]
        if match
    ]
    assert not found


def test_requirements_hold_hashes_and_no_address() -> None:
    files = sorted((ROOT / "requirements").glob("*.txt"))
    assert files
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert "--hash=sha256:" in text
        assert "://" not in text
