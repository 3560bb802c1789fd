"""outbound's handler over Graph, killed at a named step of a send: `python -m tests.exchange.graph_killed_at URL DESK`.

Reads a JSON line for each process that it is to fork: the step and which time it dies there (or null), and the numbers
of the mails to send. Writes its exit code. What it dies of is `kill -9` by itself, so that nothing is tidied up.
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from desk.deliveries import DeliveryLedger
from desk.engine import open_desk
from mailserver.exchange.account import ExchangeAccount
from mailserver.exchange.graph import GraphSession
from outbound.recording import ResultRecorder
from runtime.processing.outcomes import Ok
from schemas.events import NotificationRequested
from schemas.ids import notification_id
from schemas.settings import EmailOptions, MapiProfile, OutgoingServer
from tests.outbound.desk import Desk

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECONDS = 60
MAILBOX = "desk@example.test"


@dataclass(frozen=True, slots=True)
class Step:
    """`request`: how method and path of the request begin that it is the moment before or after; "" for the ledger.

    `most`: so often a process comes to it for certain.
    """

    name: str
    request: str = ""
    ends: str = ""
    moment: Literal["before", "after"] = "after"
    most: int = 3


STEPS = (
    Step("mailbox found", "GET /mailFolders", most=1),
    Step("looked for", "GET /messages?"),
    Step("draft made", "POST /messages", "/messages"),
    Step("draft marked", "PATCH /messages/"),
    Step("before it is sent", "POST /messages/", "/send", "before"),
    Step("202 read", "POST /messages/", "/send"),
    Step("ledger written"),
)
BY_NAME: Mapping[str, Step] = {step.name: step for step in STEPS}


def request_of(number: int) -> NotificationRequested:
    """Every third one goes to three, of whom one is named nowhere."""
    several = number % 3 == 2
    recipient = f"ann-{number}@firm.example"
    return NotificationRequested(
        notification_id=notification_id(recipient, "CallLogged", recipient),
        recipient=recipient,
        cc=(f"ben-{number}@firm.example",) if several else (),
        bcc=(f"eve-{number}@firm.example",) if several else (),
        event="CallLogged",
        subject="Your mail",
        text="We have received it.",
        requested_at=NOW,
    )


def _watch(step: Step, reached: Callable[[], None]) -> None:
    if not step.request:
        record = ResultRecorder.record

        def recorded(*arguments: Any) -> None:
            record(*arguments)
            reached()

        setattr(ResultRecorder, "record", recorded)  # noqa: B010 - mypy lets no method be assigned
        return
    ask = GraphSession.ask

    def asked(session: GraphSession, method: str, path: str, *more: Any, **named: Any) -> Any:
        is_it = f"{method} {path}".startswith(step.request) and path.endswith(step.ends)
        if is_it and step.moment == "before":
            reached()
        answer = ask(session, method, path, *more, **named)
        if is_it and step.moment == "after":
            reached()
        return answer

    setattr(GraphSession, "ask", asked)  # noqa: B010


def _die_at(step: Step, number: int) -> None:
    left = number

    def reached() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
            signal.pause()

    _watch(step, reached)


def _run(url: str, desk_url: str, doom: tuple[str, int] | None, numbers: list[int]) -> int:
    signal.alarm(SECONDS)
    if doom is not None:
        _die_at(BY_NAME[doom[0]], doom[1])
    profile = MapiProfile(
        id="exchange", transport="graph", tenant="t", client_id="c", client_secret={"env": "NOT_READ"}, graph_url=url
    )
    account = ExchangeAccount(profile, MAILBOX, lambda: "token", lambda: False)
    desk = Desk(DeliveryLedger(open_desk(desk_url)), NOW, lambda _: account)
    server = OutgoingServer(
        id="out", protocol="mapi", profile="exchange", mailbox=MAILBOX, host="-", security="none", from_address=MAILBOX,
        connections=1,
    )  # fmt: skip
    desk.apply(server, EmailOptions(default_outgoing_server="out"))
    outcomes = desk.handle(*map(request_of, numbers))
    desk.delivery.close()
    return 0 if all(isinstance(one, Ok) for one in outcomes) else 1


def _serve(url: str, desk_url: str) -> None:
    """One forked process after the other; this one has no second thread, so that forking is safe."""
    for line in sys.stdin:
        doom, numbers = json.loads(line)
        pid = os.fork()
        if pid == 0:
            os._exit(_run(url, desk_url, doom, numbers))
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201 - to the test


if __name__ == "__main__":
    _serve(*sys.argv[1:])
