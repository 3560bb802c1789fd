"""Jobs: reconcile, replay, send on, probe. Started, watched, cancelled, and their results looked at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from console.access.rights import Identity, Right
from console.errors import UserError
from console.health.words import duration
from console.jobs.jobs import Job, Jobs
from console.jobs.kinds import MAX_PLACES
from console.web.current import view_of
from console.web.form_errors import PageError
from console.web.forms import Field
from console.web.model_fields import Choice
from console.web.page import Entry, Page
from console.web.render import fragment, page, redirect
from schemas.settings import IncomingServer
from schemas.topics import (
    MAIL_FETCHED,
    MAIL_REJECTED,
    MAIL_RESOLVED,
    NOTIFICATION_REQUESTED,
    NOTIFICATION_RESULTS,
)

# Whose results name mails and their persons.
OF_MAILS = frozenset(("replay", "send-on"))
_RECONCILED = (MAIL_FETCHED, MAIL_RESOLVED, MAIL_REJECTED, NOTIFICATION_RESULTS, NOTIFICATION_REQUESTED)


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in the form of a replay."""

    since: str
    until: str
    server: str = ""


def list_(request: Request) -> Response:
    return _list(request)


def list_part(request: Request) -> Response:
    return fragment(request, "jobs/list_part.html", jobs=_jobs(request).all(), duration=duration)


def show(request: Request) -> Response:
    job = _job(request)
    return page(request, "jobs/show.html", title=job.title, **_one(request, job))


def show_part(request: Request) -> Response:
    return fragment(request, "jobs/show_part.html", **_one(request, _job(request)))


def start_reconcile(request: Request) -> Response:
    samples = request.app.state.services.sampler.current.samples
    held = samples[-1].kept if samples else {}
    of = sum(held.get(topic.short, 0) for topic in _RECONCILED) or None
    return started(request, "reconcile", {}, of)


def start_replay(request: Request) -> Response:
    _check_sees_mails(request)
    typed = Typed(*(str(request.state.form.get(name, "")).strip()[:100] for name in ("since", "until", "server")))
    since, until, errors = _period(typed)
    servers = view_of(request).settings
    if typed.server and servers.incoming_server(typed.server) is None:
        errors.append(PageError("server", f"There is no incoming server {typed.server!r}: choose one of the list."))
    if since is None or until is None or errors:
        return _list(request, typed, errors)
    given = {"since": since.isoformat(), "until": until.isoformat(), "server": typed.server}
    return started(request, "replay", given)


def send_on(request: Request) -> Response:
    """Sends on what a replay found: exactly the mails that its page has shown the number of."""
    _check_sees_mails(request)
    found = _jobs(request).get(str(request.state.form.get("replay", "")))
    if found is None or found.kind != "replay" or not found.result or not found.result["places"]:
        raise UserError("There is nothing to be sent on", "start a replay; its result offers what can be sent on")
    given = {**found.given, "places": found.result["places"]}
    return started(request, "send-on", given, len(found.result["places"]))


def cancel(request: Request) -> Response:
    job = _job(request)
    if job.kind in OF_MAILS and not _sees_mails(request):
        raise HTTPException(404)
    if _jobs(request).cancel(job.id):
        return redirect(request, "jobs.show", "It was cancelled.", "info", job=job.id)
    return redirect(request, "jobs.show", "It had ended already.", "info", job=job.id)


def started(request: Request, kind: str, given: Mapping[str, Any], of: int | None = None) -> Response:
    """Starts a job and leads to its page; where one of the kind is running, to the list."""
    try:
        job = _jobs(request).start(kind, given, request.state.identity.name, of)
    except UserError as error:
        return redirect(request, "jobs.list", str(error), "warning")
    return redirect(request, "jobs.show", job=job.id)


def _list(request: Request, typed: Typed | None = None, errors: list[PageError] | None = None) -> Response:
    now = datetime.now(UTC)
    shown = typed or Typed(_written(now - timedelta(days=1)), _written(now))
    return page(
        request,
        "jobs/list.html",
        title="Jobs",
        status=422 if errors else 200,
        errors=errors or (),
        fields=_fields(request, shown, errors or ()),
        jobs=_jobs(request).all(),
        may_replay=_sees_mails(request),
        duration=duration,
    )


def _fields(request: Request, typed: Typed, errors: Sequence[PageError]) -> list[Field]:
    """The form of a replay, with what is wrong beside each field."""
    servers = view_of(request).settings.all_of(IncomingServer)
    choices = (Choice("", "All"), *(Choice(server.id, server.name or server.id) for server in servers))

    def told(name: str) -> tuple[str, ...]:
        return tuple(error.text for error in errors if error.field == name)

    since = "By when the mails were fetched, in UTC."
    return [
        Field("since", "From", "text", since, typed.since, errors=told("since")),
        Field("until", "To", "text", "Before this moment.", typed.until, errors=told("until")),
        Field("server", "Incoming server", "select", "", typed.server, choices, errors=told("server")),
    ]


def _one(request: Request, job: Job) -> Mapping[str, Any]:
    hidden = job.kind in OF_MAILS and not _sees_mails(request)
    return {
        "job": job,
        "hidden": hidden,
        "now": datetime.now(UTC),
        "duration": duration,
        "moment": datetime.fromisoformat,
        "most_places": MAX_PLACES,
    }


def _period(typed: Typed) -> tuple[datetime | None, datetime | None, list[PageError]]:
    """Both moments in UTC, and what is wrong with them."""
    errors: list[PageError] = []
    moments: list[datetime | None] = []
    for name, text, label in (("since", typed.since, "From"), ("until", typed.until, "To")):
        moment = _moment(text)
        moments.append(moment)
        if moment is None:
            errors.append(PageError(name, f"{label} is no moment: write it as 2026-11-29 08:00, in UTC."))
    since, until = moments
    if since and until and since >= until:
        errors.append(PageError("until", "To does not lie after From: give the earlier moment first."))
    if since and since > datetime.now(UTC):
        errors.append(PageError("since", "From lies in the future: mails that have come are replayed."))
    return since, until, errors


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        moment.timestamp()
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def _sees_mails(request: Request) -> bool:
    """A job looks at the mails of every partition."""
    identity: Identity = request.state.identity
    return identity.may_for_all(Right.HELD_MAIL)


def _check_sees_mails(request: Request) -> None:
    if not _sees_mails(request):
        raise UserError(
            "This looks at the mails of every partition, and your roles have Held Mail for some of them",
            "ask somebody who has it for all",
        )


def _jobs(request: Request) -> Jobs:
    jobs: Jobs = request.app.state.services.jobs
    return jobs


def _job(request: Request) -> Job:
    job = _jobs(request).get(request.path_params["job"])
    if job is None:
        raise HTTPException(404)
    return job


_HERE = "/operations/jobs"
PAGES = (
    Page("jobs.list", _HERE, list_, Right.SYSTEM_SET_UP),
    Page("jobs.list-part", "/operations/jobs-part", list_part, Right.SYSTEM_SET_UP),
    Page("jobs.start-reconcile", f"{_HERE}/reconcile", start_reconcile, Right.SYSTEM_SET_UP, ("POST",)),
    Page("jobs.start-replay", f"{_HERE}/replay", start_replay, Right.HELD_MAIL, ("POST",)),
    Page("jobs.send-on", f"{_HERE}/send-on", send_on, Right.HELD_MAIL, ("POST",)),
    Page("jobs.show", f"{_HERE}/{{job}}", show, Right.SYSTEM_SET_UP),
    Page("jobs.show-part", f"{_HERE}/{{job}}/part", show_part, Right.SYSTEM_SET_UP),
    Page("jobs.cancel", f"{_HERE}/{{job}}/cancel", cancel, Right.SYSTEM_SET_UP, ("POST",)),
)
ENTRIES = (Entry("Operations", "Jobs", "jobs.list"),)
