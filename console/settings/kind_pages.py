"""The pages of every kind of setting alike: list, Add, Open, Update, Delete. What differs stands in `kinds.py`."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from console.access.rights import Right
from console.settings import drafts
from console.settings.around import around_form, around_list, around_setting, errors_of, given_values
from console.settings.drafts import Draft
from console.settings.editing import (
    ChangedMeanwhileError,
    RefusedError,
    Wanted,
    carry_out,
    last_change,
    managed_by,
    names_of,
    plan_change,
    plan_removal,
    referrers_of,
    settings_of,
)
from console.settings.first_partition import FIRST_PARTITION
from console.settings.kinds import KINDS, AnySetting, Kind
from console.settings.links import places
from console.settings.looks import looks_of
from console.settings.mapi_profiles import fields_of_use
from console.settings.shown import cells_of, difference_rows, fields_of, persons_in, with_people
from console.web import forms, keyset
from console.web.change_reason import reason_of
from console.web.looked_at import version_of
from console.web.page import Entry, Page
from console.web.render import PageError, page, redirect, url
from schemas.settings import MapiProfile, Partition
from schemas.snapshot import SettingsSnapshot

SAVE, REVIEW = "save", "review"  # what a form's `action` may ask for; any other shows the form again, as it was typed
MAX_BODY_BYTES = 2_000_000  # a message template has two parts of 100,000 characters


@dataclass(frozen=True, slots=True)
class Form:
    """A form as it is to be shown. `stored` None: of a new setting; `version`: the one that was looked at."""

    kind: Kind
    draft: Draft
    stored: AnySetting | None
    version: int | None
    change_reason: str = ""
    action: str = ""
    errors: Sequence[PageError] = ()
    difference: Sequence[tuple[str, str | None, str | None]] | None = None


def show_list(kind: Kind, request: Request) -> Response:
    settings = settings_of(request)
    part = keyset.cut_list(settings.all_of(kind.model), keyset.asked(request, str), lambda one: (one.id,))
    here = partial(url, request, f"{kind.name}.list")
    people = names_of(request, persons_in(kind, part.rows))
    return page(
        request,
        kind.listing,
        title=kind.many,
        kind=kind,
        rows=[(one.id, cells_of(kind, one, people)) for one in part.rows],
        before=part.before and here({"before": part.before}),
        after=part.after and here({"after": part.after}),
        **around_list(kind, settings),
    )


def show(kind: Kind, request: Request) -> Response:
    settings, setting = _stored(kind, request)
    named = with_people(kind, setting, names_of(request, persons_in(kind, [setting])))
    return page(
        request,
        kind.details,
        title=_called(kind, setting),
        kind=kind,
        setting=setting,
        managed_by=managed_by(request, f"{kind.name}/{setting.id}"),
        last_change=last_change(request, f"{kind.name}/{setting.id}"),
        groups_of_fields=[(title, fields_of(kind, named, names)) for title, names in _groups(kind, setting)],
        **around_setting(request, kind, settings, setting),
    )


def show_add(kind: Kind, request: Request) -> Response:
    """Empty, or with what the address gives: `?from=` names a setting to begin with. The first partition
    has usual values."""
    settings = settings_of(request)
    begun = settings.settings.get(f"{kind.name}/{request.query_params.get('from', '')}")
    given = given_values(kind, settings, request.query_params)
    draft = drafts.like(kind, begun) if isinstance(begun, kind.model) else drafts.empty(kind, given)
    if kind.model is Partition and not settings.all_of(Partition):
        draft = drafts.of(kind, FIRST_PARTITION, with_id=True)
    return _form(request, settings, Form(kind, draft, None, None))


def show_update(kind: Kind, request: Request) -> Response:
    settings, setting = _stored(kind, request)
    version = settings.versions[f"{kind.name}/{setting.id}"]
    return _form(request, settings, Form(kind, drafts.of(kind, setting), setting, version))


def add(kind: Kind, request: Request) -> Response:
    return _submitted(kind, request, settings_of(request), None)


def update(kind: Kind, request: Request) -> Response:
    settings = settings_of(request)
    stored = settings.settings.get(f"{kind.name}/{request.path_params['id']}")
    if isinstance(stored, kind.model):
        return _submitted(kind, request, settings, stored)
    draft = drafts.typed(kind, request.state.form, None)
    draft = replace(draft, values={**draft.values, "id": request.path_params["id"]})
    gone = PageError("", "It has been deleted since you opened this page. Nothing was saved: Save adds it again.")
    return _form(request, settings, Form(kind, draft, None, None, reason_of(request), SAVE, [gone]))


def show_delete(kind: Kind, request: Request) -> Response:
    return _deletion(request, kind, *_stored(kind, request))


def delete(kind: Kind, request: Request) -> Response:
    _, setting = _stored(kind, request)
    try:
        carry_out(request, plan_removal(request, kind, setting.id), version_of(request), reason_of(request))
    except RefusedError as refused:
        return _deletion(request, kind, *_stored(kind, request), refused.errors)
    return redirect(request, f"{kind.name}.list", f"{_called(kind, setting)} is deleted.")


def _submitted(kind: Kind, request: Request, settings: SettingsSnapshot, stored: AnySetting | None) -> Response:
    """A form that was sent: saved, or shown again with its differences, with what is wrong, or as its buttons say."""
    sent = request.state.form
    draft = drafts.typed(kind, sent, stored)
    form = Form(kind, draft, stored, version_of(request), reason_of(request), str(sent.get("action", SAVE)))
    if form.action not in (SAVE, REVIEW):
        return _form(request, settings, form)
    wanted = Wanted(draft.entry(sent, stored), stored.id if stored else None, draft.told())
    try:
        plan = plan_change(request, kind, wanted, errors_of(request, kind, settings, draft))
        if form.action == REVIEW:
            [change] = plan.changes
            return _form(request, settings, replace(form, difference=difference_rows(change.fields)))
        carry_out(request, plan, form.version, form.change_reason)
    except ChangedMeanwhileError as refused:
        return _changed_meanwhile(request, replace(form, errors=refused.errors), wanted)
    except RefusedError as refused:
        return _form(request, settings, replace(form, errors=refused.errors))
    [change] = plan.changes
    id_ = change.key.partition("/")[2]
    said = f"{_called(kind, change.after)} is saved." if plan.effective else "Nothing was changed."
    return redirect(request, f"{kind.name}.open", said, id=id_)


def _changed_meanwhile(request: Request, form: Form, wanted: Wanted) -> Response:
    """The form with what saving it would change of what there is now; to save it again is to know that."""
    settings = settings_of(request)
    try:
        [change] = plan_change(request, form.kind, wanted, ()).changes
    except RefusedError as refused:
        return _form(request, settings, replace(form, errors=[*form.errors, *refused.errors]))
    version = settings.versions.get(change.key)
    return _form(request, settings, replace(form, version=version, difference=difference_rows(change.fields)))


def _form(request: Request, settings: SettingsSnapshot, form: Form) -> Response:
    kind, stored = form.kind, form.stored
    around = around_form(request, kind, settings, form.draft, form.action)
    errors = [*form.errors, *around.errors]
    looks = looks_of(kind, settings, around.offered, around.partition)
    groups = [
        (group, forms.fields(kind.model, form.draft.names(group), form.draft.values, errors, looks))
        for group in kind.groups
    ]
    return page(
        request,
        kind.form,
        title=f"Update {_called(kind, stored)}" if stored else f"Add {kind.one}",
        status=422 if errors else 200,
        errors=errors,
        kind=kind,
        stored=stored,
        version=form.version,
        managed_by=managed_by(request, f"{kind.name}/{stored.id}") if stored else "",
        reason_required=settings.email_options().change_reason_required,
        groups_of_fields=groups,
        parts=form.draft.parts,
        difference=form.difference,
        change_reason=form.change_reason,
        was_sent=bool(form.action),
        **around.context,
    )


def _deletion(
    request: Request, kind: Kind, settings: SettingsSnapshot, setting: AnySetting, errors: Sequence[PageError] = ()
) -> Response:
    return page(
        request,
        "settings/delete.html",
        title=f"Delete {_called(kind, setting)}",
        status=422 if errors else 200,
        errors=errors,
        kind=kind,
        setting=setting,
        version=settings.versions[f"{kind.name}/{setting.id}"],
        referrers=places(request, referrers_of(settings, kind, setting.id)),
        managed_by=managed_by(request, f"{kind.name}/{setting.id}"),
        reason_required=settings.email_options().change_reason_required,
        change_reason=reason_of(request),
    )


def _groups(kind: Kind, setting: AnySetting) -> Iterator[tuple[str, Sequence[str]]]:
    """Titles and fields of what is to be read."""
    for group in kind.groups:
        names = fields_of_use(setting, group.fields) if isinstance(setting, MapiProfile) else group.fields
        if names:
            yield group.title, names


def _called(kind: Kind, setting: Any) -> str:
    """Such as `Partition IT`."""
    return f"{kind.one} {getattr(setting, 'name', '') or setting.id}"


def _stored(kind: Kind, request: Request) -> tuple[SettingsSnapshot, AnySetting]:
    """What is set up, and the setting that the address names."""
    settings = settings_of(request)
    setting = settings.settings.get(f"{kind.name}/{request.path_params['id']}")
    if not isinstance(setting, kind.model):
        raise HTTPException(404)
    return settings, setting


def _pages(kind: Kind) -> tuple[Page, ...]:
    at, of_one = f"/settings/{kind.path}", f"/settings/{kind.path}/{{id}}"
    found: tuple[tuple[str, str, Callable[[Kind, Request], Response], str], ...] = (
        ("list", at, show_list, "GET"),
        ("add", f"/settings/add-{kind.name}", show_add, "GET"),
        ("save-new", f"/settings/add-{kind.name}", add, "POST"),
        ("open", of_one, show, "GET"),
        ("update", f"{of_one}/update", show_update, "GET"),
        ("save", f"{of_one}/update", update, "POST"),
        ("delete", f"{of_one}/delete", show_delete, "GET"),
        ("do-delete", f"{of_one}/delete", delete, "POST"),
    )
    return tuple(
        Page(f"{kind.name}.{name}", path, partial(handle, kind), Right.SYSTEM_SET_UP, (method,), MAX_BODY_BYTES)
        for name, path, handle, method in found
    )


PAGES = tuple(page for kind in KINDS for page in _pages(kind))
ENTRIES = tuple(Entry("System", kind.many, f"{kind.name}.list") for kind in KINDS)
