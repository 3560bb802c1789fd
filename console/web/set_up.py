"""How far an installation has come on the path to its first call, and the step that comes next."""

from dataclasses import dataclass

from sqlalchemy import select
from starlette.requests import Request

from console.access.rights import Right
from console.web.first_run import SetUp, is_finished, steps
from console.web.render import NextStep, url
from desk.engine import read_transaction
from desk.item_references import reference
from desk.tables import items, persons
from runtime.outcomes import OutageError


@dataclass(frozen=True, slots=True)
class DeskSetUp:
    """`first_item`: the reference of the first call, task or request; `is_only`: there is no other."""

    has_analyst: bool = False
    first_item: str | None = None
    is_only: bool = False


def desk_set_up(request: Request) -> DeskSetUp:
    """Nothing while the database is away, which the page says as a problem."""
    analyst = select(persons.c.id).where(persons.c.is_analyst, ~persons.c.disabled).limit(1)
    first = select(items.c.kind, items.c.id).order_by(items.c.id).limit(2)
    try:
        with read_transaction(request.app.state.services.engine) as connection:
            found = connection.execute(first).all()
            is_there = connection.scalar(analyst) is not None
    except OutageError:
        return DeskSetUp()
    return DeskSetUp(is_there, reference(found[0].kind, found[0].id) if found else None, len(found) == 1)


def next_step(request: Request) -> NextStep | None:
    """What comes next on the path, for the page after something was saved; None once the first call is there, and for
    whoever may not set anything up."""
    services = request.app.state.services
    if not request.state.identity.may(Right.SYSTEM_SET_UP) or not services.views.freshness.ready:
        return None
    desk = desk_set_up(request)
    known = SetUp(services.views.current, desk.has_analyst, desk.first_item)
    if is_finished(known):
        return None
    step = next((step for step in steps(known) if step.state != "done"), None)
    if step is None:
        return None
    place = step.place
    is_here = place.page == getattr(request.state, "page_name", "")
    return NextStep(step.title, step.text, "" if is_here else url(request, place.page, place.query, **place.parameters))
