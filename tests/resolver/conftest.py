"""What the resolver's tests share: a small desk's settings and persons, and fetched records."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, insert

from desk.engine import open_desk, write_transaction
from desk.tables import person_addresses, persons
from schemas import ids
from schemas.addresses import normalise
from schemas.persons import Person
from schemas.settings import CallTemplate, IncomingServer, OutgoingServer, Partition, Setting
from schemas.snapshot import SettingsSnapshot
from schemas.topics import MAIL_FETCHED
from schemas.wire import Record, encode

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)

SETTINGS: dict[str, Setting] = {
    "partition/it": Partition(
        id="it",
        impacts=("Person",),
        urgencies=("Hindered",),
        priorities=("P3",),
        priority_matrix={"Person": {"Hindered": "P3"}},
    ),
    "call-template/it-call": CallTemplate(id="it-call", partition="it", impact="Person", urgency="Hindered"),
    "outgoing-server/it-out": OutgoingServer(
        id="it-out", from_address="desk@example.org", reply_to="answers@example.org"
    ),
    "incoming-server/it-mailbox": IncomingServer(
        id="it-mailbox",
        protocol="imap",
        call_template="it-call",
        default_logging_analyst="ida",
        use_linked_analyst=True,
    ),
    "incoming-server/no-template": IncomingServer(
        id="no-template", protocol="imap", call_template="gone", default_logging_analyst="ida"
    ),
}
PERSONS = (
    Person(id="alan", first_name="Alan", addresses=("alan@example.org",), is_analyst=True),
    Person(id="ursula", first_name="Ursula", addresses=("ursula@example.org", "u@example.org"), is_user=True),
)


@pytest.fixture
def snapshot() -> SettingsSnapshot:
    return SettingsSnapshot().with_changes((key, value, number) for number, (key, value) in enumerate(SETTINGS.items()))


@pytest.fixture
def desk(desk_url: str) -> Engine:
    """The desk's tables with `PERSONS` in them."""
    engine = open_desk(desk_url)
    store_persons(engine, PERSONS)
    return engine


def store_persons(engine: Engine, some: Sequence[Person]) -> None:
    with write_transaction(engine) as connection:
        for person in some:
            row = person.model_dump(exclude={"addresses"}, mode="json")
            connection.execute(insert(persons), row)
            for position, address in enumerate(person.addresses):
                row = {"address": address, "normalised": normalise(address), "position": position}
                connection.execute(insert(person_addresses), {**row, "person_id": person.id})


Fetched = Callable[..., Record]


@pytest.fixture
def fetched() -> Fetched:
    """Makes records of `mail.fetched`, as ingest writes them."""
    offset = 0

    def make(raw: bytes, server: str = "it-mailbox", key: str = "", **extensions: str) -> Record:
        nonlocal offset
        offset += 1
        mail_id = ids.mail_id(server, raw)
        known = {"serverid": server, "internaldate": NOW.isoformat(), **extensions}
        message = encode(
            MAIL_FETCHED,
            key,
            raw,
            id=mail_id,
            source="/mailcall/ingest",
            time=NOW,
            traceparent=ids.traceparent(mail_id),
            extensions=known,
        )
        return Record("mail.fetched", 0, offset, key.encode(), message.value, message.headers, 1_700_000_000_000)

    return make
