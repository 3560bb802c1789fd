"""Tests of mail servers, as requested on `server.tests`: the same in ingest and outbound.

One instance runs them, the one that is assigned the topic's one partition. A test is no part of the pipeline: one that
is redelivered after a crash is run again, or is too old by then.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from runtime.processing.outcomes import FinalOutcome, Ok, decode_batch
from runtime.security.redaction import conceal
from schemas import ids
from schemas.misplaced_secrets import misplaced_secrets
from schemas.servers import ServerTest, ServerTestResult, TestStep
from schemas.settings import IncomingServer, MapiProfile, OutgoingServer
from schemas.snapshot import SettingsSnapshot
from schemas.topics import SERVER_TEST_RESULTS, SERVER_TESTS, Topic
from schemas.wire import OutputRecord, Record, decode, encode

AT_ONCE = 8
STALE = timedelta(minutes=2)  # nobody waits for the result any more
RESPONSE_SECONDS = 20.0  # time-out of one response of the server: a person is waiting
TEST_SECONDS = 50.0  # then it is aborted, whatever the server does
_SECRETS = ("password", "oauth")  # what an unsaved server takes from the stored one where it has none of its own

Server = TypeVar("Server", IncomingServer, OutgoingServer)
Tried = TypeVar("Tried", IncomingServer, OutgoingServer, MapiProfile)


@dataclass(frozen=True, slots=True)
class ServerTester(Generic[Server]):
    """Which servers a process tests. `stored`: a saved server by its id. `try_out` takes every step, and never raises.

    `answers_unknown`: whether it reports servers that do not exist. `try_profile`: the same for the login of a MAPI
    profile; None: another process tests those.
    """

    stage: str
    model: type[Server]
    stored: Callable[[SettingsSnapshot, str], Server | None]
    try_out: Callable[[ServerTest, Server], ServerTestResult]
    answers_unknown: bool = False
    try_profile: Callable[[ServerTest, MapiProfile], ServerTestResult] | None = None


class TimeLimit:
    """Aborts a test after `TEST_SECONDS`, by `break_off` in a thread of its own, unless it has ended by then."""

    def __init__(self, break_off: Callable[[], None]) -> None:
        self._break_off = break_off
        self._is_over = threading.Event()
        self._timer = threading.Timer(TEST_SECONDS, self._end_it)
        self._timer.daemon = True
        self._timer.start()

    def end(self) -> None:
        """The test has ended."""
        self._timer.cancel()

    def result(self, result: ServerTestResult) -> ServerTestResult:
        """The result; where we aborted it, its last step says so, and not that the server did."""
        if result.ok or not self._is_over.is_set():
            return result
        *done, last = result.steps
        status = (
            f"broken off by us: the whole test had taken {TEST_SECONDS:.0f} s. The server is slow, as one may be that "
            "opens a very large mailbox; test once more"
        )
        return result.model_copy(update={"steps": (*done, last.model_copy(update={"status": status}))})

    def _end_it(self) -> None:
        self._is_over.set()
        self._break_off()


class ServerTestHandler(Generic[Server]):
    """The `Handler` of server tests. `now`: an aware time."""

    topics: tuple[Topic, ...] = (SERVER_TESTS,)

    def __init__(
        self, tester: ServerTester[Server], settings: Callable[[], SettingsSnapshot], now: Callable[[], datetime]
    ) -> None:
        self.stage = tester.stage
        self._tester: ServerTester[Server] = tester
        self._settings = settings
        self._now = now
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="test")

    def handle(self, records: Sequence[Record]) -> Sequence[FinalOutcome]:
        """One outcome per record, in their order."""
        tests, outcomes = decode_batch(records, lambda record: decode(SERVER_TESTS, record))
        snapshot = self._settings()
        results = self._pool.map(lambda one: self._answer(one[1][1], one[1][0].time, snapshot), tests)
        for (index, _), outputs in zip(tests, results, strict=True):
            outcomes[index] = Ok(outputs)
        return [outcome for outcome in outcomes if outcome is not None]

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _answer(self, test: ServerTest, asked: str, snapshot: SettingsSnapshot) -> tuple[OutputRecord, ...]:
        result = None if _is_stale(asked, self._now()) else self._result(test, snapshot)
        if result is None:
            return ()
        result = _concealed(result)
        id_ = ids.event_id(test.test_id, "result")
        source = f"/mailcall/{self._tester.stage.removesuffix('-tests')}"
        return (encode(SERVER_TEST_RESULTS, test.test_id, result, id=id_, source=source, time=self._now()),)

    def _result(self, test: ServerTest, snapshot: SettingsSnapshot) -> ServerTestResult | None:
        """None: another process answers."""
        tester = self._tester
        if test.profile is not None:
            return tester.try_profile(test, _hurried(test.profile)) if tester.try_profile else None
        server = server_of(test, tester, snapshot)
        if server is not None:
            return tester.try_out(test, _hurried(server)).model_copy(update=_tested(server))
        return _unknown(test) if tester.answers_unknown and _is_unknown(test, snapshot) else None


def _hurried(tried: Tried) -> Tried:
    """Somebody sits there and waits."""
    return tried.model_copy(update={"timeout_seconds": min(tried.timeout_seconds, RESPONSE_SECONDS)})


def _concealed(result: ServerTestResult) -> ServerTestResult:
    """Without secrets in the text of the steps; the message that is shown is somebody else's words."""
    steps = tuple(step.model_copy(update={"status": conceal(step.status)}) for step in result.steps)
    return result.model_copy(update={"steps": steps})


def _tested(server: IncomingServer | OutgoingServer) -> Mapping[str, str]:
    """Which server was tested, and as what: `ce_id` of the record of `settings` that holds just these values."""
    key = f"{server.kind}/{server.id}"
    return {"server": key, "tested": ids.event_id(key, server.model_dump_json())}


def server_of(test: ServerTest, tester: ServerTester[Server], snapshot: SettingsSnapshot) -> Server | None:
    """The server as it is to be tested: as stored; or not yet saved, with the stored secrets where it has none.

    A stored secret is not sent to another server than it was stored for: then it is tested without. None where it is
    not one of those that the process tests.
    """
    stored = tester.stored(snapshot, test.server_id) if test.server_id else None
    if test.server is None:
        return stored
    if not isinstance(test.server, tester.model):
        return None
    if stored is None or any(getattr(test.server, name) is not None for name in _SECRETS):
        return test.server
    lent = test.server.model_copy(update={name: getattr(stored, name) for name in _SECRETS})
    return test.server if misplaced_secrets(stored, lent) else lent


def _is_unknown(test: ServerTest, snapshot: SettingsSnapshot) -> bool:
    known = (snapshot.incoming_server, snapshot.outgoing_server)
    return test.server is None and not any(one(test.server_id or "") for one in known)


def _is_stale(asked: str, now: datetime) -> bool:
    try:
        return now - datetime.fromisoformat(asked) > STALE
    except (ValueError, TypeError):
        return False


def _unknown(test: ServerTest) -> ServerTestResult:
    status = f"there is no mail server {test.server_id!r}: save it first, or test it with its parameters"
    return ServerTestResult(
        test_id=test.test_id, ok=False, steps=(TestStep(step="find settings", ok=False, status=status),)
    )
