"""Between a page's form and the operations on settings: what is set up, what a form would change, and doing it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request

from console.errors import FieldPath, UserError
from console.settings import apply
from console.settings.apply import Plan
from console.settings.conflicts import ConflictError, OthersChange
from console.settings.entries import read_entry, refusal
from console.settings.kinds import AnySetting, Kind
from console.settings.references import NAMING, find_referrers, plan_deletion
from console.settings.saving import Author, save
from console.settings.secrets import Seal, sealer
from console.settings.settings_file import SettingsFile
from console.settings.state import State
from console.web import form_errors
from console.web.current import view_of
from console.web.form_errors import FormRefusedError, PageError
from console.web.labels import label
from desk.engine import read_transaction
from desk.persons import load_persons
from runtime.outages import OutageError
from schemas.misplaced_secrets import misplaced_secrets
from schemas.persons import Person
from schemas.servers import SettingsChange
from schemas.settings import MapiProfile, Setting
from schemas.settings.notification_rules import Group
from schemas.snapshot import SettingsSnapshot

_PATIENCE = 5.0  # seconds until the window shows what is saved; else it does a little later


@dataclass(frozen=True, slots=True)
class Wanted:
    """`entry` as a settings file would hold it; `id` None: of a new setting.

    `reported`: paths of the fields of which the form's own editors have said what is wrong.
    """

    entry: Mapping[str, Any]
    id: str | None
    reported: frozenset[FieldPath] = frozenset()


def settings_of(request: Request) -> SettingsSnapshot:
    """What is set up, as it stood at one moment."""
    settings = view_of(request).settings
    return settings


def managed_by(request: Request, key: str) -> str:
    """The file or repository that a setting is managed in; empty where it is in none."""
    managed = view_of(request).managed
    return managed.get(key, "")


def last_change(request: Request, key: str) -> SettingsChange | None:
    """The newest change of a setting, where the window still knows it."""
    changes = view_of(request).changes
    return next((one.change for one in reversed(list(changes.values())) if one.change.key == key), None)


def referrers_of(settings: SettingsSnapshot, kind: Kind, id_: str) -> tuple[str, ...]:
    return find_referrers(settings, f"{kind.name}/{id_}")


def plan_change(request: Request, kind: Kind, wanted: Wanted, errors: Sequence[PageError]) -> Plan:
    """What saving would change. Raises `FormRefusedError` with everything that is wrong, `OutageError`."""
    names = (*kind.fields, *kind.parts)
    value, faults = read_entry(wanted.entry, kind.model, _seal(request))
    unreported = (fault for fault in faults if fault.fields[0][:1] not in wanted.reported)
    found = [*errors, *form_errors.errors_of(refusal(unreported), names)]
    if value is None or found:
        raise FormRefusedError(tuple(dict.fromkeys(found)))
    key = f"{kind.name}/{value.id}"
    settings = settings_of(request)
    if refused := _misplaced(settings.settings.get(key), value, wanted.entry):
        raise FormRefusedError(refused)
    if wanted.id is None and key in settings.settings:
        raise FormRefusedError([PageError("id", f"Id: There is a {kind.one} {value.id} already. Choose another id.")])
    state = State(settings, {**_persons_named(settings), **_members(request, value)}, _undecodable(request))
    try:
        return apply.plan(SettingsFile("", {key: value}, {}), state)
    except UserError as error:
        raise FormRefusedError(form_errors.errors_of(error, names)) from None


def _seal(request: Request) -> Seal | None:
    """None: there is no key to seal a secret with."""
    public_key = request.app.state.services.config.public_key_file
    try:
        return sealer(public_key) if public_key else None
    except UserError:
        return None


def _misplaced(stored: Setting | None, value: AnySetting, entry: Mapping[str, Any]) -> list[PageError]:
    """Stored secrets that would go elsewhere than they were stored for."""
    if not isinstance(stored, MapiProfile) or not isinstance(value, MapiProfile):
        return []
    return [
        PageError(
            one.field,
            f"{label(one.field)}: Enter it again, since this has changed: {', '.join(map(label, one.changed))}. What "
            "is saved is never sent to another place, or by another way, than it was saved for.",
        )
        for one in misplaced_secrets(stored, value)
        if "clear" not in entry.get(one.field, {})
    ]


def plan_removal(request: Request, kind: Kind, id_: str) -> Plan:
    """What deleting would change. Raises `FormRefusedError`."""
    key = f"{kind.name}/{id_}"
    try:
        return plan_deletion(State(settings_of(request), {}, _undecodable(request)), key)
    except UserError as error:
        raise FormRefusedError(form_errors.errors_of(error, ())) from None


def carry_out(request: Request, plan: Plan, version: int | None, change_reason: str) -> None:
    """Returns once the broker has it, and the window shows it. `version`: the one that was looked at.

    Raises `ConflictError` and `FormRefusedError`: nothing is changed; `OutageError`.
    """
    services, [change] = request.app.state.services, plan.changes
    author = Author(request.state.identity.name, change_reason)
    try:
        save(services, plan, author, datetime.now(UTC), {change.key: version})
    except ConflictError:
        services.views.catch_up(_PATIENCE)
        raise
    except UserError as error:
        raise FormRefusedError(form_errors.errors_of(error, ("change_reason",))) from None
    services.views.catch_up(_PATIENCE)


def names_of(request: Request, ids: Sequence[str]) -> dict[str, str]:
    """Persons' names, or their ids where they have none; who is not known to the desk is left out."""
    if not ids:
        return {}
    try:
        with read_transaction(request.app.state.services.engine) as connection:
            return {id_: person.name or id_ for id_, person in load_persons(connection, ids).items()}
    except OutageError:
        return {}


def conflict_error(error: ConflictError) -> PageError:
    """Somebody else has changed the one setting of a form, which is then shown with what there is now."""
    [others] = error.changes.values()
    return PageError("", _told(others))


def _told(others: OthersChange) -> str:
    who = others.who or "Somebody else"
    if others.deleted:
        return f"{who} has deleted it since you opened this page. Nothing was saved."
    fields = ", ".join(dict.fromkeys(label(one.field.partition(".")[0]) for one in others.fields))
    what = f" ({fields})" if fields else ""
    return (
        f"{who} has changed it since you opened this page{what}. Nothing was saved: look at what there is now, then "
        "decide again, or cancel."
    )


def _persons_named(settings: SettingsSnapshot) -> dict[str, Person]:
    """Those whom settings name already are taken to be there, and Analysts: a form of ours changes none of them."""
    return {id_: Person(id=id_, is_analyst=True) for id_ in _named(settings)}


def _named(settings: SettingsSnapshot) -> Iterator[str]:
    for setting in settings.settings.values():
        for field, named in NAMING[type(setting)].items():
            if named == "person":
                value = getattr(setting, field)
                yield from value if isinstance(value, tuple) else (value,)


def _members(request: Request, setting: AnySetting) -> dict[str, Person]:
    """The members of a group, as the desk knows them."""
    if not isinstance(setting, Group):
        return {}
    with read_transaction(request.app.state.services.engine) as connection:
        return load_persons(connection, setting.members)


def _undecodable(request: Request) -> Mapping[str, str]:
    why = view_of(request).undecodable
    return why
