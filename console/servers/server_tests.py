"""Asking the process that uses it to test a mail server or the login of a MAPI profile, saved or not, and waiting
for what it found at each step.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from console.errors import Remedy, UserError
from console.servers import server_tests
from console.servers.server_settings import Server, check_secrets
from console.settings.apply import SOURCE
from console.settings.entries import fixed_faults, nearest, read_entry, refusal
from console.settings.entry_data import merge_entry
from console.topics.waiting import new_records, tail
from runtime.config import ProcessConfig
from runtime.kafka.producer import Publisher
from runtime.kafka.topic_reader import TopicMissingError
from runtime.outages import OutageError
from schemas import ids
from schemas.addresses import check_address
from schemas.servers import ServerTest, ServerTestResult
from schemas.settings import MapiProfile
from schemas.snapshot import SettingsSnapshot
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
_ANOTHER = "name the other profile instead"
MAILBOX = "mailbox"  # the field that is at fault


@dataclass(frozen=True, slots=True)
class ServerTestResponse:
    """What came of asking: the process's result, or a note that says why there is none."""

    result: ServerTestResult | None = None
    note: str = ""


def make_request(now: datetime, **asked: Any) -> ServerTest:
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
        return ask(config, publisher, server, make_request(now, server_id=server.id, server=server), now, seconds)
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


def make_profile_request(profile: MapiProfile, mailbox: str, now: datetime) -> ServerTest:
    """Raises `UserError` where the mailbox is no address, or is missing and needed."""
    if not mailbox and profile.needs_mailbox:
        raise UserError("Exchange Web Services are logged in to at a mailbox", "give the address of one", place=MAILBOX)
    try:
        address = check_address(mailbox) if mailbox else ""
    except ValueError as error:
        raise UserError(str(error), "write it as name@example.org", place=MAILBOX) from None
    return server_tests.make_request(now, profile=profile, mailbox=address)


def profile_to_test(
    settings: SettingsSnapshot, profile_id: str, fields: Mapping[str, Any], entered: Collection[str], *, new: bool
) -> MapiProfile:
    """The saved profile with these fields changed, or a `new` one of them alone. Raises `UserError`.

    `entered`: the secrets among them. A saved one is used where none was entered, unless it would go elsewhere.
    """
    stored = None if new else settings.mapi_profile(profile_id)
    if stored is None and not new:
        known = [one.id for one in settings.all_of(MapiProfile)]
        raise UserError(
            f"there is no MAPI profile {profile_id!r}", nearest(profile_id, known) if known else Remedy.ADD_PROFILE
        )
    faults = fixed_faults(fields, {"kind": "mapi-profile", "id": profile_id}, _ANOTHER)
    entry = {**merge_entry(fields, MapiProfile, stored), "id": profile_id}
    profile, found = read_entry(entry, MapiProfile, None)
    if profile is None or faults:
        raise refusal((*faults, *found))
    if stored is not None:
        check_secrets(profile, stored, entered)
    return profile
