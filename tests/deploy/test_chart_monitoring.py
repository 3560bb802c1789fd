"""What the chart brings for Prometheus and Grafana: the files of deploy/, for this release and its topics."""

import copy
import json
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from deploy.local.checkers.custom_resources import operator_faults
from deploy.local.packages.helm import Programs
from deploy.manifests import CHART, DEPLOY
from tests.deploy.chart_parts import VALUES, Manifest, containers, name_of, of_kind, pods
from tests.deploy.conftest import Rendered
from tests.deploy.test_alerts import FILES, RECORDED
from tests.deploy.test_dashboard import DASHBOARD

EVERYTHING = CHART / "ci" / "everything.yaml"
KINDS = ("PodMonitor", "PrometheusRule", "ServiceMonitor")
pytestmark = pytest.mark.timeout(400)  # helm may have to be fetched first


def rules(manifests: list[Manifest]) -> dict[str, Manifest]:
    """By alert or record, of all groups."""
    return {
        rule.get("alert") or rule["record"]: rule
        for one in manifests
        for group in one["spec"]["groups"]
        for rule in group["rules"]
    }


@pytest.mark.parametrize("values", [one for one in VALUES if one != EVERYTHING], ids=name_of)
def test_it_is_off_until_it_is_asked_for(values: Path, rendered: Rendered) -> None:
    """A cluster without the operator refuses its kinds."""
    assert of_kind(rendered(values), *KINDS) == []


def test_every_object_is_one_of_the_operator_s(rendered: Rendered) -> None:
    found = of_kind(rendered(EVERYTHING), *KINDS)
    assert {one["kind"] for one in found} == {"PodMonitor", "PrometheusRule"}
    assert {one["metadata"]["name"]: operator_faults(one) for one in found if operator_faults(one)} == {}


def _misspelt(found: dict[str, Manifest]) -> Manifest:
    found["PodMonitor"]["spec"]["podMetricsEndpoints"][0]["intervall"] = "30s"
    return found["PodMonitor"]


def _no_duration(found: dict[str, Manifest]) -> Manifest:
    found["PodMonitor"]["spec"]["podMetricsEndpoints"][0]["interval"] = "often"
    return found["PodMonitor"]


def _without_an_expression(found: dict[str, Manifest]) -> Manifest:
    del found["PrometheusRule"]["spec"]["groups"][0]["rules"][0]["expr"]
    return found["PrometheusRule"]


def _of_no_version(found: dict[str, Manifest]) -> Manifest:
    found["PrometheusRule"]["apiVersion"] = "monitoring.coreos.com/v2"
    return found["PrometheusRule"]


@pytest.mark.parametrize("spoil", [_misspelt, _no_duration, _without_an_expression, _of_no_version])
def test_what_the_operator_does_not_know_is_told(
    spoil: Callable[[dict[str, Manifest]], Manifest], rendered: Rendered
) -> None:
    found = copy.deepcopy({one["kind"]: one for one in of_kind(rendered(EVERYTHING), *KINDS)})
    assert len(operator_faults(spoil(found))) == 1


def test_every_rule_is_there_for_this_installation_s_topics(rendered: Rendered, promtool: Path, tmp_path: Path) -> None:
    found = of_kind(rendered(EVERYTHING), "PrometheusRule")
    assert [one["metadata"]["labels"]["release"] for one in found] == ["prometheus"] * len(FILES)
    by_name = rules(found)
    assert by_name.keys() == {
        rule.get("alert") or rule["record"]
        for file in FILES
        for group in yaml.safe_load(file.read_text("utf-8"))["groups"]
        for rule in group["rules"]
    }
    for name, rule in by_name.items():
        assert "mailcall[.]" not in rule["expr"] and '"mailcall.' not in rule["expr"]
        if name not in RECORDED:
            assert rule["annotations"]["runbook_url"] == f"https://wiki.example.org/mailcall#{name.lower()}"
    assert 'consumergroup="desk.logger"' in by_name["MailcallGroupWithoutMembers"]["expr"]
    for number, one in enumerate(found):
        file = tmp_path / f"{number}.yaml"
        file.write_text(yaml.safe_dump({"groups": one["spec"]["groups"]}), "utf-8")
        subprocess.run([promtool, "check", "rules", file], check=True)


def test_the_monitor_finds_every_pod_that_serves_metrics_and_no_other(rendered: Rendered) -> None:
    manifests = rendered(EVERYTHING)
    (monitor,) = of_kind(manifests, "PodMonitor")
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    selector = monitor["spec"]["selector"]
    (expression,) = selector["matchExpressions"]
    serving = set()
    for stage, pod in pods(manifests):
        labels = pod["metadata"]["labels"]
        is_found = (
            selector["matchLabels"].items() <= labels.items() and labels[expression["key"]] in expression["values"]
        )
        ports = {port["name"] for one in containers(pod) for port in one.get("ports", ())}
        assert is_found == (endpoint["port"] in ports), stage
        serving |= {stage} if is_found else set()
    assert expression["operator"] == "In" and serving == set(expression["values"])


def test_the_dashboard_is_the_one_of_the_repository(rendered: Rendered) -> None:
    (found,) = [one for one in of_kind(rendered(EVERYTHING), "ConfigMap") if "mailcall.json" in one["data"]]
    assert json.loads(found["data"]["mailcall.json"]) == DASHBOARD
    assert found["metadata"]["labels"]["grafana_dashboard"] == "mailcall"


def test_a_packed_chart_holds_the_files_themselves(helm: Programs, tmp_path: Path) -> None:
    """And no link to what lies outside of it."""
    helm.run("package", CHART, "--destination", tmp_path)
    (packed,) = tmp_path.glob("*.tgz")
    with tarfile.open(packed) as archive:
        for source in (*FILES, DEPLOY / "grafana" / "mailcall.json"):
            member = archive.extractfile(f"mailcall/files/{source.name}")
            assert member and member.read() == source.read_bytes()
