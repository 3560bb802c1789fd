"""Review: what saving the details changes, field by field, with the Change Reason; then Save."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from console.access.rights import Right
from console.errors import UserError
from console.servers import server_tests
from console.servers.details import rebased, secret_fields
from console.servers.details_editing import check_draft, form_page, read_sections
from console.servers.drafts import Draft
from console.servers.rows import last_change
from console.servers.server_settings import Server
from console.servers.server_types import ServerType
from console.servers.test_runs import tested
from console.servers.window import account_of, author_of, failure, name_of, open_draft
from console.settings import saving
from console.settings.apply import Change
from console.settings.editing import names_of
from console.settings.entry_data import Difference, differences
from console.settings.secrets import redacted
from console.views.snapshot import ViewSnapshot
from console.web.current import reason_of, view_of
from console.web.form_errors import PageError, errors_at_fields
from console.web.labels import label
from console.web.page import Page
from console.web.render import page, redirect
from runtime.outages import OutageError

CATCH_UP_SECONDS = 5.0
_ANALYST = "default_logging_analyst"
Words = Mapping[str, Mapping[str, str]]  # field -> value -> what it is called, for the fields of which one is chosen


@dataclass(frozen=True, slots=True)
class ChangedField:
    """One line of a difference, for people. Of a secret: whether it is set, and that it is another."""

    label: str
    old: str
    new: str


def review(request: Request) -> Response:
    draft = open_draft(request)
    if draft is None:
        return redirect(request, "servers.list")
    return _page(request, draft)


def save(request: Request) -> Response:
    """Publishes what was reviewed; or takes over what somebody else has changed meanwhile."""
    draft = open_draft(request)
    if draft is None:
        return redirect(request, "servers.list", "These details are open no more: nothing was saved.", "warning")
    services, account, form = request.app.state.services, account_of(request), request.state.form
    view = view_of(request)
    if "rebase" in form:
        now_saved = _saved(view, draft)
        if now_saved is not None:
            services.drafts.keep(account.account_id, rebased(draft, now_saved, view.settings.versions[_key(draft)]))
        return redirect(request, "servers.review")
    checked = check_draft(request, draft)
    if checked.server is None or checked.plan is None or _theirs(view, draft, checked.server, {}):
        return _page(request, draft)
    now = datetime.now(UTC)
    looked_at = {_key_of(checked.server): draft.version}
    try:
        saving.save(services, checked.plan, author_of(request), now, looked_at)
    except (UserError, OutageError) as error:
        services.views.catch_up(CATCH_UP_SECONDS)  # with what somebody else has changed
        is_there = view_of(request).settings.settings.get(_key_of(checked.server)) == checked.server
        if not (is_there and isinstance(error, saving.PerhapsSavedError)):
            return _page(request, draft, (failure(error, "Nothing was saved."),))
    services.drafts.close(account.account_id)
    if checked.plan.effective and tested(request, view, checked.server) is None:
        with suppress(OutageError):  # it is saved; the list says that it is not tested
            look = server_tests.make_request(now, server_id=checked.server.id, server=checked.server)
            server_tests.publish_request(services.publisher, look, now)
    services.views.catch_up(CATCH_UP_SECONDS)
    said = (
        f"{name_of(draft)} is saved."
        if checked.plan.effective or checked.server != draft.before
        else "Nothing was changed."
    )
    return redirect(request, "servers.list", said)


def _page(request: Request, draft: Draft, errors: Sequence[PageError] = ()) -> Response:
    view = view_of(request)
    checked = check_draft(request, draft)
    if checked.plan is None or checked.server is None:
        return form_page(request, draft, errors_at_fields(checked.problems, draft.type.fields))
    [change] = checked.plan.changes
    words = _words(request, draft)
    theirs = _theirs(view, draft, checked.server, words)
    return page(
        request,
        "servers/review.html",
        title=f"Review the changes of {name_of(draft)}",
        status=409 if theirs else 422 if errors else 200,
        errors=errors,
        draft=draft,
        is_new=change.effect == "new",
        fields=list(changed_fields(_told(change, draft.type), draft.type, words)),
        theirs=theirs,
        their_change=last_change(view, change.key) if theirs else None,
        unproved=bool(checked.plan.checking_nobody),
        tested=tested(request, view, checked.server),
        change_reason=reason_of(request),
        reason_required=view.settings.email_options().change_reason_required,
    )


def _told(change: Change, type_: ServerType) -> Iterator[Difference]:
    """What differs; of a new server besides what the details ask for at once, also where it is as usual."""
    differing = change.fields
    if change.before is not None or change.after is None:
        yield from differing
        return
    asked = {"protocol", *(name for section in type_.sections for name in section.fields)}
    known = {one.field for one in differing}
    for one in differences(None, redacted(change.after, defaults=True)):
        if one.field in known or (one.field in asked and one.new not in ("", [])):
            yield one


def _words(request: Request, draft: Draft) -> Words:
    """As they were chosen in the details; Analysts who are chosen no more, or by somebody else, by their names, too."""
    servers = (draft.before, _saved(view_of(request), draft))
    analysts = {getattr(server, _ANALYST, "") for server in servers} | {str(draft.typed.get(_ANALYST, ""))}
    fields = (field for section in read_sections(request, draft) for field in (*section.fields, *section.more))
    chosen = {field.name: {one.value: one.label for one in field.choices} for field in fields if field.choices}
    people = names_of(request, sorted(analysts - {""}))
    return {**chosen, _ANALYST: people, "protocol": {draft.type.protocol: draft.type.label}}


def _theirs(view: ViewSnapshot, draft: Draft, ours: Server, words: Words) -> list[ChangedField]:
    """What somebody else has changed since the details were opened. `ours`: what is to be saved, and may be already."""
    saved = _saved(view, draft)
    if draft.before is None or saved is None or saved in (draft.before, ours):
        return []
    return list(changed_fields(Change(_key(draft), "changed", draft.before, saved).fields, draft.type, words))


def changed_fields(found: Iterable[Difference], type_: ServerType, words: Words) -> Iterator[ChangedField]:
    """Each field that differs, by its label; what makes up one secret is one line."""
    found = tuple(found)
    secrets = secret_fields(type_)
    told: set[str] = set()
    for one in found:
        secret = next((name for name in secrets if one.field == name or one.field.startswith(f"{name}.")), None)
        if secret is None:
            named = words.get(one.field, {})
            yield ChangedField(label(one.field), _text(named, one.old), _text(named, one.new))
        elif secret not in told:
            told.add(secret)
            parts = [other for other in found if other.field == secret or other.field.startswith(f"{secret}.")]
            was, is_now = (any(getattr(part, side) for part in parts) for side in ("old", "new"))
            yield ChangedField(label(secret), "set" if was else "not set", "changed" if is_now else "not set")


def _text(named: Mapping[str, str], value: Any) -> str:
    if value is None or value in ("", [], ()):
        return "–"
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(named.get(str(one), str(one)) for one in value)
    return named.get(str(value), str(value))


def _saved(view: ViewSnapshot, draft: Draft) -> Server | None:
    found = view.settings.settings.get(_key(draft))
    return found if isinstance(found, draft.type.model) else None


def _key(draft: Draft) -> str:
    return f"{draft.type.direction}-server/{draft.server_id}"


def _key_of(server: Server) -> str:
    return f"{server.kind}/{server.id}"


PAGES = (
    Page("servers.review", "/email-settings/review", review, Right.SYSTEM_SET_UP),
    Page("servers.save", "/email-settings/review", save, Right.SYSTEM_SET_UP, ("POST",)),
)
