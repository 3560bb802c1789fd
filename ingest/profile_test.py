"""A test of a MAPI profile, at an administrator's request: every step of its login with its status.

In the mailbox one folder is requested, which changes nothing. Without a mailbox a token is all that can be requested:
an application can ask Microsoft Graph nothing that is about no mailbox, and Exchange Web Services give no token.
"""

from collections.abc import Callable
from typing import Protocol

from ingest.connectors.base import Step
from ingest.server_test import FIRST_STEP, steps_taken
from mailserver.errors import MailServerError
from mailserver.exchange.account import ExchangeAccount
from mailserver.exchange.ews_interface import ews_client
from mailserver.exchange.graph import GraphSession
from runtime.server_tests import TimeLimit
from schemas.reasons import Reason
from schemas.servers import ServerTest, ServerTestResult, TestStep
from schemas.settings import MapiProfile

NO_MAILBOX = "none was given: the profile is tested up to here, and not whether it may open a mailbox"
MAILBOX_NEEDED = "Exchange Web Services need a mailbox to log in to: give the address of one"

AccountOf = Callable[[MapiProfile, str], ExchangeAccount]


class _Session(Protocol):
    """What both clients have. They raise `MailServerError`; `interrupt` may be called from another thread."""

    def connect(self) -> str: ...
    def log_in(self) -> str: ...
    def interrupt(self) -> None: ...
    def close(self) -> None: ...


def run_profile_test(test: ServerTest, profile: MapiProfile, account_of: AccountOf) -> ServerTestResult:
    """Take every step until one fails. Never raises. `account_of`: of a profile and a mailbox, which may be ""."""
    try:
        session, look = _session(account_of(profile, test.mailbox))
    except MailServerError as error:
        return _result(test, [TestStep(step=FIRST_STEP, ok=False, status=error.text)])
    limit = TimeLimit(session.interrupt)
    try:
        opening = Step("connect", session.connect), Step("log in", session.log_in), Step("open mailbox", look)
        return limit.result(_result(test, steps_taken(opening)))
    finally:
        limit.end()
        session.close()


def _session(account: ExchangeAccount) -> tuple[_Session, Callable[[], str]]:
    """The client of the profile's transport, and what opens the mailbox with it."""
    profile, mailbox = account.profile, account.mailbox
    can = f"the mailbox {mailbox} can be opened"
    if profile.transport == "graph":
        graph = GraphSession(profile.id, account)

        def look_by_graph() -> str:
            if not mailbox:
                return NO_MAILBOX
            graph.get("/mailFolders/inbox?$select=id")
            return can

        return graph, look_by_graph
    if not mailbox:
        raise MailServerError(Reason.FOLDER_REFUSED, MAILBOX_NEEDED, temporary=False)
    ews = ews_client(profile.id, account)

    def look_by_ews() -> str:
        ews.distinguished("inbox")
        return can

    return ews, look_by_ews


def _result(test: ServerTest, steps: list[TestStep]) -> ServerTestResult:
    return ServerTestResult(test_id=test.test_id, ok=all(step.ok for step in steps), steps=tuple(steps))
