"""Asking the desk for something by `desk.requested`, and waiting for what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from console.operations.answers import arriving, from_now
from console.operations.apply import SOURCE
from console.operations.entries import read_entry
from console.operations.errors import UserError
from console.operations.state import State
from desk.references import parse_reference, reference
from runtime.config import ProcessConfig
from runtime.publisher import Publisher
from schemas import ids
from schemas.desk_requests import DeskRequest, ItemToUnwatch, ItemToWatch, NewItem, record_key
from schemas.events import ActionRefused, ItemEvent
from schemas.persons import Person
from schemas.reasons import EXPLANATIONS, Reason
from schemas.settings import CallTemplate
from schemas.topics import CALL_EVENTS, DESK_REQUESTED
from schemas.wire import Record, UndecodableError, decode, encode

if TYPE_CHECKING:
    from kafka import KafkaConsumer

_NOBODY = (
    "no logger has answered within {:g} s. The request stays on desk.requested and is done once a logger comes to it; "
    "do not ask again with another --request-id. One that was done before is not answered a second time"
)
_OPTIONS = {"call_template": "--template", "fields": "--field"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request. `event` and `reference` are None where it had no effect; then `note` says why.

    `reason` is that of a refusal or a dead letter.
    """

    request_id: str
    event: str | None = None
    reference: str | None = None
    reason: str | None = None
    note: str = ""


def build(model: type[DeskRequest], given: Mapping[str, Any], now: datetime) -> DeskRequest:
    """A request with these fields; what is None is left out. Without a `request_id` it gets one of its own.

    Raises `UserError` that names the options.
    """
    fields = {"requested_at": now, **{name: value for name, value in given.items() if value is not None}}
    fields.setdefault("request_id", f"mailcall/{ids.event_id(repr(sorted(given.items())), now.isoformat())}")
    request, faults = read_entry(fields, model, None)
    if request is None:
        told = {_option(fault.path[0]): f"{fault.text} - {fault.remedy}" for fault in faults}
        raise UserError("\n".join(f"{option}: {text}" for option, text in told.items()))
    return request


def checked_reference(text: str) -> str:
    """The reference as the desk writes it. Raises `UserError`."""
    parsed = parse_reference(text)
    if parsed is None:
        raise UserError(
            f"{text!r} is no item reference", "it has the form C-000123, T-000123 or R-000123: `mailcall calls list`"
        )
    return reference(*parsed)


def check(request: DeskRequest, state: State) -> None:
    """Raises `UserError` where settings and persons tell that the logger could not do it."""
    _check_person("--by", request.by, state)
    if isinstance(request, ItemToWatch | ItemToUnwatch) and request.person:
        _check_person("--person", request.person, state)
    if not isinstance(request, NewItem):
        return
    if request.user is not None and "@" not in request.user:
        _check_person("--user", request.user, state)
    if not _check_person("--logging-analyst", request.logging_analyst or request.by, state).is_analyst:
        analyst = request.logging_analyst or request.by
        raise UserError(f"--logging-analyst: {analyst!r} is no Analyst", "name the Analyst who logs it")
    _check_template(request, state)


def ask(config: ProcessConfig, publisher: Publisher, request: DeskRequest, now: datetime, seconds: float) -> Answer:
    """Publishes the request and waits so long for what becomes of it. Raises `OutageError`, `TopicMissingError`."""
    prefix = config.topic_prefix
    if not seconds:
        _publish(publisher, request, now)
        return Answer(request.request_id, note="published, and not waited for")
    with from_now(config, "desk-requests", [CALL_EVENTS.name(prefix), DESK_REQUESTED.dlq(prefix)]) as consumer:
        _publish(publisher, request, now)
        return _answer(consumer, config, request.request_id, seconds)


def _publish(publisher: Publisher, request: DeskRequest, now: datetime) -> None:
    message = encode(DESK_REQUESTED, record_key(request), request, id=request.request_id, source=SOURCE, time=now)
    publisher.publish([message])


def _answer(consumer: "KafkaConsumer", config: ProcessConfig, request_id: str, seconds: float) -> Answer:
    events = CALL_EVENTS.name(config.topic_prefix)
    for record in arriving(consumer, seconds):
        answer = _told(record, request_id) if record.topic == events else _dead(record, request_id)
        if answer is not None:
            return answer
    return Answer(request_id, note=_NOBODY.format(seconds))


def _told(record: Record, request_id: str) -> Answer | None:
    try:
        event: ItemEvent = decode(CALL_EVENTS, record)[1]
    except UndecodableError:
        return None  # somebody else's record is no answer
    if event.request_id != request_id:
        return None
    name = type(event).__name__
    if isinstance(event, ActionRefused):
        return Answer(request_id, name, event.reference, event.reason, _explained(event.reason))
    return Answer(request_id, name, event.reference)


def _dead(record: Record, request_id: str) -> Answer | None:
    headers = {name: value.decode("utf-8", "replace") for name, value in record.headers if value is not None}
    if headers.get("ce_id") != request_id or "dlq-error-class" not in headers:
        return None
    return Answer(request_id, reason=headers["dlq-error-class"], note=headers.get("dlq-error-message", ""))


def _explained(reason: Reason) -> str:
    why = EXPLANATIONS[reason]
    return f"{why.meaning} {why.remedy}".strip()


def _check_person(option: str, person_id: str, state: State) -> Person:
    person = state.persons.get(person_id)
    if person is None:
        raise UserError(f"{option}: there is no person {person_id!r}", "`mailcall persons list` shows their ids")
    return person


def _check_template(request: NewItem, state: State) -> None:
    template = state.settings.call_template(request.call_template)
    if template is None:
        known = ", ".join(one.id for one in state.settings.all_of(CallTemplate)) or "none"
        raise UserError(f"--template: there is no call template {request.call_template!r}", f"known are: {known}")
    filled = request.filled(template)
    partition = state.settings.partition(filled.partition)
    if partition is None:
        raise UserError(
            f"--template: {template.id!r} names partition {filled.partition!r}, which does not exist",
            "add the partition with `mailcall apply`",
        )
    if partition.priority(filled.impact, filled.urgency) is None:
        raise UserError(
            f"--impact {filled.impact!r} with --urgency {filled.urgency!r} has no priority in {partition.id!r}",
            f"impacts: {', '.join(partition.impacts)}; urgencies: {', '.join(partition.urgencies)}",
        )


def _option(field: int | str) -> str:
    return _OPTIONS.get(str(field), "--" + str(field).replace("_", "-"))
