"""A test of an incoming server, at an administrator's request: every step with its status, and the newest message.

Requirement R14: sender, subject and text of the message, and Status, whether it was received. Nothing is changed in the
mailbox.
"""

from collections.abc import Callable, Iterable
from functools import partial

from ingest.connectors.base import LOOKED_AT, Connector, Step
from ingest.mail_preview import preview_of
from mailserver.errors import MailServerError
from runtime.server_tests import ServerTester, TimeLimit
from runtime.telemetry.logs import get_logger
from schemas.servers import ServerTest, ServerTestResult, TestStep
from schemas.settings import IncomingServer, MapiProfile
from schemas.snapshot import SettingsSnapshot

log = get_logger(__name__)

FIRST_STEP, LAST_STEP = "account", "newest mail"

Connect = Callable[[IncomingServer], Connector]


def server_tester(
    connect: Connect, test_profile: Callable[[ServerTest, MapiProfile], ServerTestResult] | None = None
) -> ServerTester[IncomingServer]:
    """What ingest tests. `connect` gives a read-only connector; `test_profile` takes every step, and never raises."""
    return ServerTester(
        "ingest-tests",
        IncomingServer,
        SettingsSnapshot.incoming_server,
        lambda test, server: run_server_test(test, server, connect),
        answers_unknown=True,
        try_profile=test_profile,
    )


def run_server_test(test: ServerTest, server: IncomingServer, connect: Connect) -> ServerTestResult:
    """Take every step until one fails. Never raises. `connect` gives a read-only connector."""
    test_id, marker = test.test_id, test.marker
    try:
        connector = connect(server)
    except MailServerError as error:
        return _result(test_id, [TestStep(step=FIRST_STEP, ok=False, status=error.text)])
    limit = TimeLimit(connector.interrupt)
    try:
        return limit.result(_take_steps(test_id, connector, marker))
    finally:
        limit.end()
        connector.close()


def steps_taken(steps: Iterable[Step]) -> list[TestStep]:
    """Take each until one fails, which is then the last. Never raises."""
    taken: list[TestStep] = []
    for step in steps:
        taken.append(_outcome_of(step.name, partial(_take, step)))
        if not taken[-1].ok:
            break
    return taken


def _take_steps(test_id: str, connector: Connector, marker: str) -> ServerTestResult:
    steps = steps_taken(connector.opening())
    if not all(step.ok for step in steps):
        return _result(test_id, steps)
    raw: bytes | None = None

    def look() -> TestStep:
        nonlocal raw
        raw = connector.newest(marker)
        return _last_step(raw, marker)

    steps.append(_outcome_of(LAST_STEP, look))
    return _result(test_id, steps, raw)


def _outcome_of(name: str, take: Callable[[], TestStep]) -> TestStep:
    try:
        return take()
    except MailServerError as error:
        return TestStep(step=name, ok=False, status=error.text)
    except Exception as error:
        log.exception("unexpected error in a server test")
        return TestStep(step=name, ok=False, status=f"unexpected {type(error).__name__}, see the log of ingest")


def _take(step: Step) -> TestStep:
    return TestStep(step=step.name, ok=True, status=step.take())


def _last_step(raw: bytes | None, marker: str) -> TestStep:
    """A mailbox may be empty, but a message with a marker has been sent, so it has to be there."""
    if raw is not None:
        return TestStep(step=LAST_STEP, ok=True, status="received")
    if not marker:
        return TestStep(step=LAST_STEP, ok=True, status="the mailbox is empty: send a message to it and test again")
    status = (
        f"no message with {marker!r} in its subject among the last {LOOKED_AT}: wait a moment and test again; if it "
        "does not arrive, look where the mailbox's address is delivered"
    )
    return TestStep(step=LAST_STEP, ok=False, status=status)


def _result(test_id: str, steps: list[TestStep], raw: bytes | None = None) -> ServerTestResult:
    mail = preview_of(raw) if raw is not None else None
    return ServerTestResult(
        test_id=test_id,
        ok=all(step.ok for step in steps),
        steps=tuple(steps),
        sender=mail.sender if mail else "",
        subject=mail.subject if mail else "",
        message=mail.message if mail else "",
    )
