"""Stored mails through today's rules: what would be decided otherwise, and sending on what is a person's mail today.

What was decided then stands on the resolver's output topics. What would be decided now says the resolver's own handler,
with the settings and persons of this moment; nothing is written anywhere while it is asked.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from sqlalchemy import Engine

from console.audit.decisions import (
    PERSON,
    Decision,
    Place,
    Replayed,
    decision,
    decision_now,
)
from console.audit.reconcile_mails import REPLAYED, fetched_id
from console.errors import UserError
from console.mails.index.facts import header_texts
from console.settings.secrets import token_keys
from console.settings.state import read_state
from desk.engine import open_desk, read_transaction
from desk.ledger import priorities
from desk.persons import find_persons
from resolver.handler import ResolverHandler
from resolver.sandbox.sandboxed_parser import SandboxedParser
from runtime.blobs import BlobStore, key_of
from runtime.config import ProcessConfig
from runtime.kafka.producer import ProducerRecord, Publisher
from runtime.kafka.topic_reader import kept_since, read_between
from runtime.processing.handler_runner import HandlerRunner
from runtime.processing.outcomes import InFlight
from schemas.events import REPORTS
from schemas.fetched import open_fetched
from schemas.persons import Person
from schemas.settings import IncomingServer
from schemas.snapshot import SettingsSnapshot
from schemas.topics import MAIL_FETCHED, MAIL_REJECTED, MAIL_RESOLVED, NOTIFICATION_RESULTS
from schemas.wire import Record, UndecodableError, decode, inline_bytes

BATCH = 100  # mails in memory at once
SLICE = 5_000  # mails whose decisions are in memory at once
SKEW_MS = 3_600_000  # how far the clocks of two machines may be apart


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` on and before `until`, both aware, by the timestamps of the records."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class CurrentDecision:
    """What would be decided about one stored mail now. `timestamp_ms`: of its record."""

    mail_id: str
    place: Place
    timestamp_ms: int
    decision: Decision


def replay(config: ProcessConfig, period: Period, server_id: str | None = None) -> Iterator[Replayed]:
    """Every mail of the period, of one incoming server or of all. Changes nothing; memory is bounded.

    Raises `UserError` where there is no such server or mail, or the token keys are of no use; `OutageError`,
    `TopicMissingError`.
    """
    settings = read_state(config).settings
    _check_server(settings, server_id)
    engine = open_desk(config.desk_url)
    try:
        mails = _decided_today(config, engine, settings, _stored(config, period, server_id))
        first = list(islice(mails, SLICE))
        if not first:
            raise _no_mails(config, period, server_id)
        yield from _compared(config, engine, first)
        while slice_ := list(islice(mails, SLICE)):
            yield from _compared(config, engine, slice_)
    finally:
        engine.dispose()


def stored_since(config: ProcessConfig) -> datetime | None:
    """When the oldest mail was fetched that is still stored. Raises `OutageError`, `TopicMissingError`."""
    oldest = kept_since(config, MAIL_FETCHED.name(config.topic_prefix))
    return None if oldest is None else datetime.fromtimestamp(oldest / 1000, UTC)


def send_on(
    config: ProcessConfig, publisher: Publisher, period: Period, places: Collection[Place], now: datetime
) -> int:
    """Publishes the mails at these places once more, as they are and marked with `replayed`; returns how many.

    What happened to them meanwhile does no harm: a mail that was processed is recognised by its id.
    """
    mark = (REPLAYED, now.isoformat().encode())
    sent = 0
    for record in _stored(config, period, None):
        if (record.partition, record.offset) in places:
            publisher.publish([ProducerRecord(record.topic, record.key, record.value, (*record.headers, mark))])
            sent += 1
    return sent


def _stored(config: ProcessConfig, period: Period, server_id: str | None) -> Iterator[Record]:
    topic = MAIL_FETCHED.name(config.topic_prefix)
    for record in read_between(config, [topic], _ms(period.since), _ms(period.until)):
        if server_id is None or _server_of(record) == server_id:
            yield record


def _server_of(record: Record) -> str | None:
    try:
        return open_fetched(record).server_id
    except UndecodableError:
        return None


def _decided_today(
    config: ProcessConfig, engine: Engine, settings: SettingsSnapshot, records: Iterator[Record]
) -> Iterator[CurrentDecision]:
    def directory(addresses: Collection[str]) -> dict[str, tuple[Person, ...]]:
        with read_transaction(engine) as connection:
            return find_persons(connection, addresses)

    blobs = _UnchangedBlobs(BlobStore(config.blob_url))
    keys = token_keys(config.token_key_file)

    def now() -> datetime:
        return datetime.now(UTC)

    with closing(SandboxedParser()) as reader:
        inline = inline_bytes(config.kafka_max_record_bytes)
        handler = ResolverHandler(
            lambda: settings, lambda: settings, directory, blobs, now, reader.examine, keys, inline
        )
        stage = HandlerRunner(handler, config)
        while batch := list(islice(records, BATCH)):
            for record, outcome in zip(batch, stage.run_handler(batch), strict=True):
                assert not isinstance(outcome, InFlight)  # the resolver has nothing in flight
                place = (record.partition, record.offset)
                yield CurrentDecision(fetched_id(record), place, record.timestamp_ms, decision_now(outcome, settings))


class _UnchangedBlobs:
    """The blob store, of which nothing is changed: what a file's key would be is known without storing it."""

    def __init__(self, store: BlobStore) -> None:
        self.get = store.get

    def put(self, _data: bytes, sha256: str) -> str:
        return key_of(sha256)


def _compared(config: ProcessConfig, engine: Engine, mails: Sequence[CurrentDecision]) -> Iterator[Replayed]:
    """A mail that was fetched twice within the slice is shown once."""
    by_id = {mail.mail_id: mail for mail in mails}
    with read_transaction(engine) as connection:
        logged = priorities(connection, by_id)
    then = _then(config, by_id, min(mail.timestamp_ms for mail in mails) - SKEW_MS, logged)
    for mail_id, mail in by_id.items():
        yield Replayed(mail_id, mail.place, then.get(mail_id), mail.decision)


def _then(
    config: ProcessConfig, mail_ids: Collection[str], since_ms: int, logged: dict[str, str]
) -> dict[str, Decision]:
    """What was decided, by mail id. That a mail was a person's outweighs that the logger, or a resolver before a
    replay, rejected it."""
    topics = {topic.name(config.topic_prefix): topic for topic in (MAIL_RESOLVED, MAIL_REJECTED, NOTIFICATION_RESULTS)}
    found: dict[str, Decision] = {}
    for record in read_between(config, list(topics), max(since_ms, 0)):
        topic, headers = topics[record.topic], header_texts(record)
        mail_id = headers.get("ce_id", "")
        if mail_id not in mail_ids or (topic is NOTIFICATION_RESULTS and headers.get("ce_source") != REPORTS):
            continue
        try:
            decided = decision(decode(topic, record)[1], logged.get(mail_id))
        except UndecodableError:
            continue  # not one of ours
        if topic is MAIL_RESOLVED or found.get(mail_id, {}).get("verdict") != PERSON:
            found[mail_id] = decided
    return found


def _check_server(settings: SettingsSnapshot, server_id: str | None) -> None:
    if server_id is not None and settings.incoming_server(server_id) is None:
        known = ", ".join(server.id for server in settings.all_of(IncomingServer)) or "none"
        raise UserError(f"there is no incoming server {server_id!r}", f"there are: {known}")


def _no_mails(config: ProcessConfig, period: Period, server_id: str | None) -> UserError:
    at_server = f" at {server_id}" if server_id else ""
    since, until = (moment.isoformat(timespec="seconds") for moment in (period.since, period.until))
    return UserError(f"no mail{at_server} was fetched from {since} to {until}", stored(stored_since(config)))


def stored(since: datetime | None) -> str:
    return f"mails are stored from {since.isoformat(timespec='seconds')} on" if since else "no mail is stored at all"


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
