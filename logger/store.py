"""One transaction a batch: load what the records refer to, plan, write. All of it is stored, or nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine

from desk import outbox
from desk.directory import load_persons
from desk.engine import writing
from desk.errors import ConflictError
from logger.load import load
from logger.notify import acknowledgement
from logger.people import apply_changes
from logger.plan import numbered, plan
from logger.records import Mail, PersonChange, mail_messages, person_messages
from logger.write import flag_users, new_numbers, write_duplicates, write_hints, write_intents, write_persons
from runtime.outcomes import Dead
from schemas.snapshot import SettingsSnapshot
from schemas.wire import Message

ATTEMPTS = 3  # at a batch that another logger's gets in the way of


@dataclass(frozen=True, slots=True)
class Stored:
    """`dead`: by mail id, or request id, those that can never be handled.

    `messages`: to be published, and kept in `outbox_row`.
    """

    dead: Mapping[str, Dead]
    messages: tuple[Message, ...] = ()
    outbox_row: int = 0


def store(
    engine: Engine,
    mails: Sequence[Mail],
    changes: Sequence[PersonChange],
    settings: SettingsSnapshot,
    now: datetime,
) -> Stored:
    """Durable when it returns. Mails that the ledger knows are passed over: they have had their effect.

    Raises `OutageError` where the database is away, `UnstorableError` on a value that no database column holds.
    """
    return until_stored(lambda: _attempt(engine, mails, changes, settings, now))


def until_stored(attempt: Callable[[], Stored]) -> Stored:
    """What `attempt` stores in one transaction, tried again where another logger got in its way."""
    for _ in range(ATTEMPTS - 1):
        try:
            return attempt()
        except ConflictError:
            pass  # with what the other has committed by now, these records are known, or their persons are
    return attempt()


def _attempt(
    engine: Engine,
    mails: Sequence[Mail],
    changes: Sequence[PersonChange],
    settings: SettingsSnapshot,
    now: datetime,
) -> Stored:
    with writing(engine) as connection:
        if changes:
            apply_changes(connection, changes)
        return _store_mails(connection, mails, settings, now) if mails else Stored({})


def _store_mails(connection: Connection, mails: Sequence[Mail], settings: SettingsSnapshot, now: datetime) -> Stored:
    loaded = load(connection, mails)
    taken = dict(loaded.desk.hints)
    planned = plan([one.mail for one in loaded.mails], loaded.senders.acting, settings, loaded.desk, now)
    numbers = new_numbers(connection, planned.new_calls)
    intents = numbered(planned.intents, numbers)
    write_duplicates(connection, numbered(planned.duplicates, numbers), now)
    if not intents:
        return Stored(planned.dead)
    told = (acknowledgement(intent, settings, loaded.persons, now) for intent in intents)
    notifications = {one.mail_id: one for one in told if one is not None and one.mail_id is not None}
    write_persons(connection, loaded.senders.new)
    flagged = flag_users(connection, intents)
    write_intents(connection, intents, now)
    write_hints(connection, intents, notifications, taken)
    changed = (*loaded.senders.new, *load_persons(connection, flagged).values())
    traceparents = {one.mail.mail_id: one.traceparent for one in loaded.mails}
    messages = (
        *person_messages(changed, now),
        *mail_messages(intents, notifications, traceparents, now),
    )
    return Stored(planned.dead, messages, outbox.add(connection, messages, now))
