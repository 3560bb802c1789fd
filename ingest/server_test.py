"""An incoming server tried out, as an administrator asked for: every step with its status, and the newest mail.

Requirement R14: sender, subject and text of the mail, and Status, whether it was received. The mailbox is only looked
at.
"""

from collections.abc import Callable, Iterable
from functools import partial

from ingest.connectors.base import LOOKED_AT, Connector, Step
from ingest.shown import shown
from mailserver.errors import MailServerError
from runtime.logs import get_logger
from runtime.server_tests import ServerTester, TimeLimit
from schemas.servers import ServerTest, ServerTestResult, TestStep
from schemas.settings import IncomingServer, MapiProfile
from schemas.snapshot import SettingsSnapshot

log = get_logger(__name__)

FIRST_STEP, LAST_STEP = "account", "newest mail"

Connect = Callable[[IncomingServer], Connector]


def trials(
    look: Connect, try_profile: Callable[[ServerTest, MapiProfile], ServerTestResult] | None = None
) -> ServerTester[IncomingServer]:
    """What ingest tries. `look` gives a connector that only looks; `try_profile` takes every step, and never raises."""
    return ServerTester(
        "ingest-tests",
        IncomingServer,
        SettingsSnapshot.incoming_server,
        lambda test, server: run_server_test(test, server, look),
        answers_unknown=True,
        try_profile=try_profile,
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


def steps_taken(steps: Iterable[Step]) -> list[TestStep]:
    """Each until one fails, which is the last then. Never raises."""
    taken: list[TestStep] = []
    for step in steps:
        taken.append(_told(step.name, partial(_done, step)))
        if not taken[-1].ok:
            break
    return taken


def _taken(test_id: str, connector: Connector, marker: str) -> ServerTestResult:
    steps = steps_taken(connector.opening())
    if not all(step.ok for step in steps):
        return _result(test_id, steps)
    raw: bytes | None = None

    def look() -> TestStep:
        nonlocal raw
        raw = connector.newest(marker)
        return _found(raw, marker)

    steps.append(_told(LAST_STEP, look))
    return _result(test_id, steps, raw)


def _told(name: str, take: Callable[[], TestStep]) -> TestStep:
    try:
        return take()
    except MailServerError as error:
        return TestStep(step=name, ok=False, status=error.text)
    except Exception as error:
        log.exception("a test of a server met a fault of the program")
        return TestStep(step=name, ok=False, status=f"unexpected {type(error).__name__}, see the log of ingest")


def _done(step: Step) -> TestStep:
    return TestStep(step=step.name, ok=True, status=step.take())


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
