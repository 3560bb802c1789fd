"""Adding and changing persons on the `persons` topic, which others write to as well: what a change is checked against,
publishing it, and having mails sent again to an address that bounced.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from console.desk import desk_commands
from console.desk.items import desk
from console.errors import Problem, UserError
from console.persons.persons import nearest_person
from console.settings.apply import Change, Plan, event_id, person_change, planned_changes, publish
from console.settings.checks import wrong_email_formats
from console.settings.entries import fixed_faults, read_entry, refusal
from console.settings.entry_data import merge_entry
from console.settings.settings_file import SettingsFile
from console.settings.state import State
from console.topics.waiting import new_records, tail
from desk.bounced_addresses import bounced
from runtime.config import ProcessConfig
from runtime.kafka.producer import Publisher
from schemas.addresses import normalise
from schemas.desk_commands import AddressToUnmark
from schemas.keyed import decode_keyed
from schemas.persons import Person
from schemas.settings import IncomingServer
from schemas.topics import PERSONS
from schemas.wire import UndecodableError

if TYPE_CHECKING:
    from kafka import KafkaConsumer


_ANOTHER = "calls refer to it: add another person, and disable this one"
_COUNTED = "leave it out, every change raises it"
_ATTEMPTS = 5
_LOOK_SECONDS = 0.2  # between looks at the desk
_SECONDS = 30.0  # until our own record, which the broker has acknowledged, must have come back


class PersonChangedError(UserError):
    """Somebody else has changed the person since it was looked at. `now`: as it is."""

    def __init__(self, now: Person) -> None:
        super().__init__(f"{now.id} has been changed meanwhile", "look at what it is now, then make your change again")
        self.now = now


def plan_persons(file: SettingsFile, state: State) -> Plan:
    """What the file's persons would change. Raises `UserError` with everything that is wrong."""
    problems = (*wrong_email_formats(file, state), *_lost_analysts(file, state))
    if problems:
        raise UserError.of(problems)
    return planned_changes(file, state)


def _lost_analysts(file: SettingsFile, state: State) -> Iterator[Problem]:
    for server in state.settings.all_of(IncomingServer):
        person = file.persons.get(server.default_logging_analyst)
        if person is not None and not person.is_analyst:
            yield file.problem(
                f"person/{person.id}",
                ("is_analyst",),
                f"{person.name or person.id} is the Default Logging Analyst of incoming server "
                f"{server.name or server.id}",
                "name another Analyst there first, or leave this one flagged as Analyst",
            )


def planned(state: State, person_id: str, fields: Mapping[str, Any], version: int | None = None) -> Plan:
    """The person with these fields changed and all others as they are. `version`: that which was looked at.

    Raises `UserError`, `PersonChangedError` where it is another version now.
    """
    person = state.persons.get(person_id)
    if person is None:
        raise UserError(f"there is no person {person_id!r}", nearest_person(person_id, state.persons))
    if version is not None and version != person.version:
        raise PersonChangedError(person)
    return plan_persons(SettingsFile("", {}, {person_id: _changed(person, fields)}), state)


def planned_addition(state: State, person: Person) -> Plan:
    """The new person. Raises `UserError` where there is one with that id."""
    if person.id in state.persons:
        cause, remedy = f"there is a person {person.id!r} already", "choose another id, or change that person"
        raise UserError(cause, remedy, place="id")
    return plan_persons(SettingsFile("", {}, {person.id: person}), state)


def change(
    config: ProcessConfig,
    publisher: Publisher,
    look: Callable[[], State],
    person_id: str,
    fields: Mapping[str, Any],
    who: str,
    change_reason: str,
    version: int | None = None,
) -> Plan:
    """Publishes the person with these fields changed. Tells what was published at last, or that nothing changes.

    A record is the whole person, and the topic has no lock: a record that another system publishes between our reading
    (`look`) and our writing is undone by ours. So it is looked for once ours is there, and the fields are changed in
    that one again. `version` and errors as for `planned`; raises `OutageError`, `TopicMissingError`.
    """
    with tail(config, "persons", [PERSONS.name(config.topic_prefix)]) as consumer:
        next_ = planned(look(), person_id, fields, version)
        for _ in range(_ATTEMPTS):
            publish(next_, publisher, who, change_reason, datetime.now(UTC))
            [ours] = next_.changes
            undone = _undone(consumer, person_id, ours) if next_.effective else None
            if undone is None:
                return next_
            assert isinstance(ours.after, Person)
            again = _changed(undone, fields).model_copy(update={"version": undone.version + 1})
            next_ = Plan((person_change(again, ours.after),))
    raise UserError(f"another system changes {person_id!r} again and again", "change the person there")


def _changed(person: Person, fields: Mapping[str, Any]) -> Person:
    faults = (
        *fixed_faults(fields, {"id": person.id}, _ANOTHER),
        *fixed_faults(fields, {"version": person.version}, _COUNTED),
    )
    after, found = read_entry(merge_entry(fields, Person, person), Person, None)
    if after is None or faults:
        raise refusal((*faults, *found))
    return after


def _undone(consumer: "KafkaConsumer", person_id: str, ours: Change) -> Person | None:
    """The person as published after what our record was made of, and before it; None where it undoes nothing."""
    before = ours.before
    assert isinstance(before, Person)
    between = before
    for record in new_records(consumer, _SECONDS):
        if record.key != person_id.encode():
            continue
        if record.value is None:
            between = before.model_copy(update={"disabled": True, "version": 0})  # as the logger takes a tombstone
            continue
        try:
            context, person = decode_keyed(PERSONS, record)
        except UndecodableError:
            continue  # nobody reads it
        if context.id == event_id(ours):
            break
        if person.version >= between.version:  # else nobody takes it over
            between = person
    return None if between == before else between


def unmark(
    config: ProcessConfig,
    publisher: Publisher,
    state: State,
    address: str,
    by: str,
    now: datetime,
    seconds: float,
) -> bool:
    """Asks the logger for it; whether it was done within `seconds`: there is no event for it, so the desk is looked at.

    Raises `UserError` where nothing came back from the address, `OutageError`, `TopicMissingError`.
    """
    request = desk_commands.build(AddressToUnmark, {"address": address, "by": by}, now)
    desk_commands.check(request, state)
    if not _is_known(config, address):
        raise UserError(f"no mail came back from {address!r}", "mails are sent there; there is nothing to take off")
    desk_commands.ask(config, publisher, request, now, 0)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not _is_known(config, address):
            return True
        time.sleep(_LOOK_SECONDS)
    return False


def _is_known(config: ProcessConfig, address: str) -> bool:
    with desk(config) as connection:
        return bool(bounced(connection, [normalise(address)]))
