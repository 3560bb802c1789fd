"""Pages that add, update and delete a person, and have mail sent again to an address that bounced."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from console.access.rights import Right
from console.errors import UserError
from console.persons.bounced_addresses import unmark as unmark_address
from console.persons.change_reason import reason_errors, reason_shown
from console.persons.looks import settings_now, state_now
from console.persons.person_changes import PersonChangedError, change, planned_addition
from console.settings.apply import publish
from console.settings.deletion import plan_deletion
from console.settings.entries import read_entry
from console.settings.links import places
from console.settings.referring import find_referrers
from console.web import forms
from console.web.change_reason import reason_of
from console.web.foreign import short, visible
from console.web.forms import Choice, Field, Look, Values
from console.web.labels import label
from console.web.looked_at import version_of
from console.web.page import Page
from console.web.render import PageError, page, redirect
from desk.directory import load_persons
from desk.engine import read_transaction
from schemas.persons import Person

NAMES = ("first_name", "last_name", "addresses", "is_user", "is_analyst", "email_format", "office", "disabled")
LABELS = {"is_user": "User", "is_analyst": "Analyst", "email_format": "Email Format", "id": "Id"}
NO_FORMAT = "Select Message Format per Analyst/User in Email Settings first: without it the Default Format is used."
NO_FLAG = "Select User, Analyst, or both."
STORED_SECONDS = 3.0  # that the logger is given to store a person before the page goes on without it
_LOOK_SECONDS = 0.1
_UNKNOWN = -1  # a version that no person has: what the form showed is no longer so
_LOOKS = {
    "id": Look(label="Id", help="Calls refer to it, so it stays. Letters, digits, '.', '_', '@' and '-'."),
    "addresses": Look(help="One a line. The first is the primary one: notifications go there.", rows=3),
    "is_user": Look(label="User", help="Somebody who asks: calls are logged for Users."),
    "is_analyst": Look(label="Analyst", help="Somebody who works on calls. Without User: Analyst only."),
    "disabled": Look(help="Keeps the calls; mail is taken for this person's only where nobody else has the address."),
}
_FORMATS = (Choice("", "Default Format"), Choice("html", "HTML"), Choice("text", "Plain Text"))


def add_form(request: Request) -> Response:
    """`flag=analyst` in the address: somebody who looks for one adds one."""
    is_analyst = request.query_params.get("flag") == "analyst"
    flags = {"is_user": not is_analyst, "is_analyst": is_analyst}
    return _form(request, None, {**forms.default_values(Person, NAMES), "id": "", **flags})


def add(request: Request) -> Response:
    services, form = request.app.state.services, request.state.form
    names = ("id", *NAMES)
    values = _typed(form, names, settings_now(services).email_options().message_format_per_person, None)
    person, errors = _checked(values, form, {})
    errors += reason_errors(request)
    if person is None or errors:
        return _form(request, None, values, errors)
    try:
        plan = planned_addition(state_now(services, [person.id]), person)
    except UserError as refused:
        return _form(request, None, values, _errors(refused, names))
    publish(plan, services.publisher, request.state.identity.name, reason_of(request), datetime.now(UTC))
    return _saved(request, person.id, plan.changes[0].after, "added")


def update_form(request: Request) -> Response:
    person = _person(request)
    return _form(request, person, forms.values_of(person, NAMES))


def update(request: Request) -> Response:
    """Changes what was changed in the form, in the person as it is now; never one that nobody has looked at."""
    services, form, person = request.app.state.services, request.state.form, _person(request)
    with_format = settings_now(services).email_options().message_format_per_person
    values = _typed(form, NAMES, with_format, person)
    typed, errors = _checked(values, form, {"id": person.id})
    errors += reason_errors(request)
    if typed is None or errors:
        return _form(request, person, values, errors)
    version = version_of(request)
    try:
        plan = change(
            services.config,
            services.publisher,
            lambda: state_now(services, [person.id]),
            person.id,
            _changed(person, typed),
            request.state.identity.name,
            reason_of(request),
            _UNKNOWN if version is None else version,
        )
    except PersonChangedError as changed:
        return _form(request, changed.now, values, [PageError("", _meanwhile(changed.now, values))])
    except UserError as refused:
        return _form(request, person, values, _errors(refused, NAMES))
    if not plan.effective:
        return redirect(request, "persons.open", "Nothing was changed.", "info", person_id=person.id)
    return _saved(request, person.id, plan.changes[0].after, "saved")


def delete_form(request: Request) -> Response:
    person = _person(request)
    try:
        plan_deletion(state_now(request.app.state.services, [person.id]), f"person/{person.id}")
    except UserError as refused:
        return _deletion(request, person, refused)
    return _deletion(request, person)


def delete(request: Request) -> Response:
    services, person = request.app.state.services, _person(request)
    errors = reason_errors(request)
    if errors:
        return _deletion(request, person, errors=errors)
    try:
        plan = plan_deletion(state_now(services, [person.id]), f"person/{person.id}")
    except UserError as refused:
        return _deletion(request, person, refused)
    publish(plan, services.publisher, request.state.identity.name, reason_of(request), datetime.now(UTC))
    _wait_until_stored(services.engine, person.id, lambda now: now is None or now.disabled)
    return redirect(
        request, "persons.list", f"{visible(person.name or person.id)} is deleted: calls keep the person, disabled."
    )


def unmark(request: Request) -> Response:
    services, person = request.app.state.services, _person(request)
    address = str(request.state.form.get("address", ""))
    if address not in person.addresses:
        raise HTTPException(404)
    state = state_now(services, [person.id])
    now = datetime.now(UTC)
    done = unmark_address(services.config, services.publisher, state, address, person.id, now, STORED_SECONDS)
    said = (
        f"Mails are sent to {address} again." if done else f"Asked for. The logger has not yet done it for {address}."
    )
    return redirect(request, "persons.open", said, "success" if done else "info", person_id=person.id)


def _person(request: Request) -> Person:
    """The person of the address, as the desk has it."""
    id_ = request.path_params["person_id"]
    with read_transaction(request.app.state.services.engine) as connection:
        person = load_persons(connection, [id_]).get(id_)
    if person is None:
        raise HTTPException(404)
    return person


def _typed(form: FormData, names: Sequence[str], with_format: bool, stored: Person | None) -> dict[str, Any]:
    """What was typed; an Email Format that cannot be chosen stays what it is."""
    values: dict[str, Any] = dict(forms.typed_values(Person, names, form, {}))
    if not with_format:
        values["email_format"] = forms.values_of(stored, ["email_format"])["email_format"] if stored else ""
    return values


def _checked(values: Values, form: FormData, fixed: Mapping[str, Any]) -> tuple[Person | None, list[PageError]]:
    entry = {**forms.entry_of(Person, values, form, None), **fixed}
    person, faults = read_entry(entry, Person, None)
    names = tuple(values)
    found = (
        (fault.path, forms.told(fault.text, fault.remedy)) if fault.path else (("is_user",), NO_FLAG)
        for fault in faults
    )
    return person, forms.page_errors(found, names)


def _changed(shown: Person, typed: Person) -> dict[str, Any]:
    """The fields that were changed in the form, so that all others stay as they are by then."""
    before, after = shown.model_dump(mode="json"), typed.model_dump(mode="json")
    return {name: after[name] for name in NAMES if after[name] != before[name]}


def _errors(refused: UserError, names: Sequence[str]) -> list[PageError]:
    found = []
    for problem in refused.problems:
        field = next((str(path[0]) for path in problem.fields if path), problem.place)
        text = f"{problem.cause}. {forms.sentence(problem.remedy)}" if problem.remedy else problem.cause
        found.append(PageError(field if field in names else "", text))
    return found


def _meanwhile(now: Person, values: Values) -> str:
    """What another has changed, so that it can be told from what was typed."""
    current = forms.values_of(now, NAMES)
    other = ", ".join(
        f"{LABELS.get(name, label(name))} is now {current[name] or 'empty'!r}"
        for name in NAMES
        if current[name] != values.get(name)
    )
    return f"Somebody has changed this person meanwhile. {other}. Saving once more puts what stands here in its place."


def _form(request: Request, person: Person | None, values: Values, errors: Sequence[PageError] = ()) -> Response:
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
        **reason_shown(request, errors),
    )


def _format_look(with_format: bool) -> Look:
    used = "Overrides the Default Format for mails to this person."
    return Look(
        label="Email Format",
        help=used if with_format else NO_FORMAT,
        choices=_FORMATS,
        why_not="" if with_format else NO_FORMAT,
    )


def _deletion(
    request: Request, person: Person, refused: UserError | None = None, errors: Sequence[PageError] = ()
) -> Response:
    """`refused`: why it cannot be. What names the person is shown as links; any other reason in its own words."""
    referrers = find_referrers(settings_now(request.app.state.services), f"person/{person.id}") if refused else ()
    if refused and not referrers:
        errors = [PageError("", str(refused))]
    return page(
        request,
        "persons/delete.html",
        title=f"Delete {short(person.name or person.id)}",
        status=409 if refused else 422 if errors else 200,
        errors=errors,
        person=person,
        refused=refused is not None,
        referrers=places(request, referrers),
        **reason_shown(request, errors),
    )


def _saved(request: Request, person_id: str, after: Any, what: str) -> Response:
    version = after.version
    stored = _wait_until_stored(
        request.app.state.services.engine, person_id, lambda now: now is not None and now.version >= version
    )
    if stored:
        return redirect(request, "persons.open", f"{visible(after.name or person_id)} is {what}.", person_id=person_id)
    said = f"{visible(after.name or person_id)} is {what}. The desk shows it once the logger has stored it."
    return redirect(request, "persons.list", said, "info")


def _wait_until_stored(engine: Engine, person_id: str, is_stored: Any) -> bool:
    deadline = time.monotonic() + STORED_SECONDS
    while True:
        with read_transaction(engine) as connection:
            if is_stored(load_persons(connection, [person_id]).get(person_id)):
                return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(_LOOK_SECONDS)


_ONE = "/persons/person/{person_id}"
PAGES = (
    Page("persons.add", "/persons/add", add_form, Right.PERSONS),
    Page("persons.save-new", "/persons/add", add, Right.PERSONS, ("POST",)),
    Page("persons.update", f"{_ONE}/update", update_form, Right.PERSONS),
    Page("persons.save", f"{_ONE}/update", update, Right.PERSONS, ("POST",)),
    Page("persons.delete", f"{_ONE}/delete", delete_form, Right.PERSONS),
    Page("persons.delete-confirmed", f"{_ONE}/delete", delete, Right.PERSONS, ("POST",)),
    Page("persons.unmark", f"{_ONE}/send-again", unmark, Right.PERSONS, ("POST",)),
)
