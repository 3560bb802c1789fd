"""One transaction per batch: load what the records refer to, decide, notify, filter, persist. All of it, or nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, Engine

from desk import outbox
from desk.engine import write_transaction
from desk.errors import ConflictError, LockedError
from desk.postgresql import end_frozen
from logger.core.commands import MailCommand
from logger.core.decided import Decided, decided, give_numbers
from logger.core.events import output_records
from logger.core.notify import notifications
from logger.core.persons import known_after, resolve_users
from logger.core.plan import plan_commands, plan_mails
from logger.core.recipients import People
from logger.db.items import new_numbers, write_decisions
from logger.db.ledger import record_processed
from logger.db.load import Loaded, load
from logger.db.persons import apply_changes, flag_users, write_persons
from logger.db.reports import apply_reports
from logger.db.thread_index import lock_threads, write_thread_index
from logger.db.withheld import Allowed, Notifications, allowed_notifications, write_withheld
from logger.publish import PublishedRows
from logger.records import Batch
from runtime.processing.outcomes import Dead, Reject
from schemas.desk_commands import NewItem
from schemas.events import NotificationRequested
from schemas.reasons import Reason
from schemas.snapshot import SettingsSnapshot
from schemas.wire import OutputRecord

ATTEMPTS = 3  # at a batch that another logger's interferes with


@dataclass(frozen=True, slots=True)
class StoreResult:
    """`not_applied`: by causation id, those that change nothing in the desk.

    `records`: to be published, and kept in `outbox_row`. `withheld`: how many notifications are not sent, and why.
    `logged`: of each message that has had its effect on an item, the item's partition and when it was fetched.
    """

    not_applied: Mapping[str, Dead | Reject]
    records: Sequence[OutputRecord] = ()
    outbox_row: int = 0
    withheld: Mapping[Reason, int] = field(default_factory=dict)
    logged: Sequence[tuple[str, datetime | None]] = ()


def store(
    engine: Engine, batch: Batch, settings: SettingsSnapshot, now: datetime, published: PublishedRows
) -> StoreResult:
    """Durable when it returns. Commands that the ledgers know are skipped: they have had their effect.

    Rows of the outbox that have been `published` are deleted with it: that saves a transaction a batch.

    Tried again where another logger interferes. Raises `OutageError` where the database is unavailable,
    `UnstorableError` on a value that no database column holds.
    """
    if batch.is_empty:
        return StoreResult({})
    for attempts_left in reversed(range(ATTEMPTS)):
        try:
            with published.taken() as rows, write_transaction(engine) as connection:
                return _store(connection, batch, settings, now, rows)
        except ConflictError:  # with what the other has committed by now, these records are known, or their persons are
            if not attempts_left:
                raise
        except LockedError:  # perhaps by a process that is frozen: then the rows are free the next time
            end_frozen(engine)
            raise
    raise AssertionError("the last attempt returns or raises")


def _store(
    connection: Connection, batch: Batch, settings: SettingsSnapshot, now: datetime, published: Sequence[int]
) -> StoreResult:
    if batch.mails:
        lock_threads(connection, batch.mails)
    if batch.changes:
        apply_changes(connection, batch.changes)
    if batch.reports:
        apply_reports(connection, batch.reports, settings, now)
    if not (batch.mails or batch.commands):
        outbox.discard(connection, published)
        return StoreResult({})
    loaded = load(connection, batch.mails, batch.commands, settings)
    outcome, people = _decide(connection, loaded, settings, now)
    wanted = _notify(outcome, people, settings, now)
    allowed = allowed_notifications(connection, wanted, outcome.decisions, loaded, settings, now)
    return _persist(connection, outcome, allowed, loaded, now, published)


def _decide(
    connection: Connection, loaded: Loaded, settings: SettingsSnapshot, now: datetime
) -> tuple[Decided, People]:
    """First the messages, then the commands of other systems. What is decided first is known to those that follow."""
    desk, senders, people = loaded.desk, loaded.senders, loaded.people
    plan = plan_mails(loaded.mails, senders.actors, settings, desk, now)
    new_items = sum(isinstance(command.desk_command, NewItem) for command in loaded.commands)
    numbers = new_numbers(connection, plan.new_calls + new_items)
    outcome = decided(plan, numbers, senders.new)
    if not loaded.commands:
        return outcome, people
    give_numbers(desk, numbers[: plan.new_calls])
    by_id, by_address = known_after(senders, outcome.new_persons, people.by_id, loaded.by_address)
    users = resolve_users(sorted(loaded.names), by_id, by_address)
    more = plan_commands(loaded.commands, desk, by_id, users.named, settings, iter(numbers[plan.new_calls :]), now)
    everybody = {**people.by_id, **{person.id: person for person in users.named.values()}}
    return outcome.and_then(decided(more, (), users.new)), People(everybody, people.watchers)


def _notify(outcome: Decided, people: People, settings: SettingsSnapshot, now: datetime) -> Notifications:
    wanted: dict[str, Sequence[NotificationRequested]] = {}
    for decision in outcome.decisions:
        causation_id = decision.command.causation_id
        wanted[causation_id] = notifications(decision, settings, people, causation_id in outcome.creating, now)
    return wanted


def _persist(
    connection: Connection,
    outcome: Decided,
    allowed: Allowed,
    loaded: Loaded,
    now: datetime,
    published: Sequence[int],
) -> StoreResult:
    """What refers to a row is written after it: items after persons, entries after items."""
    decisions = outcome.decisions
    write_persons(connection, outcome.new_persons)
    flagged = flag_users(connection, outcome.new_users)
    write_decisions(connection, decisions, allowed.suppressed, now)
    write_thread_index(connection, decisions, allowed.notifications, loaded.known_keys)
    write_withheld(connection, allowed, now)
    record_processed(connection, decisions, outcome.duplicates, outcome.hits, loaded.unsuppressed, now)
    persons = (*outcome.new_persons, *flagged)
    records = output_records(persons, decisions, allowed.notifications, outcome.hits, now)
    row = outbox.replace(connection, published, records, now)
    logged = [
        (decision.item.partition, decision.command.mail.fetched_at)
        for decision in decisions
        if isinstance(decision.command, MailCommand)
    ]
    return StoreResult(outcome.not_applied, records, row, allowed.withheld, logged)
