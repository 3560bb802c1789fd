"""Asking the process that does the work to try a mail server, and waiting for what it found at each step."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from console.servers.server_settings import Server
from console.settings.apply import SOURCE
from console.topics.responses import new_records, tail
from runtime.config import ProcessConfig
from runtime.outcomes import OutageError
from runtime.publisher import Publisher
from runtime.topic_reader import TopicMissingError
from schemas import ids
from schemas.servers import ServerTest, ServerTestResult
from schemas.settings import MapiProfile
from schemas.topics import SERVER_TEST_RESULTS, SERVER_TESTS
from schemas.wire import Record, UndecodableError, decode, encode

if TYPE_CHECKING:
    from kafka import KafkaConsumer

Tested = Server | MapiProfile

_NOBODY = "no {} process has answered within {:g} s: is one running?"
_STATUS = " The server's status tells how it is, once one has looked"
_PROCESSES: Mapping[str, str] = {
    "incoming-server": "ingest",
    "outgoing-server": "outbound",
    "mapi-profile": "ingest",
}


@dataclass(frozen=True, slots=True)
class ServerTestResponse:
    """What came of asking: the process's result, or a note that says why there is none."""

    result: ServerTestResult | None = None
    note: str = ""


def request(now: datetime, **asked: Any) -> ServerTest:
    """A request with these fields of `ServerTest`; its id is derived from them and from when it is made."""
    made = ServerTest(test_id="derived", **asked)
    return made.model_copy(update={"test_id": ids.event_id(made.model_dump_json(), now.isoformat())})


def look_at_saved(
    config: ProcessConfig, publisher: Publisher, server: Server, now: datetime, seconds: float
) -> ServerTestResponse:
    """Asks the process that uses a server to look at it once it is saved. Never raises: it is saved, come what may.

    No mail is sent. The setting goes with the request: a process may read the request before it reads the setting.
    """
    if not seconds:
        return ServerTestResponse()
    if not server.enabled:
        return ServerTestResponse(note="the server is disabled, so nobody looks at it")
    try:
        return ask(config, publisher, server, request(now, server_id=server.id, server=server), now, seconds)
    except (OutageError, TopicMissingError) as error:
        return ServerTestResponse(note=f"{_PROCESSES[server.kind]} could not be asked to look: {error}")


def publish_request(publisher: Publisher, asked: ServerTest, now: datetime) -> None:
    """Asks, and waits for nothing. Raises `OutageError`."""
    publisher.publish([encode(SERVER_TESTS, asked.test_id, asked, id=asked.test_id, source=SOURCE, time=now)])


def nobody(tested: Tested, seconds: float) -> str:
    """What it means that there is no answer after so long."""
    text = _NOBODY.format(_PROCESSES[tested.kind], seconds)
    return text if isinstance(tested, MapiProfile) else text + _STATUS


def ask(
    config: ProcessConfig, publisher: Publisher, tested: Tested, asked: ServerTest, now: datetime, seconds: float
) -> ServerTestResponse:
    """Makes the request and waits for the answer of ingest or outbound. Raises `OutageError`, `TopicMissingError`."""
    with tail(config, "server-tests", [SERVER_TEST_RESULTS.name(config.topic_prefix)]) as consumer:
        publish_request(publisher, asked, now)
        result = _result(consumer, asked.test_id, seconds)
    return ServerTestResponse(result) if result else ServerTestResponse(note=nobody(tested, seconds))


def _result(consumer: "KafkaConsumer", test_id: str, seconds: float) -> ServerTestResult | None:
    for record in new_records(consumer, seconds):
        found = read_result(record)
        if found is not None and found[0] == test_id:
            return found[1]
    return None


def read_result(record: Record) -> tuple[str, ServerTestResult] | None:
    """From a record of `server.test-results`, the id of the test and its result; None where it is no answer of ours."""
    try:
        result: ServerTestResult = decode(SERVER_TEST_RESULTS, record)[1]
    except UndecodableError:
        return None
    return (result.test_id, result) if record.key == result.test_id.encode() else None
