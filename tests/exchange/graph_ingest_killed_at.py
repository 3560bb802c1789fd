"""A mailbox watched by Graph, killed at a named step: `python -m tests.exchange.graph_ingest_killed_at URL FOLDER`.

Reads a JSON line for each process that it is to fork: the step and which time it dies there, or null: then it goes on
until the mailbox is idle. Writes its exit code. What it publishes lies in FOLDER: `mails`, a line with mail id and
digest each; `cursor`, the last one. What it dies of is `kill -9` by itself, so that nothing is tidied up.
"""

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from ingest import backoff
from ingest.connectors import base, graph_folder, owed
from ingest.connectors.graph import GraphConnector
from ingest.watcher import MailboxWatcher
from mailserver.exchange import graph_responses
from mailserver.exchange.account import ExchangeAccount
from mailserver.exchange.graph import GraphSession
from schemas.servers import MailboxCursor
from schemas.settings import IncomingServer, MapiProfile
from schemas.topics import MAIL_FETCHED, MAILBOX_CURSORS, SERVER_STATUS
from schemas.wire import OutputRecord, Record, decode
from tests.exchange.graph_server import Tokens
from tests.ingest.test_watcher import Broker, surroundings

SECONDS = 300
MAILBOX = "desk@example.test"
STEPS = ("asked", "mail read", "before published", "published", "before moved", "moved", "cursor published")


class Topics(Broker):
    """What is published, on the disk. `reached`: is told of each step."""

    def __init__(self, folder: Path, reached: Callable[[str], None]) -> None:
        super().__init__()
        self._folder = folder
        self._reached = reached
        self.idle = threading.Event()

    def publish(self, messages: list[OutputRecord]) -> None:
        mails = [message for message in messages if message.topic is MAIL_FETCHED]
        if mails:
            self._reached("before published")
        with (self._folder / "mails").open("a") as file:
            for message in mails:
                file.write(f"{dict(message.headers)['ce_id'].decode()} {sha256(message.value or b'').hexdigest()}\n")
        if mails:
            self._reached("published")
        for message in messages:
            record = Record("t", 0, 0, b"", message.value, message.headers)
            if message.topic is MAILBOX_CURSORS:
                new = self._folder / "cursor.new"
                new.write_bytes(message.value or b"")
                new.replace(self._folder / "cursor")
                self._reached("cursor published")
            elif message.topic is SERVER_STATUS and decode(SERVER_STATUS, record)[1].state == "idle":
                self.idle.set()


def _watch(reached: Callable[[str], None]) -> None:
    ask, content = GraphSession.ask, GraphSession.content

    def asked(session: GraphSession, method: str, path: str, *more: Any, **named: Any) -> Any:
        is_move = path.endswith("/move")
        if is_move:
            reached("before moved")
        answer = ask(session, method, path, *more, **named)
        reached("moved" if is_move else "asked")
        return answer

    def read(session: GraphSession, path: str) -> Any:
        yield from content(session, path)
        reached("mail read")

    GraphSession.ask = asked  # type: ignore[method-assign, assignment]
    GraphSession.content = read  # type: ignore[method-assign, assignment]


def _dying_at(step: str, time: int) -> Callable[[str], None]:
    left = time

    def reached(where: str) -> None:
        nonlocal left
        left -= where == step
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
            signal.pause()

    return reached


def _run(url: str, folder: Path, doom: tuple[str, int] | None) -> int:
    signal.alarm(SECONDS)
    owed.AGAIN_SECONDS = (0, 0, 0, 0, 0)
    backoff.FIRST_SECONDS = graph_responses.THROTTLED_SECONDS = 0.001
    base.BATCH_MAILS, graph_folder.DELTA_PAGE_MAILS = 20, 250
    reached = _dying_at(*doom) if doom else lambda _where: None
    _watch(reached)
    profile = MapiProfile(
        id="exchange", transport="graph", tenant="t", client_id="c", client_secret={"env": "NOT_READ"}, graph_url=url
    )
    tokens = Tokens(f"token-of-{os.getpid()}")
    account = ExchangeAccount(profile, MAILBOX, tokens.access_token, tokens.token_refused)
    server = IncomingServer.model_validate(
        {
            "id": "it", "protocol": "mapi", "profile": "exchange", "mailbox": MAILBOX, "start_from": "beginning",
            "after_fetch": "delete", "poll_seconds": 0.01, "call_template": "it", "default_logging_analyst": "anna",
        }
    )  # fmt: skip
    kept = folder / "cursor"
    cursor = MailboxCursor.model_validate_json(kept.read_bytes()) if kept.exists() else None
    topics = Topics(folder, reached)
    watcher = MailboxWatcher(
        server, cursor, surroundings(topics, folder, lambda server: GraphConnector(server, account))
    )
    watcher.start()
    topics.idle.wait()
    watcher.stop()
    return 0 if watcher.join(10) else 1


def _serve(url: str, folder: str) -> None:
    """One forked process after the other; this one has no second thread, so that forking is safe."""
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            sys.stdout = sys.stderr  # what it logs is no answer
            os._exit(_run(url, Path(folder), json.loads(line)))
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve(*sys.argv[1:])
