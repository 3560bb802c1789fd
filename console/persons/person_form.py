"""The form of a person and what a change is checked against: the settings now, the persons now, the Change Reason."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from console.errors import UserError
from console.persons.current import CurrentPersons
from console.services import Services
from console.settings.entries import read_entry
from console.settings.saving import Author, check_reason
from console.settings.state import State
from console.web import form_errors, form_values, forms
from console.web.current import reason_of, view_in
from console.web.foreign import short
from console.web.form_errors import PageError
from console.web.form_values import Values
from console.web.forms import Field, Look
from console.web.labels import label
from console.web.model_fields import Choice
from console.web.render import page
from schemas.persons import Person
from schemas.snapshot import SettingsSnapshot

NAMES = ("first_name", "last_name", "addresses", "is_user", "is_analyst", "email_format", "office", "disabled")
LABELS = {"is_user": "User", "is_analyst": "Analyst", "email_format": "Email Format", "id": "Id"}
NO_FORMAT = "Select Message Format per Analyst/User in Email Settings first: without it the Default Format is used."
NO_FLAG = "Select User, Analyst, or both."
_LOOKS = {
    "id": Look(label="Id", help="Calls refer to it, so it stays. Letters, digits, '.', '_', '@' and '-'."),
    "addresses": Look(help="One a line. The first is the primary one: notifications go there.", rows=3),
    "is_user": Look(label="User", help="Somebody who asks: calls are logged for Users."),
    "is_analyst": Look(label="Analyst", help="Somebody who works on calls. Without User: Analyst only."),
    "disabled": Look(help="Keeps the calls; mail is taken for this person's only where nobody else has the address."),
}
_FORMATS = (Choice("", "Default Format"), Choice("html", "HTML"), Choice("text", "Plain Text"))


def settings_now(services: Services) -> SettingsSnapshot:
    """Raises `OutageError` while they have not been read."""
    return view_in(services).settings


def state_now(services: Services, ids: Collection[str]) -> State:
    """Settings, and these persons. Raises `OutageError`, `TopicMissingError`."""
    return State(settings_now(services), CurrentPersons(services.config, services.engine).find(ids))


def reason_errors(request: Request) -> list[PageError]:
    """At the field of the reason; empty where nothing is wrong with it."""
    author = Author(request.state.identity.name, reason_of(request))
    try:
        check_reason(settings_now(request.app.state.services), author)
    except UserError as refused:
        return [PageError("change_reason", f"{problem.cause}. {problem.remedy}") for problem in refused.problems]
    return []


def reason_context(request: Request, errors: Any = ()) -> dict[str, Any]:
    """What the templates ask for."""
    options = settings_now(request.app.state.services).email_options()
    return {
        "change_reason": reason_of(request),
        "reason_required": options.change_reason_required,
        "reason_errors": [error.text for error in errors if error.field == "change_reason"],
    }


def typed_values(form: FormData, names: Sequence[str], with_format: bool, stored: Person | None) -> dict[str, Any]:
    """What was typed; an Email Format that cannot be chosen stays what it is."""
    values: dict[str, Any] = dict(form_values.typed_values(Person, names, form, {}))
    if not with_format:
        values["email_format"] = form_values.values_of(stored, ["email_format"])["email_format"] if stored else ""
    return values


def checked_person(values: Values, form: FormData, fixed: Mapping[str, Any]) -> tuple[Person | None, list[PageError]]:
    entry = {**form_values.entry_of(Person, values, form, None), **fixed}
    person, faults = read_entry(entry, Person, None)
    names = tuple(values)
    found = (
        (fault.path, form_errors.problem_text(fault.cause, fault.remedy)) if fault.path else (("is_user",), NO_FLAG)
        for fault in faults
    )
    return person, form_errors.page_errors(found, names)


def changed_fields(shown: Person, typed: Person) -> dict[str, Any]:
    """The fields that were changed in the form, so that all others stay as they are by then."""
    before, after = shown.model_dump(mode="json"), typed.model_dump(mode="json")
    return {name: after[name] for name in NAMES if after[name] != before[name]}


def changed_meanwhile(now: Person, values: Values) -> str:
    """What another has changed, so that it can be told from what was typed."""
    current = form_values.values_of(now, NAMES)
    other = ", ".join(
        f"{LABELS.get(name, label(name))} is now {current[name] or 'empty'!r}"
        for name in NAMES
        if current[name] != values.get(name)
    )
    return f"Somebody has changed this person meanwhile. {other}. Saving once more puts what stands here in its place."


def form_page(request: Request, person: Person | None, values: Values, errors: Sequence[PageError] = ()) -> Response:
    with_format = settings_now(request.app.state.services).email_options().message_format_per_person
    looks = {**_LOOKS, "email_format": _format_look(with_format)}
    names = NAMES if person else ("id", *NAMES)
    fields: list[Field] = forms.fields(Person, names, values, errors, looks)
    return page(
        request,
        "persons/form.html",
        title=f"Update {short(person.name or person.id)}" if person else "Add a person",
        status=422 if errors else 200,
        errors=errors,
        person=person,
        fields=fields,
        **reason_context(request, errors),
    )


def _format_look(with_format: bool) -> Look:
    used = "Overrides the Default Format for mails to this person."
    return Look(
        label="Email Format",
        help=used if with_format else NO_FORMAT,
        choices=_FORMATS,
        why_not="" if with_format else NO_FORMAT,
    )
