"""What a mail costs at least: each step is done on the real servers, and has its figure."""

import json
from pathlib import Path

import pytest

from deploy.local.bench.floors import STEPS, main

pytestmark = [pytest.mark.timeout(180), pytest.mark.broker, pytest.mark.database]


def test_each_step_has_its_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["--mails", "20"]) == 0
    floors = json.loads((tmp_path / "build" / "bench-floors.json").read_text())
    assert list(floors) == [name for name, _ in STEPS]
    assert all(floor["client"] > 0 and floor.keys() == {"client", "broker", "database"} for floor in floors.values())
