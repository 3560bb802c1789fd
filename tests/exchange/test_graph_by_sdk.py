"""The fake of Microsoft Graph, driven by Microsoft's own client: what only we understood would be noticed here."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy.local.packages.python_packages import fetch_graph_client
from tests.exchange.graph_server import GraphServer
from tests.ingest.odd_servers import mail

ADDRESS = "desk@example.test"
SCRIPT = Path(__file__).with_name("graph_by_sdk.py")


@pytest.fixture(scope="module")
def graph_client() -> Path:
    return fetch_graph_client()


@pytest.mark.timeout(400)  # the client may have to be fetched first
def test_microsofts_client_reads_moves_and_sends_by_the_fake_and_knows_every_key(graph_client: Path) -> None:
    with GraphServer([ADDRESS]).running() as graph:
        for number in range(1, 6):
            received = datetime.now(UTC) - timedelta(days=1) + timedelta(minutes=number)
            graph.mailbox.put(mail(number), received=received)
        environment = {**os.environ, "PYTHONPATH": str(graph_client)}
        command = [sys.executable, str(SCRIPT), graph.url, ADDRESS]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout)
    assert told.pop("content").encode() == mail(5)
    assert {"Inbox", "Sent Items"} < set(told.pop("folders"))
    assert told == {
        "total": 5,
        "count": 5,
        "subjects": [f"Mail {number}" for number in (5, 4, 3, 2, 1)],
        "sizes": [str(len(mail(number)) + 100) for number in (5, 4, 3, 2, 1)],
        "pages": 3,
        "changed": [f"Mail {number}" for number in (1, 2, 3, 4, 5)],
        "whole": "Mail 5",
        "read": True,
        "moved": True,
        "later": [],
        "error": [404, "ErrorItemNotFound"],
        "draft": [True, "A draft", "clara@kunde.example"],
        "upload": [True, ["0-"]],
        "copies": ["A draft"],
        "unknown": [],
    }
    assert [one.recipients for one in graph.sent] == [("clara@kunde.example",)] * 2
