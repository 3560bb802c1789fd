"""The dashboard: Grafana takes it, its queries ask for what is really told, and runbooks name panels that there are."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.local.checkers.npm_checkers import dashboard_faults as schema_faults
from deploy.local.checkers.npm_checkers import fetch_schema
from tests.deploy.test_alerts import faults

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "deploy" / "grafana" / "mailcall.json").read_text("utf-8")
DASHBOARD: dict[str, Any] = json.loads(TEXT)
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
# What Grafana puts in the place of its variables.
VARIABLES = {"$__rate_interval": "1m", "$stage": "resolver", "$prefix": "mailcall"}


def queries() -> Iterator[tuple[str, str, str]]:
    """Panel, query and legend of each."""
    for panel in PANELS:
        for target in panel.get("targets", []):
            query = target["expr"]
            for variable, value in VARIABLES.items():
                query = query.replace(variable, value)
            yield panel["title"], query, target["legendFormat"]


@pytest.fixture(scope="module")
def grafana_schema() -> Path:
    return fetch_schema()


def test_grafana_takes_it(grafana_schema: Path) -> None:
    assert schema_faults(TEXT) == ""


def test_grafana_would_refuse_what_is_wrong(grafana_schema: Path) -> None:
    found = schema_faults(TEXT.replace('"gridPos"', '"gridPosition"', 1).replace('"absolute"', '"absolut"', 1))
    assert "gridPosition" in found and "absolut" in found


def test_every_query_is_one(promtool: Path, tmp_path: Path) -> None:
    rules = [{"record": f"panel:{number}", "expr": query} for number, (_, query, _) in enumerate(queries())]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}), "utf-8")
    done = subprocess.run([promtool, "check", "rules", file], capture_output=True, text=True, check=False)
    assert f"{len(rules)} rules found" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize(("panel", "query", "legend"), list(queries()))
def test_a_query_asks_for_what_is_told_and_its_legend_for_what_it_gives(panel: str, query: str, legend: str) -> None:
    assert faults(query) == []
    assert "$" not in query
    for label in re.findall(r"\{\{(\w+)\}\}", legend):
        assert re.search(rf"\b(by|group_left) \([^)]*\b{label}\b", query) or " by (" not in query, label


def test_panels_lie_beside_one_another_and_each_says_what_it_shows() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in PANELS:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken and place["x"] + place["w"] <= 24, panel["title"]
        taken |= cells
        assert panel["type"] == "row" or panel["description"]
    assert len({panel["id"] for panel in PANELS}) == len(PANELS) > 30


def test_runbooks_name_panels_that_there_are() -> None:
    runbooks = " ".join((ROOT / "docs" / "runbooks.md").read_text("utf-8").split())
    named = set(re.findall(r"(?<!\*)\*([A-Z][^*]+)\*(?!\*)", runbooks)) - {"Targets"}
    assert len(named) > 15
    assert named - {panel["title"] for panel in PANELS} == set()
