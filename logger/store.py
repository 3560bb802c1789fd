"""One transaction a batch: load what the records refer to, plan, write. All of it is stored, or nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, Engine

from desk import outbox
from desk.directory import load_persons
from desk.engine import write_transaction
from desk.errors import ConflictError, LockedError
from desk.frozen import end_frozen
from logger.aliases import is_renamed, learn_aliases
from logger.answered import limit_answers
from logger.decide import Intent
from logger.in_hand import wait_for_others
from logger.load import Loaded, load
from logger.marked import without_marked
from logger.notify import notifications
from logger.people import apply_changes
from logger.plan import numbered, plan
from logger.records import Mail, PersonChange, mail_messages, person_messages, rejected_messages
from logger.reports import apply_reports
from logger.state import is_trusted
from logger.write import (
    flag_users,
    new_numbers,
    write_duplicates,
    write_hints,
    write_intents,
    write_persons,
    write_rejected,
    write_untold,
)
from runtime.outcomes import Dead, Reject
from schemas.addresses import normalise
from schemas.events import NotificationRequested, NotificationResult
from schemas.persons import Person
from schemas.reasons import Reason
from schemas.snapshot import SettingsSnapshot
from schemas.wire import OutputRecord

ATTEMPTS = 3  # at a batch that another logger's gets in the way of


@dataclass(frozen=True, slots=True)
class Stored:
    """`undone`: by mail id, or request id, those that change nothing in the desk.

    `messages`: to be published, and kept in `outbox_row`. `withheld`: how many answers are not sent, and why.
    `logged`: of each mail that has had its effect on an item, the item's partition and when the mail was fetched.
    """

    undone: Mapping[str, Dead | Reject]
    messages: tuple[OutputRecord, ...] = ()
    outbox_row: int = 0
    withheld: Mapping[Reason, int] = field(default_factory=dict)
    logged: Sequence[tuple[str, datetime | None]] = ()


def store(
    engine: Engine,
    mails: Sequence[Mail],
    changes: Sequence[PersonChange],
    reports: Sequence[NotificationResult],
    settings: SettingsSnapshot,
    now: datetime,
) -> Stored:
    """Durable when it returns. Mails that the ledger knows are passed over: they have had their effect.

    Raises `OutageError` where the database is away, `UnstorableError` on a value that no database column holds.
    """
    return until_stored(engine, lambda: _attempt(engine, mails, changes, reports, settings, now))


def until_stored(engine: Engine, attempt: Callable[[], Stored]) -> Stored:
    """What `attempt` stores in one transaction, tried again where another logger got in its way."""
    for attempts_left in reversed(range(ATTEMPTS)):
        try:
            return attempt()
        except ConflictError:  # with what the other has committed by now, these records are known, or their persons are
            if not attempts_left:
                raise
        except LockedError:  # perhaps by a process that stands still: then the rows are free the next time
            end_frozen(engine)
            raise
    raise AssertionError("the last attempt returns or raises")


def _attempt(
    engine: Engine,
    mails: Sequence[Mail],
    changes: Sequence[PersonChange],
    reports: Sequence[NotificationResult],
    settings: SettingsSnapshot,
    now: datetime,
) -> Stored:
    with write_transaction(engine) as connection:
        if mails:
            wait_for_others(connection, mails, settings)
        if changes:
            apply_changes(connection, changes)
        learn_aliases(connection, [one for one in reports if is_renamed(one)])
        journalled = [one for one in reports if not is_renamed(one)]
        if journalled:
            apply_reports(connection, journalled, settings, now)
        return _store_mails(connection, mails, settings, now) if mails else Stored({})


def _store_mails(connection: Connection, mails: Sequence[Mail], settings: SettingsSnapshot, now: datetime) -> Stored:
    loaded = load(connection, mails, settings)
    taken = dict(loaded.desk.hints)
    planned = plan([one.mail for one in loaded.mails], loaded.senders.acting, settings, loaded.desk, now)
    numbers = new_numbers(connection, planned.new_calls)
    write_duplicates(connection, numbered(planned.duplicates, numbers), now)
    write_rejected(connection, planned.floods, now)
    intents = numbered(planned.intents, numbers)
    written, withheld = _write(connection, intents, loaded, taken, settings, now) if intents else ((), {})
    messages = (*written, *rejected_messages(planned.floods, loaded.traceparents, now))
    row = outbox.add(connection, messages, now) if messages else 0
    logged = tuple((intent.item.partition, intent.mail.fetched_at) for intent in intents)
    return Stored(planned.undone, messages, row, withheld, logged)


def _write(
    connection: Connection,
    intents: Sequence[Intent],
    loaded: Loaded,
    taken: Mapping[str, int],
    settings: SettingsSnapshot,
    now: datetime,
) -> tuple[tuple[OutputRecord, ...], Mapping[Reason, int]]:
    """Stores what is intended; says what is published of it, and which answers are not. `taken`: for `write_hints`."""
    performing = {intent.person.id for intent in intents}
    new_persons = [one for one in loaded.senders.new if one.id in performing]
    write_persons(connection, new_persons)
    flagged = flag_users(connection, intents)
    write_intents(connection, intents, now)
    items = {intent.mail.mail_id: intent.item.number for intent in intents}
    told = _notifications(intents, loaded, new_persons, settings, now)
    sendable = without_marked(connection, told, settings, _alive(intents))
    write_untold(connection, sendable.untold, items, now)
    proved = {intent.mail.mail_id for intent in intents if intent.proof.sender}
    limited = limit_answers(connection, sendable.told, items, proved, settings, now)
    write_hints(connection, intents, limited.told, taken, settings)
    changed = (*new_persons, *load_persons(connection, flagged).values())
    published = (*person_messages(changed, now), *mail_messages(intents, limited.told, loaded.traceparents, now))
    withheld = dict(limited.withheld)
    if sendable.untold:
        withheld[Reason.ADDRESS_MARKED] = len(sendable.untold)
    return published, withheld


def _alive(intents: Sequence[Intent]) -> set[str]:
    """Addresses that a mail came from which nobody else has sent."""
    return {normalise(one.mail.sender.address) for one in intents if is_trusted(one.mail)}


def _notifications(
    intents: Sequence[Intent], loaded: Loaded, new_persons: Sequence[Person], settings: SettingsSnapshot, now: datetime
) -> dict[str, tuple[NotificationRequested, ...]]:
    """By mail id. A new person is made by the first of its mails."""
    first_mails = {intent.person.id: intent.mail.mail_id for intent in reversed(intents)}
    making = {first_mails[one.id] for one in new_persons}
    return {
        mail_id: notifications(intent, settings, loaded.people, mail_id in making, now)
        for mail_id, intent in ((one.mail.mail_id, one) for one in intents)
    }
