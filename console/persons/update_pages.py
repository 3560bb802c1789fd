"""Pages that add, update and delete a person, and have mail sent again to an address that bounced."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from console.access.rights import Right
from console.errors import UserError
from console.persons.person_changes import PersonChangedError, change, planned_addition
from console.persons.person_changes import unmark as unmark_address
from console.persons.person_form import (
    NAMES,
    changed_fields,
    changed_meanwhile,
    checked_person,
    form_page,
    reason_context,
    reason_errors,
    settings_now,
    state_now,
    typed_values,
)
from console.settings.apply import publish
from console.settings.presentation import places
from console.settings.references import find_referrers, plan_deletion
from console.web import form_values
from console.web.current import reason_of, version_of
from console.web.foreign import short, visible
from console.web.form_errors import PageError, errors_at_fields
from console.web.page import Page
from console.web.render import page, redirect
from desk.engine import read_transaction
from desk.persons import load_persons
from schemas.persons import Person

STORED_SECONDS = 3.0  # that the logger is given to store a person before the page goes on without it
_LOOK_SECONDS = 0.1
_UNKNOWN = -1  # a version that no person has: what the form showed is no longer so


def add_form(request: Request) -> Response:
    """`flag=analyst` in the address: somebody who looks for one adds one."""
    is_analyst = request.query_params.get("flag") == "analyst"
    flags = {"is_user": not is_analyst, "is_analyst": is_analyst}
    return form_page(request, None, {**form_values.default_values(Person, NAMES), "id": "", **flags})


def add(request: Request) -> Response:
    services, form = request.app.state.services, request.state.form
    names = ("id", *NAMES)
    values = typed_values(form, names, settings_now(services).email_options().message_format_per_person, None)
    person, errors = checked_person(values, form, {})
    errors += reason_errors(request)
    if person is None or errors:
        return form_page(request, None, values, errors)
    try:
        plan = planned_addition(state_now(services, [person.id]), person)
    except UserError as refused:
        return form_page(request, None, values, errors_at_fields(refused.problems, names))
    publish(plan, services.publisher, request.state.identity.name, reason_of(request), datetime.now(UTC))
    return _saved(request, person.id, plan.changes[0].after, "added")


def update_form(request: Request) -> Response:
    person = _person(request)
    return form_page(request, person, form_values.values_of(person, NAMES))


def update(request: Request) -> Response:
    """Changes what was changed in the form, in the person as it is now; never one that nobody has looked at."""
    services, form, person = request.app.state.services, request.state.form, _person(request)
    with_format = settings_now(services).email_options().message_format_per_person
    values = typed_values(form, NAMES, with_format, person)
    typed, errors = checked_person(values, form, {"id": person.id})
    errors += reason_errors(request)
    if typed is None or errors:
        return form_page(request, person, values, errors)
    version = version_of(request)
    try:
        plan = change(
            services.config,
            services.publisher,
            lambda: state_now(services, [person.id]),
            person.id,
            changed_fields(person, typed),
            request.state.identity.name,
            reason_of(request),
            _UNKNOWN if version is None else version,
        )
    except PersonChangedError as changed:
        return form_page(request, changed.now, values, [PageError("", changed_meanwhile(changed.now, values))])
    except UserError as refused:
        return form_page(request, person, values, errors_at_fields(refused.problems, NAMES))
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
        **reason_context(request, errors),
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
