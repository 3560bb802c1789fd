"""Changing a person's details on the `persons` topic, which others write to as well."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from console.operations.answers import arriving, from_now
from console.operations.apply import Change, Plan, event_id, person_change, plan, publish
from console.operations.entries import read_entry
from console.operations.errors import UserError
from console.operations.persons import nearest_person
from console.operations.settings_file import SettingsFile
from console.operations.state import State, read_state
from console.operations.words import refusal, with_words
from runtime.config import ProcessConfig
from runtime.publisher import Publisher
from schemas.keyed import decode_keyed
from schemas.persons import Person
from schemas.topics import PERSONS
from schemas.wire import UndecodableError

if TYPE_CHECKING:
    from kafka import KafkaConsumer

_FIXED = {
    "id": "calls refer to it: add another person with `mailcall apply`, and disable this one",
    "version": "leave it out, every change raises it",
}
_ATTEMPTS = 5
_SECONDS = 30.0  # until our own record, which the broker has acknowledged, must have come back


def planned(state: State, person_id: str, words: Sequence[str]) -> Plan:
    """The person with these fields changed and all others as they are. Raises `UserError`."""
    person = state.persons.get(person_id)
    if person is None:
        raise UserError(f"there is no person {person_id!r}", nearest_person(person_id, state.persons))
    return plan(SettingsFile("", {}, {person_id: _changed(person, words)}), state)


def change(
    config: ProcessConfig, publisher: Publisher, person_id: str, words: Sequence[str], who: str, change_reason: str
) -> Plan:
    """Publishes the person with these fields changed. Tells what was published at last, or that nothing changes.

    A record is the whole person, and the topic has no lock: a record that another system publishes between our reading
    and our writing is undone by ours. So it is looked for once ours is there, and the fields are changed in that one
    anew. Raises `UserError`, `OutageError`, `TopicMissingError`.
    """
    with from_now(config, "persons", [PERSONS.name(config.topic_prefix)]) as consumer:
        next_ = planned(read_state(config), person_id, words)
        for _ in range(_ATTEMPTS):
            publish(next_, publisher, who, change_reason, datetime.now(UTC))
            [ours] = next_.changes
            undone = _undone(consumer, person_id, ours) if next_.effective else None
            if undone is None:
                return next_
            assert isinstance(ours.after, Person)
            again = _changed(undone, words).model_copy(update={"version": undone.version + 1})
            next_ = Plan((person_change(again, ours.after),))
    raise UserError(f"another system changes {person_id!r} again and again", "change the person there")


def _changed(person: Person, words: Sequence[str]) -> Person:
    entry, faults = with_words(person.model_dump(mode="json", exclude_defaults=True), Person, words, _FIXED)
    if faults:
        raise refusal(faults)
    after, found = read_entry(entry, Person, None)
    if after is None:
        raise refusal(found)
    return after


def _undone(consumer: "KafkaConsumer", person_id: str, ours: Change) -> Person | None:
    """The person as published after what our record was made of, and before it; None where it undoes nothing."""
    before = ours.before
    assert isinstance(before, Person)
    between = before
    for record in arriving(consumer, _SECONDS):
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
