"""What the steps cost with bare libraries: each is done on the real servers, and has its figure."""

import json
from pathlib import Path

import pytest

from deploy.local.bench.bare_steps import STEPS, main

pytestmark = [pytest.mark.timeout(180), pytest.mark.broker, pytest.mark.database]


def test_each_step_has_its_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["--mails", "20"]) == 0
    costs = json.loads((tmp_path / "build" / "bench-bare-steps.json").read_text())
    assert list(costs) == [name for name, _ in STEPS]
    assert all(cost["client"] > 0 and cost.keys() == {"client", "broker", "database"} for cost in costs.values())
