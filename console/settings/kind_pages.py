"""The pages of every kind of setting alike: list, Add, Open, Update, Delete. What differs is in `kinds.py`."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from console.access.rights import Right
from console.settings import drafts
from console.settings.conflicts import ConflictError
from console.settings.drafts import fields_of_use
from console.settings.editing import (
    carry_out,
    conflict_error,
    last_change,
    managed_by,
    names_of,
    plan_removal,
    referrers_of,
    settings_of,
)
from console.settings.kind_forms import SAVE, Form, form_page, submitted, title_of
from console.settings.kinds import KINDS, AnySetting, Kind
from console.settings.page_context import given_values, list_context, setting_context
from console.settings.partitions import FIRST_PARTITION
from console.settings.presentation import cells_of, fields_of, persons_in, places, with_people
from console.web import keyset
from console.web.current import reason_of, version_of
from console.web.form_errors import FormRefusedError, PageError
from console.web.page import Entry, Page
from console.web.render import page, redirect, url
from schemas.settings import MapiProfile, Partition
from schemas.snapshot import SettingsSnapshot

MAX_BODY_BYTES = 2_000_000  # a message template has two parts of 100,000 characters


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
        **list_context(kind, settings),
    )


def show(kind: Kind, request: Request) -> Response:
    settings, setting = _stored(kind, request)
    named = with_people(kind, setting, names_of(request, persons_in(kind, [setting])))
    return page(
        request,
        kind.details,
        title=title_of(kind, setting),
        kind=kind,
        setting=setting,
        managed_by=managed_by(request, f"{kind.name}/{setting.id}"),
        last_change=last_change(request, f"{kind.name}/{setting.id}"),
        groups_of_fields=[(title, fields_of(kind, named, names)) for title, names in _groups(kind, setting)],
        **setting_context(request, kind, settings, setting),
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
    return form_page(request, settings, Form(kind, draft, None, None))


def show_update(kind: Kind, request: Request) -> Response:
    settings, setting = _stored(kind, request)
    version = settings.versions[f"{kind.name}/{setting.id}"]
    return form_page(request, settings, Form(kind, drafts.of(kind, setting), setting, version))


def add(kind: Kind, request: Request) -> Response:
    return submitted(kind, request, settings_of(request), None)


def update(kind: Kind, request: Request) -> Response:
    settings = settings_of(request)
    stored = settings.settings.get(f"{kind.name}/{request.path_params['id']}")
    if isinstance(stored, kind.model):
        return submitted(kind, request, settings, stored)
    draft = drafts.typed(kind, request.state.form, None)
    draft = replace(draft, values={**draft.values, "id": request.path_params["id"]})
    gone = PageError("", "It has been deleted since you opened this page. Nothing was saved: Save adds it again.")
    return form_page(request, settings, Form(kind, draft, None, None, reason_of(request), SAVE, [gone]))


def show_delete(kind: Kind, request: Request) -> Response:
    return _deletion(request, kind, *_stored(kind, request))


def delete(kind: Kind, request: Request) -> Response:
    _, setting = _stored(kind, request)
    try:
        carry_out(request, plan_removal(request, kind, setting.id), version_of(request), reason_of(request))
    except ConflictError as conflict:
        return _deletion(request, kind, *_stored(kind, request), [conflict_error(conflict)])
    except FormRefusedError as refused:
        return _deletion(request, kind, *_stored(kind, request), refused.errors)
    return redirect(request, f"{kind.name}.list", f"{title_of(kind, setting)} is deleted.")


def _deletion(
    request: Request, kind: Kind, settings: SettingsSnapshot, setting: AnySetting, errors: Sequence[PageError] = ()
) -> Response:
    return page(
        request,
        "settings/delete.html",
        title=f"Delete {title_of(kind, setting)}",
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
