"""ingest's work on `server.tests`: each test of an incoming server that is asked for, several at once.

One replica does it, that which owns the topic's one partition. A test changes nothing, so it may be done twice.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from ingest.connectors.base import Connector
from ingest.trial import try_out
from runtime.decoding import decode_batch
from runtime.outcomes import Ok, Outcome
from schemas import ids
from schemas.servers import ServerTest, ServerTestResult, TestStep
from schemas.settings import IncomingServer, OutgoingServer
from schemas.snapshot import SettingsSnapshot
from schemas.topics import SERVER_TEST_RESULTS, SERVER_TESTS, Topic
from schemas.wire import Message, Record, decode, encode

AT_ONCE = 8
STALE = timedelta(minutes=2)  # nobody waits for the answer any more
SOURCE = "/mailcall/ingest"
_SECRETS = ("password", "oauth")  # what an unsaved server takes from the stored one where it has none of its own


class TrialHandler:
    """`runtime.outcomes.Handler` of tests. `look` gives a connector that only looks; `now` an aware time."""

    stage = "ingest-tests"
    topics: tuple[Topic, ...] = (SERVER_TESTS,)

    def __init__(
        self,
        settings: Callable[[], SettingsSnapshot],
        look: Callable[[IncomingServer], Connector],
        now: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._look = look
        self._now = now
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="test")

    def handle(self, records: Sequence[Record]) -> Sequence[Outcome]:
        """One outcome a record, in their order."""
        tests, outcomes = decode_batch(records, lambda record: decode(SERVER_TESTS, record))
        snapshot = self._settings()
        answers = self._pool.map(lambda one: self._answer(one[1][1], one[1][0].time, snapshot), tests)
        for (index, _), outputs in zip(tests, answers, strict=True):
            outcomes[index] = Ok(outputs)
        return [outcome for outcome in outcomes if outcome is not None]

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _answer(self, test: ServerTest, asked: str, snapshot: SettingsSnapshot) -> tuple[Message, ...]:
        now = self._now()
        if _is_stale(asked, now) or _is_outgoing(test, snapshot):
            return ()
        server = server_of(test, snapshot)
        result = try_out(test.test_id, server, test.marker, self._look) if server else _unknown(test)
        id_ = ids.event_id(test.test_id, "result")
        return (encode(SERVER_TEST_RESULTS, test.test_id, result, id=id_, source=SOURCE, time=self._now()),)


def server_of(test: ServerTest, snapshot: SettingsSnapshot) -> IncomingServer | None:
    """The server as it is to be tried: as stored; or not yet saved, with the stored secrets where it has none."""
    stored = snapshot.incoming_server(test.server_id) if test.server_id else None
    if not isinstance(test.server, IncomingServer):
        return stored
    if stored is None or any(getattr(test.server, name) is not None for name in _SECRETS):
        return test.server
    return test.server.model_copy(update={name: getattr(stored, name) for name in _SECRETS})


def _is_outgoing(test: ServerTest, snapshot: SettingsSnapshot) -> bool:
    """Then it is outbound's."""
    if test.server is not None:
        return isinstance(test.server, OutgoingServer)
    known = test.server_id and snapshot.outgoing_server(test.server_id)
    return bool(known) and snapshot.incoming_server(test.server_id or "") is None


def _is_stale(asked: str, now: datetime) -> bool:
    try:
        return now - datetime.fromisoformat(asked) > STALE
    except (ValueError, TypeError):
        return False


def _unknown(test: ServerTest) -> ServerTestResult:
    status = f"there is no incoming server {test.server_id!r}: save it first, or test it with its parameters"
    return ServerTestResult(
        test_id=test.test_id, ok=False, steps=(TestStep(step="find settings", ok=False, status=status),)
    )
