"""The form of a setting of any kind: shown; and sent: saved, or shown again with what is wrong or what would change."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from console.audit.change_display import Names, persons_named
from console.settings import drafts
from console.settings.apply import Change
from console.settings.conflicts import ConflictError
from console.settings.drafts import Draft
from console.settings.editing import (
    Wanted,
    carry_out,
    conflict_error,
    managed_by,
    names_of,
    plan_change,
    settings_of,
)
from console.settings.kinds import AnySetting, Kind
from console.settings.looks import looks_of
from console.settings.page_context import errors_of, form_context
from console.settings.presentation import difference_rows
from console.web import forms
from console.web.current import reason_of, version_of
from console.web.form_errors import FormRefusedError, PageError
from console.web.render import page, redirect
from schemas.snapshot import SettingsSnapshot

SAVE, REVIEW = "save", "review"  # what a form's `action` may ask for; any other shows the form again, as it was typed


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


def submitted(kind: Kind, request: Request, settings: SettingsSnapshot, stored: AnySetting | None) -> Response:
    """A form that was sent: saved, or shown again with its differences, with what is wrong, or as its buttons say."""
    sent = request.state.form
    draft = drafts.typed(kind, sent, stored)
    form = Form(kind, draft, stored, version_of(request), reason_of(request), str(sent.get("action", SAVE)))
    if form.action not in (SAVE, REVIEW):
        return form_page(request, settings, form)
    wanted = Wanted(draft.entry(sent, stored), stored.id if stored else None, draft.reported())
    try:
        plan = plan_change(request, kind, wanted, errors_of(request, kind, settings, draft))
        if form.action == REVIEW:
            [change] = plan.changes
            return form_page(request, settings, replace(form, difference=_difference(request, settings, change)))
        carry_out(request, plan, form.version, form.change_reason)
    except ConflictError as conflict:
        return _changed_meanwhile(request, replace(form, errors=[conflict_error(conflict)]), wanted)
    except FormRefusedError as refused:
        return form_page(request, settings, replace(form, errors=refused.errors))
    [change] = plan.changes
    id_ = change.key.partition("/")[2]
    said = f"{title_of(kind, change.after)} is saved." if plan.effective else "Nothing was changed."
    return redirect(request, f"{kind.name}.open", said, id=id_)


def _changed_meanwhile(request: Request, form: Form, wanted: Wanted) -> Response:
    """The form with what saving it would change of what there is now; to save it again is to know that."""
    settings = settings_of(request)
    try:
        [change] = plan_change(request, form.kind, wanted, ()).changes
    except FormRefusedError as refused:
        return form_page(request, settings, replace(form, errors=[*form.errors, *refused.errors]))
    version = settings.versions.get(change.key)
    return form_page(
        request, settings, replace(form, version=version, difference=_difference(request, settings, change))
    )


def _difference(
    request: Request, settings: SettingsSnapshot, change: Change
) -> list[tuple[str, str | None, str | None]]:
    """What saving changes, field by field; settings and persons that a field names by their names."""
    people = names_of(request, persons_named(change.key, change.fields))
    return difference_rows(Names(settings, people).fields(change.key, change.fields))


def form_page(request: Request, settings: SettingsSnapshot, form: Form) -> Response:
    kind, stored = form.kind, form.stored
    around = form_context(request, kind, settings, form.draft, form.action)
    errors = [*form.errors, *around.errors]
    looks = looks_of(kind, settings, around.offered, around.partition)
    groups = [
        (group, forms.fields(kind.model, form.draft.names(group), form.draft.values, errors, looks))
        for group in kind.groups
    ]
    return page(
        request,
        kind.form,
        title=f"Update {title_of(kind, stored)}" if stored else f"Add {kind.one}",
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


def title_of(kind: Kind, setting: Any) -> str:
    """Such as `Partition IT`."""
    return f"{kind.one} {getattr(setting, 'name', '') or setting.id}"
