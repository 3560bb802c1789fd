"""kill -9 of ingest at each step of a mail's way from Graph to the broker, with every fault of the service besides.

The process in the place of ingest's watcher is a real one, and so is its death; only the broker is a file.
"""

import json
import signal
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from deploy.local.pipeline import ROOT
from schemas import ids
from tests.exchange.graph_ingest_killed_at import MAILBOX, STEPS
from tests.exchange.graph_server import EVERY_ANSWER, READING, GraphServer
from tests.ingest.odd_servers import mail

MAILS = 1_000
TIMES = (1, 2, 5)  # each step is died at
BLOCK = 20


@pytest.mark.timeout(600)
def test_killed_at_each_step_ingest_loses_no_mail_and_brings_none_under_two_ids(tmp_path: Path) -> None:
    raws = {number: mail(number) for number in range(1, MAILS + 1)}
    exits: list[int] = []
    with GraphServer([MAILBOX]).running() as graph:
        graph.faults, graph.slow_seconds = dict.fromkeys([*EVERY_ANSWER, *READING], 0.004), 0.001
        for raw in raws.values():
            graph.mailbox.put(raw)
        log = tmp_path / "log"
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.exchange.graph_ingest_killed_at", graph.url, str(tmp_path)],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log.open("wb"), text=True,
        )  # fmt: skip
        with process:
            assert process.stdin and process.stdout
            for doom in (*((step, time) for time in TIMES for step in STEPS), None):
                process.stdin.write(json.dumps(doom) + "\n")
                process.stdin.flush()
                line = process.stdout.readline()
                assert line, log.read_text()[-3000:]
                exits.append(int(line))
            process.stdin.close()
        left = graph.mailbox.mails("inbox")
        settled = [item.raw for item in graph.mailbox.mails("deleteditems")]
    assert exits == [-signal.SIGKILL] * (len(STEPS) * len(TIMES)) + [0], log.read_text()[-3000:]
    published = [line.split() for line in (tmp_path / "mails").read_text().splitlines()]
    assert {id_ for id_, _ in published} == {ids.mail_id("it", raw) for raw in raws.values()}
    assert {digest for _, digest in published} == {sha256(raw).hexdigest() for raw in raws.values()}
    assert len(published) <= MAILS + BLOCK * len(exits)  # what was in hand comes once more, under the same id
    assert not {fault for fault in EVERY_ANSWER if not graph.happened[fault]}
    assert left == []
    assert sorted(settled) == sorted(raws.values())
