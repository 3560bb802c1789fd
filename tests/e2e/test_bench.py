"""`make bench`, small, against itself: the outcome is right, and the report has its shape."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.pipeline import PROCESSES, ROOT

pytestmark = [pytest.mark.timeout(300), pytest.mark.broker, pytest.mark.database]

SHAPE = {
    "mails",
    "mails_per_s",
    "cpu_ms_per_mail",
    "statements_per_mail",
    "ingest_ms_per_mail",
    "outbound_ms_per_mail",
    "thread_ms_per_mail",
    "broker_requests_per_mail",
    "latency_ms",
    "idle_cpu_percent",
    "cpu_s_until_ready",
    "peak_rss_mb",
    "outcome",
    "idle",
    "compare",
}
COMPARED = {
    "cpu_ms_per_mail",
    "mails_per_s",
    "latency_ms",
    "idle_cpu_percent",
    "cpu_s_until_ready",
    "peak_rss_mb",
}


def test_a_small_run_ends_as_expected_and_writes_its_report(tmp_path: Path) -> None:
    few = ["--mails", "400", "--burst", "200", "--warm-up", "20", "--latency-mails", "10", "--starts", "1"]
    brief = ["--idle-cpu-seconds", "2", "--idle-mailboxes", "20", "--idle-seconds", "1"]
    command = [sys.executable, "-m", "deploy.local.bench", *few, *brief, "--compare", "HEAD"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=290, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "build" / "bench.json").read_text())
    assert report.keys() == SHAPE
    assert report["mails"] == 400
    costs = report["cpu_ms_per_mail"]
    servers = ("broker", "database")
    assert costs.keys() == {*PROCESSES, *servers, "mail_host", "processes", "total"}
    assert all(costs[name] > 0 for name in PROCESSES)
    assert costs["processes"] == pytest.approx(sum(costs[name] for name in PROCESSES), abs=0.01)
    assert costs["total"] == pytest.approx(costs["processes"] + sum(costs[name] for name in servers), abs=0.01)
    for process, steps in (("ingest", {"fetch", "publish", "settle"}), ("outbound", {"render", "send", "record"})):
        parts = report[f"{process}_ms_per_mail"]
        assert parts.keys() == {*steps, "rest"}
        assert all(cost > 0 for cost in parts.values())
        assert sum(parts.values()) == pytest.approx(costs[process], abs=0.01)
    threads = report["thread_ms_per_mail"]
    assert threads.keys() == set(PROCESSES)
    for process, parts in threads.items():
        assert {"main", "kafka", "producer", "rest"} <= parts.keys()
        assert sum(parts.values()) == pytest.approx(costs[process], abs=0.01)
    requests = report["broker_requests_per_mail"]
    assert all(requests[kind] > 0 for kind in ("Produce", "Fetch"))
    assert requests["all"] == pytest.approx(sum(requests.values()) - requests["all"], abs=0.02)
    assert 0 < report["latency_ms"]["p50"] <= report["latency_ms"]["p99"]
    idle_cpu = report["idle_cpu_percent"]
    assert idle_cpu.keys() == {*PROCESSES, *servers, "total"}
    assert idle_cpu["total"] == pytest.approx(sum(idle_cpu[name] for name in PROCESSES), abs=0.03)
    assert report["cpu_s_until_ready"].keys() == {*PROCESSES, "total"}
    for outcome in (report["outcome"], report["compare"]["outcome"]):
        assert outcome["ok"]
        assert outcome["got"] == outcome["expected"]
        assert outcome["expected"]["calls"] + outcome["expected"]["replies"] == outcome["expected"]["bodies"] == 430
    for figures in (report["compare"]["ratio"], report["compare"]["spread"]):
        assert {name for name, parts in figures.items() if parts} >= COMPARED
        assert figures["cpu_ms_per_mail"].keys() >= {*PROCESSES, "processes", "total"}
    idle = report["idle"]
    assert (idle["mailboxes"], idle["all_idle"]) == (20, True)
    assert idle["rss_mb"] > 0
    assert idle["seconds_to_all_idle"] > 0
