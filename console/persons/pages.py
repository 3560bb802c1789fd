"""Pages for persons: the list with its search, and one person's details."""

from typing import get_args

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from console.access.rights import Right
from console.persons import import_pages, update_pages
from console.persons.csv_format import write_persons
from console.persons.person_form import settings_now
from console.persons.persons import every_person, person_details
from console.settings.presentation import places
from console.web.foreign import short
from console.web.keyset import asked, part
from console.web.page import Entry, Page
from console.web.render import page
from desk.engine import read_transaction
from desk.persons import Flag, PersonQuery, load_persons, place_of, search_persons

FLAGS: dict[Flag, str] = {
    "user": "User",
    "analyst": "Analyst",
    "user-only": "User only",
    "analyst-only": "Analyst only",
    "both": "User and Analyst",
}
_MAX_TEXT = 200  # characters of what is looked for
_STATES = {"enabled": False, "disabled": True}
_EXPORT_BOM = "\ufeff"  # without it spreadsheets take UTF-8 for something else


def list_(request: Request) -> Response:
    query, cut = query_of(request), asked(request, str, str, str)
    with read_transaction(request.app.state.services.engine) as connection:
        found = search_persons(connection, query, place=cut.key, backwards=cut.backwards, limit=cut.rows + 1)  # type: ignore[arg-type]
    return page(
        request,
        "persons/list.html",
        title="Persons",
        persons=part(found, cut, place_of),
        query=query,
        asked=_asked(request),
        flags=FLAGS,
    )


def open_(request: Request) -> Response:
    services, id_ = request.app.state.services, request.path_params["person_id"]
    settings = settings_now(services)
    with read_transaction(services.engine) as connection:
        person = load_persons(connection, [id_]).get(id_)
        if person is None:
            raise HTTPException(404)
        details = person_details(connection, person, settings)
    return page(
        request,
        "persons/open.html",
        title=short(person.name or person.id),
        details=details,
        person=person,
        named_by=places(request, details.referrers),
    )


def export(request: Request) -> Response:
    """The persons of the list as CSV, as many as there are."""
    lines = write_persons(every_person(request.app.state.services.engine, query_of(request)))
    return StreamingResponse(
        (line.encode() for line in (_EXPORT_BOM, *lines)),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="persons.csv"'},
    )


def query_of(request: Request) -> PersonQuery:
    """What the address asks for; what it cannot mean is taken for nothing."""
    text = request.query_params.get("q", "")[:_MAX_TEXT]
    flag = request.query_params.get("flag", "")
    return PersonQuery(
        text=text,
        flag=next((one for one in get_args(Flag) if one == flag), None),
        disabled=_STATES.get(request.query_params.get("state", "")),
    )


def _asked(request: Request) -> dict[str, str]:
    """The search as it is in the address, for the links to the other parts of the list."""
    return {name: request.query_params[name] for name in ("q", "flag", "state") if request.query_params.get(name)}


PAGES = (
    Page("persons.list", "/persons", list_, Right.PERSONS),
    Page("persons.export", "/persons/export.csv", export, Right.PERSONS),
    *import_pages.PAGES,
    *update_pages.PAGES,
    Page("persons.open", "/persons/person/{person_id}", open_, Right.PERSONS),
)
ENTRIES = (Entry("People", "Persons", "persons.list"),)
