"""Mails, settings and a logger without its loop, for the tests beside this file."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from desk.engine import open_desk, read_transaction
from desk.item_detail import Item, show_item
from desk.ledger import mail_outcomes
from logger.handler import LoggerHandler
from runtime.processing.outcomes import FinalOutcome
from schemas import ids
from schemas.desk_commands import DeskCommand, record_key
from schemas.persons import Person
from schemas.resolved_mail import ResolvedMail
from schemas.settings import CallTemplate, EmailOptions, IncomingServer, Partition
from schemas.settings.notification_rules import AutoReplyLimits
from schemas.snapshot import SettingsSnapshot
from schemas.topics import DESK_REQUESTED, MAIL_RESOLVED, PERSONS, Topic
from schemas.wire import OutputRecord, Record, encode

Fed = ResolvedMail | Person | DeskCommand | Record
PREFIX = "t"
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ANY_NUMBER = AutoReplyLimits(per_sender_and_item=0, per_sender_and_hour=0, all_in_ten_minutes=0, unproved_in_hour=0)
MATRIX = {"high": {"high": "P1", "low": "P2"}, "low": {"high": "P2", "low": "P3"}}


def _partition(id_: str, name: str) -> Partition:
    return Partition(
        id=id_,
        name=name,
        impacts=("high", "low"),
        urgencies=("high", "low"),
        priorities=("P1", "P2", "P3"),
        priority_matrix=MATRIX,
    )


def demo_settings() -> SettingsSnapshot:
    """Partitions IT and HR with a call template each: `it-call` (impact high, urgency low) and `hr-call` (low, low).

    And the incoming server `it-in`, whose Default Logging Analyst is `desk`. Answers have no limits.
    """
    values: tuple[CallTemplate | Partition | IncomingServer | EmailOptions, ...] = (
        _partition("IT", "Information Technology"),
        _partition("HR", "Human Resources"),
        CallTemplate(
            id="it-call", partition="IT", impact="high", urgency="low", screen_set="Standard", ipk_status="New"
        ),
        CallTemplate(id="hr-call", partition="HR", impact="low", urgency="low", fields={"cost": "none"}),
        CallTemplate(id="lost-partition", partition="gone", impact="high", urgency="low"),
        CallTemplate(id="no-priority", partition="IT", impact="vast", urgency="low"),
        IncomingServer(id="it-in", protocol="imap", call_template="it-call", default_logging_analyst="desk"),
        EmailOptions(answers=ANY_NUMBER),
    )
    return SettingsSnapshot().with_changes(
        (f"{value.kind}/{value.id}", value, version) for version, value in enumerate(values)
    )


def make_mail(
    cause: str, address: str = "ann@example.test", person: Person | None = None, **fields: Any
) -> ResolvedMail:
    """A resolved mail of a proved sender, new or `person`; `cause` makes its id, keywords replace fields."""
    who = {
        "address": address,
        "last_name": address.partition("@")[0],
        "person_id": person.id if person else ids.person_id(address),
        "kind": "user-only" if person else "unknown",
        "new_person": person is None,
        "set_user_flag": False,
        "logging_analyst": "desk",
        "reason": "",
    }
    values = {
        "mail_id": ids.mail_id("it-in", cause.encode()),
        "server_id": "it-in",
        "received": NOW - timedelta(minutes=1),
        "size": 1000,
        "sha256": "0" * 64,
        "message_id": f"<{cause}@example.test>",
        "subject": f"Subject of {cause}",
        "text": f"Text of {cause}",
        "reply": f"Text of {cause}",
        "conversation": {},
        "wanted": "log-or-update",
        "trust": "passed",
        "call_template": "it-call",
        "answerable": True,
        "settings_versions": {"incoming-server/it-in": 7},
    }
    return ResolvedMail.model_validate({**values, **fields, "sender": {**who, **fields.get("sender", {})}})


def ask(action: str, cause: str = "r/1", **fields: Any) -> DeskCommand:
    """A request of another system by Rob; keywords replace fields."""
    values: dict[str, Any] = {"action": action, "request_id": cause, "requested_at": NOW, "by": "rob"}
    if action in ("update", "close", "reopen", "watch", "unwatch"):
        values |= {"item": "C-000001", "text": f"Text of {cause}"}
    else:
        values |= {"call_template": "it-call", "user": "ann", "subject": f"Subject of {cause}", "text": "Text"}
    adapter = DESK_REQUESTED.value
    assert adapter is not None
    request: DeskCommand = adapter.validate_python({**values, **fields})
    return request


@dataclass
class Logger:
    """One logger process, less the loop: records in, outcomes and published messages out."""

    engine: Engine
    settings: SettingsSnapshot
    published: list[OutputRecord] = field(default_factory=list)
    now: datetime = NOW

    def __post_init__(self) -> None:
        self.publish: Callable[[Sequence[OutputRecord]], None] = self.published.extend
        self.handler = LoggerHandler(
            self.engine, lambda: self.settings, lambda messages: self.publish(messages), PREFIX, lambda: self.now
        )

    def feed(self, *values: Fed) -> list[FinalOutcome]:
        return list(self.handler.handle([as_record(value) for value in values]))

    def of(self, topic: Topic) -> list[Any]:
        """What has been published on a topic, decoded."""
        adapter = topic.value
        assert adapter is not None
        return [adapter.validate_json(m.value) for m in self.published if m.topic is topic and m.value is not None]

    def outcomes(self) -> Mapping[str, tuple[str, str | None]]:
        """Outcome and item reference by mail id, from the ledger."""
        with read_transaction(self.engine) as connection:
            return {mail_id: (outcome, reference) for mail_id, outcome, reference in mail_outcomes(connection)}

    def outcome(self, mail: ResolvedMail) -> tuple[str, str | None]:
        return self.outcomes()[mail.mail_id]

    def item(self, reference: str | None) -> Item:
        assert reference is not None
        with read_transaction(self.engine) as connection:
            found = show_item(connection, reference)
        assert found is not None, reference
        return found

    def item_of(self, mail: ResolvedMail) -> Item:
        return self.item(self.outcome(mail)[1])


def as_record(value: Fed, source: str = "/test") -> Record:
    match value:
        case Record():
            return value
        case Person():
            topic, key = PERSONS, value.id
        case ResolvedMail():
            topic, key = MAIL_RESOLVED, value.sender.address
        case _:
            topic, key = DESK_REQUESTED, record_key(value)
    message = encode(topic, key, value, id="1", source=source, time=NOW)
    return Record(topic.name(PREFIX), 0, 0, key.encode(), message.value, message.headers)


@contextmanager
def opened(url: str) -> Iterator[Logger]:
    """A logger on the desk at this URL, whose tables are made."""
    engine = open_desk(url, by_keys=True)
    yield Logger(engine, demo_settings())
    engine.dispose()
