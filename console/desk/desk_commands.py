"""Sending commands to the desk on `desk.requested`, and waiting for their outcome."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from console.errors import Problem, Remedy, UserError
from console.settings.apply import SOURCE
from console.settings.entries import read_entry
from console.settings.state import State
from console.topics.waiting import new_records, tail
from desk.item_references import parse_reference, reference
from runtime.config import ProcessConfig
from runtime.kafka.producer import Publisher
from schemas import ids
from schemas.desk_commands import DeskCommand, ItemToUnwatch, ItemToWatch, NewItem, record_key
from schemas.events import ActionRefused, ItemEvent
from schemas.explanations import EXPLANATIONS
from schemas.persons import Person
from schemas.reasons import Reason
from schemas.settings import CallTemplate
from schemas.topics import CALL_EVENTS, DESK_REQUESTED
from schemas.wire import Record, UndecodableError, decode, encode

if TYPE_CHECKING:
    from kafka import KafkaConsumer

_NOBODY = (
    "no logger has answered within {:g} s. The request stays on desk.requested and is done once a logger comes to it; "
    "do not ask again with another request id. One that was done before is not answered a second time"
)


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The outcome of a command. `event` and `reference` are None where it had no effect; then `note` says why.

    `reason` is that of a refusal or a dead letter.
    """

    request_id: str
    event: str | None = None
    reference: str | None = None
    reason: str | None = None
    note: str = ""


def build(model: type[DeskCommand], given: Mapping[str, Any], now: datetime) -> DeskCommand:
    """A request with these fields; what is None is left out. Without a `request_id` it gets one of its own.

    Raises `UserError` with every field that is wrong.
    """
    fields = {"requested_at": now, **{name: value for name, value in given.items() if value is not None}}
    fields.setdefault("request_id", f"mailcall/{ids.event_id(repr(sorted(given.items())), now.isoformat())}")
    request, faults = read_entry(fields, model, None)
    if request is None:
        told = {fault.path[0]: Problem(fault.cause, fault.remedy, str(fault.path[0])) for fault in faults}
        raise UserError.of(told.values())
    return request


def checked_reference(text: str) -> str:
    """The reference as the desk writes it. Raises `UserError`."""
    parsed = parse_reference(text)
    if parsed is None:
        raise UserError(
            f"{text!r} is no item reference, which has the form C-000123, T-000123 or R-000123", Remedy.FIND_ITEM
        )
    return reference(*parsed)


def check(request: DeskCommand, state: State) -> None:
    """Raises `UserError` where settings and persons tell that the logger could not do it."""
    _check_person("by", request.by, state)
    if isinstance(request, ItemToWatch | ItemToUnwatch) and request.person:
        _check_person("person", request.person, state)
    if not isinstance(request, NewItem):
        return
    if request.user is not None and "@" not in request.user:
        _check_person("user", request.user, state)
    if not _check_person("logging_analyst", request.logging_analyst or request.by, state).is_analyst:
        analyst = request.logging_analyst or request.by
        raise UserError(f"{analyst!r} is no Analyst", "name the Analyst who logs it", place="logging_analyst")
    _check_template(request, state)


def ask(
    config: ProcessConfig, publisher: Publisher, request: DeskCommand, now: datetime, seconds: float
) -> CommandResult:
    """Publishes the command and waits `seconds` for its outcome. Raises `OutageError`, `TopicMissingError`."""
    prefix = config.topic_prefix
    if not seconds:
        _publish(publisher, request, now)
        return CommandResult(request.request_id, note="published, and not waited for")
    with tail(config, "desk-requests", [CALL_EVENTS.name(prefix), DESK_REQUESTED.dlq(prefix)]) as consumer:
        _publish(publisher, request, now)
        return _answer(consumer, config, request.request_id, seconds)


def _publish(publisher: Publisher, request: DeskCommand, now: datetime) -> None:
    message = encode(DESK_REQUESTED, record_key(request), request, id=request.request_id, source=SOURCE, time=now)
    publisher.publish([message])


def _answer(consumer: "KafkaConsumer", config: ProcessConfig, request_id: str, seconds: float) -> CommandResult:
    events = CALL_EVENTS.name(config.topic_prefix)
    for record in new_records(consumer, seconds):
        answer = read_event(record) if record.topic == events else read_dead_letter(record)
        if answer is not None and answer.request_id == request_id:
            return answer
    return CommandResult(request_id, note=_NOBODY.format(seconds))


def read_event(record: Record) -> CommandResult | None:
    """From a record of `call.events`, the outcome of the command that it names; None where it names none."""
    try:
        event: ItemEvent = decode(CALL_EVENTS, record)[1]
    except UndecodableError:
        return None  # somebody else's record is no answer
    request_id, name = event.request_id, type(event).__name__
    if request_id is None:
        return None
    if isinstance(event, ActionRefused):
        return CommandResult(request_id, name, event.reference, event.reason, _explained(event.reason))
    return CommandResult(request_id, name, event.reference)


def read_dead_letter(record: Record) -> CommandResult | None:
    """From a dead letter of `desk.requested`, likewise."""
    headers = {name: value.decode("utf-8", "replace") for name, value in record.headers if value is not None}
    if "ce_id" not in headers or "dlq-error-class" not in headers:
        return None
    return CommandResult(headers["ce_id"], reason=headers["dlq-error-class"], note=headers.get("dlq-error-message", ""))


def _explained(reason: Reason) -> str:
    why = EXPLANATIONS[reason]
    return f"{why.meaning} {why.remedy}".strip()


def _check_person(field: str, person_id: str, state: State) -> Person:
    person = state.persons.get(person_id)
    if person is None:
        raise UserError(f"there is no person {person_id!r}", Remedy.FIND_PERSON, place=field)
    return person


def _check_template(request: NewItem, state: State) -> None:
    template = state.settings.call_template(request.call_template)
    if template is None:
        known = ", ".join(one.id for one in state.settings.all_of(CallTemplate)) or "none"
        raise UserError(
            f"there is no call template {request.call_template!r}", f"known are: {known}", place="call_template"
        )
    filled = request.filled(template)
    partition = state.settings.partition(filled.partition)
    if partition is None:
        raise UserError(
            f"{template.id!r} names partition {filled.partition!r}, which does not exist",
            "add the partition",
            place="call_template",
        )
    if partition.priority(filled.impact, filled.urgency) is None:
        raise UserError(
            f"{filled.impact!r} with urgency {filled.urgency!r} has no priority in {partition.id!r}",
            f"impacts: {', '.join(partition.impacts)}; urgencies: {', '.join(partition.urgencies)}",
            place="impact",
        )
