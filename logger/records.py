"""The records of a batch decoded: commands, persons and delivery reports. Pure."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC

from logger.core.commands import MailCommand, SystemCommand
from logger.core.events import SOURCE
from logger.core.mail_decisions import mail_command
from logger.core.persons import PersonChange
from logger.core.reports import ENTRIES, is_hard, is_renamed
from runtime.processing.outcomes import Dead
from schemas import ids
from schemas.events import OUTCOME, RENAMED, REPORTS, NotificationResult
from schemas.keyed import decode_keyed, key_of
from schemas.reasons import Reason
from schemas.snapshot import SettingsSnapshot
from schemas.topics import DESK_REQUESTED, MAIL_RESOLVED, NOTIFICATION_RESULTS, PERSONS, Topic
from schemas.wire import EventAttributes, Record, UndecodableError, decode

# Headers of the results that are read, beside those of reports.
_NEWS_OF_SENDING = frozenset({(f"ce_{OUTCOME}", b"failed"), (f"ce_{RENAMED}", b"true")})
_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")

# None: the record does not concern the desk.
DecodedRecord = MailCommand | SystemCommand | PersonChange | NotificationResult | Dead | None


@dataclass(frozen=True, slots=True)
class Batch:
    """`decoded`: the records, in order; beside it by what they are, each kind in that order."""

    decoded: Sequence[DecodedRecord]
    mails: list[MailCommand] = field(default_factory=list)
    commands: list[SystemCommand] = field(default_factory=list)
    changes: list[PersonChange] = field(default_factory=list)
    reports: list[NotificationResult] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether nothing of it concerns the desk."""
        return not (self.mails or self.commands or self.changes or self.reports)


def decode_batch(records: Iterable[Record], topics: Mapping[str, Topic], settings: SettingsSnapshot) -> Batch:
    """`topics` by the name that the records have. `Dead` stands for a record that can never be decoded."""
    batch = Batch([_decode(record, topics[record.topic], settings) for record in records])
    for decoded in batch.decoded:
        match decoded:
            case MailCommand():
                batch.mails.append(decoded)
            case SystemCommand():
                batch.commands.append(decoded)
            case PersonChange():
                batch.changes.append(decoded)
            case NotificationResult():
                batch.reports.append(decoded)
    return batch


def _decode(record: Record, topic: Topic, settings: SettingsSnapshot) -> DecodedRecord:
    try:
        return _DECODERS[topic.short](record, settings)
    except UndecodableError as error:
        return Dead(error.reason, str(error))


def _mail(record: Record, settings: SettingsSnapshot) -> MailCommand | Dead:
    attributes, mail = decode(MAIL_RESOLVED, record)
    if not ids.MAIL_ID.fullmatch(mail.mail_id):
        return Dead(Reason.WRONG_SCHEMA, "mail_id: is not 32 hexadecimal digits")
    if mail.received.tzinfo is None:
        return Dead(Reason.WRONG_SCHEMA, "received: has no offset from UTC")
    try:
        mail.received.astimezone(UTC)
    except OverflowError:  # PostgreSQL would store it, and no driver read it again
        return Dead(Reason.WRONG_SCHEMA, "received: is not within the years 1 to 9999 of UTC")
    trace = _trace(attributes, mail.mail_id)
    return mail_command(mail, trace, settings)


def _command(record: Record, _: SettingsSnapshot) -> SystemCommand:
    attributes, desk_command = decode(DESK_REQUESTED, record)
    trace = _trace(attributes, ids.event_id(desk_command.request_id, "request"))
    return SystemCommand(f"request/{desk_command.request_id}", trace, desk_command)


def _trace(attributes: EventAttributes, cause_id: str) -> str:
    given = attributes.traceparent
    return given if _TRACEPARENT.fullmatch(given) else ids.traceparent(cause_id)


def _person_change(record: Record, _: SettingsSnapshot) -> PersonChange | Dead:
    if record.value is not None:
        attributes, person = decode_keyed(PERSONS, record)
        return PersonChange(person.id, person, attributes.source == SOURCE)
    if not record.key:
        return Dead(Reason.NULL_VALUE, "a record without key and value deletes nobody")
    return PersonChange(key_of(record), None, False)


def _report(record: Record, _: SettingsSnapshot) -> NotificationResult | Dead | None:
    """Reports that came by mail, attempts that failed, and messages that were sent under another Message-ID than ours.

    Most records are about messages sent: skipped without decoding.
    """
    by_mail = ("ce_source", REPORTS.encode()) in record.headers
    if not by_mail and _NEWS_OF_SENDING.isdisjoint(record.headers):
        return None
    result: NotificationResult = decode(NOTIFICATION_RESULTS, record)[1]
    if not by_mail:
        return result if is_hard(result) or is_renamed(result) else None
    if (result.outcome, result.reason) not in ENTRIES:
        return None
    return result if result.mail_id else Dead(Reason.WRONG_SCHEMA, "mail_id: is missing in a report by mail")


_DECODERS: Mapping[str, Callable[[Record, SettingsSnapshot], DecodedRecord]] = {
    MAIL_RESOLVED.short: _mail,
    PERSONS.short: _person_change,
    DESK_REQUESTED.short: _command,
    NOTIFICATION_RESULTS.short: _report,
}
