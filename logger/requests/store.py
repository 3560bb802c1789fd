"""One transaction for the requests of a batch. All of it is stored, or nothing."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Engine

from desk import outbox
from desk.directory import load_persons
from desk.engine import write_transaction
from logger.marked import without_marked
from logger.records import Asked, person_messages
from logger.requests.decide import Make
from logger.requests.load import load
from logger.requests.plan import plan
from logger.requests.tell import messages, notifications
from logger.requests.write import unmark, write_intents, write_replies
from logger.store import Stored, until_stored
from logger.write import flag_as_users, new_numbers, write_persons, write_untold
from schemas.desk_commands import AddressToUnmark, NewItem
from schemas.snapshot import SettingsSnapshot


def store_requests(engine: Engine, batch: Sequence[Asked], settings: SettingsSnapshot, now: datetime) -> Stored:
    """Durable when it returns. Requests that have been handled are passed over: they have had their effect.

    Raises `OutageError` where the database is away, `UnstorableError` on a value that no database column holds.
    """
    if not batch:
        return Stored({})
    return until_stored(engine, lambda: _attempt(engine, batch, settings, now))


def _attempt(engine: Engine, batch: Sequence[Asked], settings: SettingsSnapshot, now: datetime) -> Stored:
    with write_transaction(engine) as connection:
        return _store(connection, batch, settings, now)


def _store(connection: Connection, batch: Sequence[Asked], settings: SettingsSnapshot, now: datetime) -> Stored:
    loaded = load(connection, batch, settings)
    asked_for = [one.request for one in loaded.asked]
    unmark(connection, [one for one in asked_for if isinstance(one, AddressToUnmark)], now)
    requests = [one for one in asked_for if not isinstance(one, AddressToUnmark)]
    numbers = new_numbers(connection, sum(isinstance(one, NewItem) for one in requests))
    planned = plan(requests, loaded.known, settings, iter(numbers))
    intents = planned.intents
    if not intents:
        return Stored(planned.dead)
    users = {one.user.id: one.user for one in intents if isinstance(one, Make)}
    new = [one for one in loaded.users.new if one.id in users]
    write_persons(connection, new)
    flagged = flag_as_users(connection, [one.id for one in users.values() if not one.is_user])
    write_intents(connection, intents, now)
    first_requests = {one.user.id: one for one in reversed(intents) if isinstance(one, Make)}
    making = {first_requests[one.id].request.request_id for one in new}
    asked = {one.request.request_id: one for one in intents}
    sendable = without_marked(
        connection,
        {id_: notifications(one, settings, loaded.people, id_ in making, now) for id_, one in asked.items()},
        settings,
    )
    write_untold(connection, sendable.untold, {id_: one.item.number for id_, one in asked.items()}, now)
    told = [(asked[id_], mails) for id_, mails in sendable.told.items()]
    write_replies(connection, told)
    changed = (*new, *load_persons(connection, flagged).values())
    traceparents = {one.request.request_id: one.traceparent for one in loaded.asked}
    published = (*person_messages(changed, now), *messages(told, traceparents, now))
    return Stored(planned.dead, published, outbox.add(connection, published, now))
