"""An incoming server tried out, as an administrator asked for: every step with its status, and the newest mail.

Requirement R14: sender, subject and text of the mail, and Status, whether it was received. The mailbox is only looked
at.
"""

from collections.abc import Callable

from ingest.connectors.base import LOOKED_AT, Connector
from ingest.shown import shown
from mailserver.errors import MailServerError
from runtime.logs import get_logger
from runtime.server_tests import ServerTester, TimeLimit
from schemas.servers import ServerTest, ServerTestResult, TestStep
from schemas.settings import IncomingServer
from schemas.snapshot import SettingsSnapshot

log = get_logger(__name__)

FIRST_STEP, LAST_STEP = "account", "newest mail"

Connect = Callable[[IncomingServer], Connector]


def trials(look: Connect) -> ServerTester[IncomingServer]:
    """What ingest tries. `look` gives a connector that only looks."""
    return ServerTester(
        "ingest-tests",
        IncomingServer,
        SettingsSnapshot.incoming_server,
        lambda test, server: run_server_test(test, server, look),
        answers_unknown=True,
    )


def run_server_test(test: ServerTest, server: IncomingServer, connect: Connect) -> ServerTestResult:
    """Take every step until one fails. Never raises. `connect` gives a connector that only looks."""
    test_id, marker = test.test_id, test.marker
    try:
        connector = connect(server)
    except MailServerError as error:
        return _result(test_id, [TestStep(step=FIRST_STEP, ok=False, status=error.text)])
    limit = TimeLimit(connector.interrupt)
    try:
        return limit.told(_taken(test_id, connector, marker))
    finally:
        limit.end()
        connector.close()


def _taken(test_id: str, connector: Connector, marker: str) -> ServerTestResult:
    steps: list[TestStep] = []
    name = FIRST_STEP
    try:
        for step in connector.opening():
            name = step.name
            steps.append(TestStep(step=name, ok=True, status=step.take()))
        name = LAST_STEP
        raw = connector.newest(marker)
    except MailServerError as error:
        steps.append(TestStep(step=name, ok=False, status=error.text))
        return _result(test_id, steps)
    except Exception as error:
        log.exception("a test of a server met a fault of the program")
        status = f"unexpected {type(error).__name__}, see the log of ingest"
        steps.append(TestStep(step=name, ok=False, status=status))
        return _result(test_id, steps)
    steps.append(_found(raw, marker))
    return _result(test_id, steps, raw)


def _found(raw: bytes | None, marker: str) -> TestStep:
    """A mailbox may be empty, but a mail with a marker has been sent, so it has to be there."""
    if raw is not None:
        return TestStep(step=LAST_STEP, ok=True, status="received")
    if not marker:
        return TestStep(step=LAST_STEP, ok=True, status="the mailbox is empty: send a mail to it and test once more")
    status = (
        f"no mail with {marker!r} in its subject among the last {LOOKED_AT}: wait a moment and test once more; if it "
        "does not come, look where the mailbox's address is delivered"
    )
    return TestStep(step=LAST_STEP, ok=False, status=status)


def _result(test_id: str, steps: list[TestStep], raw: bytes | None = None) -> ServerTestResult:
    mail = shown(raw) if raw is not None else None
    return ServerTestResult(
        test_id=test_id,
        ok=all(step.ok for step in steps),
        steps=tuple(steps),
        sender=mail.sender if mail else "",
        subject=mail.subject if mail else "",
        message=mail.message if mail else "",
    )
