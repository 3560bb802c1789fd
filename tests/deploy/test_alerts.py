"""The rules for Prometheus: each alert fires and stays quiet as its tests say, and asks for what is really told."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.asyncapi import PROCESSES
from schemas.reasons import Reason
from schemas.topics import TOPICS
from tests.deploy.promql import OTHERS, exported, grouped, selected

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "deploy").glob("alerts*.yaml"))
TESTS = sorted((ROOT / "tests" / "deploy" / "alerts").glob("*.yaml"))
RUNBOOKS = (ROOT / "docs" / "runbooks.md").read_text("utf-8")
ALL: list[dict[str, Any]] = [
    rule for file in FILES for group in yaml.safe_load(file.read_text("utf-8"))["groups"] for rule in group["rules"]
]
ALERTS: dict[str, dict[str, Any]] = {rule["alert"]: rule for rule in ALL if "alert" in rule}
RECORDED: dict[str, str] = {rule["record"]: rule["expr"] for rule in ALL if "record" in rule}
TESTED = [
    (check["expr"], bool(check["exp_samples"]))
    for file in TESTS
    for test in yaml.safe_load(file.read_text("utf-8"))["tests"]
    for check in test["promql_expr_test"]
]
# The values that a label can have, where they are a fixed list.
WORDS: dict[str, set[str]] = {
    "process": set(PROCESSES),
    "stage": set(PROCESSES),
    "reason": set(Reason),
    "outcome": {"ok", "reject", "retry", "dead"},
    "limit": {"cpu", "memory", "time", "crash"},
    "result": {"applied", "deleted", "undecodable"},
    "topic": {f"{topic.short}.v{topic.version}{end}" for topic in TOPICS for end in ("", ".retry", ".dlq")},
}
ANYWHERE = {"instance"}


def labels_of(metric: str) -> frozenset[str]:
    """Of a metric of a process, of others, or of one that a rule records. Raises `KeyError` where nobody tells it."""
    known = {**exported(), **OTHERS}
    return known[metric] if metric in known else frozenset(grouped(RECORDED[metric]) - {"le"})


def faults(query: str) -> list[str]:
    """What a query asks for that nobody tells."""
    found = []
    every: set[str] = set(ANYWHERE)
    for one in selected(query):
        try:
            labels = labels_of(one.metric)
        except KeyError:
            found.append(f"no metric {one.metric}")
            continue
        every |= labels
        for label, operator, value in one.matchers:
            if label not in labels:
                found.append(f"{one.metric} has no label {label}")
            elif label in WORDS and one.metric.startswith("mailcall_") and "$" not in value:
                words = value.split("|") if "~" in operator and re.fullmatch(r"[\w|-]+", value) else [value]
                found += [
                    f"{label} is never {word}"
                    for word in words
                    if not any(map(re.compile(word).fullmatch, WORDS[label]))
                ]
    return found + [f"nothing has a label {label}" for label in grouped(query) - every]


def test_there_are_rules_and_each_name_is_given_once() -> None:
    assert len(ALERTS) > 25
    assert len(ALERTS) + len(RECORDED) == len(ALL)


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_asks_for_what_processes_tell(rule: dict[str, Any]) -> None:
    assert list(selected(rule["expr"]))
    assert faults(rule["expr"]) == []


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("mailcall_nothing_total > 0", "no metric mailcall_nothing_total"),
        ('mailcall_lag_records{tropic="x"}', "mailcall_lag_records has no label tropic"),
        ('mailcall_lag_records{stage="resolve"}', "stage is never resolve"),
        ('mailcall_records_total{reason=~"broker-away|broken"}', "reason is never broken"),
        ('mailcall_lag_records{topic=~".+[.]retr"}', "topic is never .+[.]retr"),
        ("sum by (stages) (mailcall_lag_records)", "nothing has a label stages"),
    ],
)
def test_a_query_for_what_nobody_tells_is_found(query: str, fault: str) -> None:
    assert fault in faults(query)


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_what_happened_and_leads_to_its_runbook(name: str) -> None:
    rule = ALERTS[name]
    assert {"summary", "description", "runbook_url"} == set(rule["annotations"])
    assert rule["labels"]["severity"] in ("warning", "critical")
    assert rule["annotations"]["runbook_url"] == f"docs/runbooks.md#{name.lower()}"
    page = RUNBOOKS.partition(f"\n### {name}\n")[2].partition("\n### ")[0]
    words = " ".join(page.split())  # a line may end within what is bold
    starts = [words.find(part) for part in ("**Users feel**", "**See it**", "**Do**", "**It is over** ")]
    assert -1 not in starts and starts == sorted(starts)


def test_there_is_no_runbook_without_an_alert() -> None:
    assert set(re.findall(r"(?m)^### (\w+)$", RUNBOOKS)) == set(ALERTS)


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_is_tested_both_ways(name: str) -> None:
    """That the tests hold is the next one's."""
    assert {fires for expression, fires in TESTED if f'alertname="{name}"' in expression} == {True, False}


def test_every_alert_fires_and_stays_quiet_as_it_should(promtool: Path) -> None:
    for command, files in (("check", FILES), ("test", TESTS)):
        done = subprocess.run([promtool, command, "rules", *files], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
