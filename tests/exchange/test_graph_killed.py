"""kill -9 at each step of a send by Graph, three times each: every mail is sent once, to those it is for.

Better than SMTP, where a kill between the server's 250 and the ledger sends a mail twice: here it is looked for before
it is sent again (docs/outgoing-mail.md, "When the process is killed").
"""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from pathlib import Path

import pytest
from sqlalchemy import select

from deploy.local.pipeline import ROOT
from desk.engine import open_desk, read_transaction
from desk.tables import deliveries
from tests.desks import new_desk
from tests.exchange.graph_killed_at import MAILBOX, STEPS, request_of
from tests.exchange.graph_server import GraphServer

TIMES, MAILS = 3, 3


@dataclass
class Killed:
    """What is left after all kills. `exits`: of each process that was to die, by its step."""

    graph: GraphServer
    desk_url: str
    exits: list[tuple[str, int]] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)


def _kill_all(killed: Killed, log: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.exchange.graph_killed_at", killed.graph.url, killed.desk_url],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log.open("wb"), text=True,
    )  # fmt: skip
    with process:
        assert process.stdin and process.stdout
        stdin, stdout = process.stdin, process.stdout

        def run(doom: tuple[str, int] | None, numbers: list[int]) -> int:
            stdin.write(json.dumps([doom, numbers]) + "\n")
            stdin.flush()
            line = stdout.readline()
            assert line, f"the process that starts outbound has ended: {log.read_text()}"
            return int(line)

        for step in STEPS:
            for time in range(1, TIMES + 1):
                killed.asked += range(len(killed.asked), len(killed.asked) + MAILS)
                killed.exits.append((step.name, run((step.name, min(time, step.most)), killed.asked[-2 * MAILS :])))
        assert run(None, killed.asked) == 0, log.read_text()
        stdin.close()


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killed]:
    folder = tmp_path_factory.mktemp("killed")
    with GraphServer([MAILBOX]).running() as graph:
        graph.faults = {"replace Message-ID": 1.0, "drop headers": 1.0}
        killed = Killed(graph, new_desk(folder / "desk.db"))
        _kill_all(killed, folder / "log")
        yield killed


def test_every_kill_met_its_step(killed: Killed) -> None:
    assert [one for one in killed.exits if one[1] != -signal.SIGKILL] == []
    assert len(killed.exits) == len(STEPS) * TIMES


def test_every_mail_is_sent_once_to_those_it_is_for(killed: Killed) -> None:
    wanted = [{one.recipient, *one.cc, *one.bcc} for one in map(request_of, killed.asked)]
    assert sorted(map(sorted, wanted)) == sorted(sorted(set(one.recipients)) for one in killed.graph.sent)
    assert not any(b"eve-" in one.raw for one in killed.graph.sent)
    assert killed.graph.mailbox.mails("drafts") == []


def test_the_ledger_knows_each_by_the_id_that_it_has(killed: Killed) -> None:
    real = {to: str(message_from_bytes(one.raw)["Message-ID"]) for one in killed.graph.sent for to in one.recipients}
    engine = open_desk(killed.desk_url)
    with read_transaction(engine) as connection:
        rows = connection.execute(select(deliveries)).all()
    engine.dispose()
    assert {row.outcome for row in rows} == {"sent"}
    assert {row.recipient: row.sent_message_id for row in rows} == real
    assert all(re.fullmatch(r"<mailcall\..*>", row.message_id) for row in rows)
