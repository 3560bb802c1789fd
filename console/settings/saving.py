"""Saving a change of settings so that nobody's change is lost: what was looked at must still be what there is.

A topic has no lock that holds between processes. So it is looked at twice: before publishing, and after it once more.
Whoever finds that his record has undone another one that he did not know puts that one back, and is told so: the first
of two stays, the second is refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from console.audit.history import read_history
from console.config import ConsoleConfig
from console.errors import Problem, UserError
from console.services import Services
from console.settings.apply import Change, Plan, event_id, publish
from console.settings.conflicts import (
    KeptRecord,
    Records,
    check_unchanged,
    conflict,
    others_change,
    read_records,
    snapshot_of,
    with_authors,
)
from console.settings.references import find_referrers, in_use_error
from runtime.outages import OutageError
from schemas.persons import Person
from schemas.setting_problems import problems
from schemas.settings import Setting
from schemas.snapshot import SettingsSnapshot

_ATTEMPTS = 5
_TAKEN_BACK = "taken back: somebody else had changed it meanwhile"


@dataclass(frozen=True, slots=True)
class Author:
    """Who makes a change, and why."""

    who: str
    change_reason: str = ""


class PerhapsSavedError(OutageError):
    """The broker went away while a change was published: all of it may be saved, or a part, or nothing. Asking for it
    again completes it."""


def save(
    services: Services,
    plan: Plan,
    author: Author,
    now: datetime,
    looked_at: Mapping[str, int | None] | None = None,
    *,
    overwrite: bool = False,
) -> None:
    """Publishes the plan; returns once the broker has all of it, and nobody else's change is undone by it.

    `looked_at`: the versions (`State.version`) of what a person saw when the change was made, such as those that a form
    was filled with; None for a key that was not there. `overwrite`: change what somebody else has changed all the same.
    Raises `ConflictError`; `UserError` where a Change Reason is required, or where somebody else's change
    has taken away what this one needs; `OutageError`: nothing is saved; `PerhapsSavedError`: ask for it again.
    """
    ours = _of_settings(plan)
    with services.locks.held(change.key for change in ours):
        records = read_records(services.config)
        settings = snapshot_of(records)
        if plan.effective:
            check_reason(settings, author)
        if not overwrite:
            check_unchanged(services.config, ours, plan.settings_at, records, looked_at or {})
        _check_whole(ours, settings.with_changes((change.key, _setting(change), -1) for change in ours))
        labelled = replace(plan, changes=tuple(_with_label(change, records) for change in plan.changes))
        try:
            publish(labelled, services.publisher, author.who, author.change_reason, now)
            if ours:
                _check_not_undone(services, labelled, author, now, records, overwrite)
        except OutageError as error:
            raise PerhapsSavedError(error.reason, str(error), error.remedy) from error


def check_reason(settings: SettingsSnapshot, author: Author) -> None:
    """Raises `UserError` where the e-mail options require a Change Reason, and none is given."""
    if settings.email_options().change_reason_required and not author.change_reason.strip():
        raise UserError("a Change Reason is required", "say why you make this change", place="change_reason")


def check_reason_now(config: ConsoleConfig, author: Author) -> None:
    """The same by what is set up at this moment. Raises `OutageError`, `TopicMissingError` besides."""
    check_reason(snapshot_of(read_records(config)), author)


def _of_settings(plan: Plan) -> tuple[Change, ...]:
    """Persons have rules of their own: other systems publish them as well (`console/persons/person_changes.py`)."""
    return tuple(change for change in plan.effective if not change.is_person)


def _setting(change: Change) -> Setting | None:
    assert not isinstance(change.after, Person)
    return change.after


def _with_label(change: Change, records: Records) -> Change:
    """The label that the setting has stays, unless the change gives another."""
    kept = records.get(change.key, ())
    return replace(change, managed_by=kept[-1].managed_by) if change.managed_by is None and kept else change


def _check_whole(changes: Sequence[Change], settings: SettingsSnapshot) -> None:
    """Raises `UserError` where what is deleted is in use, or what is saved names what is not there."""
    for change in changes:
        if change.after is None and (places := find_referrers(settings, change.key)):
            raise in_use_error(change.key, places)
    keys = {change.key for change in changes}
    lost = [one for one in problems(settings) if one.key in keys]
    if lost:
        raise UserError.of(Problem(one.text, one.remedy, one.key, key=one.key, fields=(one.path,)) for one in lost)


def _check_not_undone(
    services: Services, plan: Plan, author: Author, now: datetime, before: Records, overwrite: bool
) -> None:
    """Takes back all that the plan has changed where it has undone somebody else's change. Raises as `save`."""
    newest = max((kept[-1].offset for kept in before.values()), default=-1)
    since = {change.key: newest for change in plan.effective}
    refused: UserError | None = None
    for _ in range(_ATTEMPTS):
        records = read_records(services.config)
        changes = _of_settings(plan)
        undone = {} if overwrite else _undone(changes, records, since)
        if refused is None:
            refused = _refusal(changes, undone, records, services.config, now)
            if refused is None:
                return
        elif not undone:
            break
        since = {change.key: _place(change, records, since[change.key]) for change in changes}
        plan = Plan(tuple(_taken_back(change, undone) for change in plan.effective))
        publish(plan, services.publisher, author.who, _TAKEN_BACK, now)
    if refused is not None:
        raise refused


def _refusal(
    changes: Sequence[Change], undone: Mapping[str, KeptRecord], records: Records, config: ConsoleConfig, now: datetime
) -> UserError | None:
    """Why what has been published cannot stay; None where it can."""
    if undone:
        others = [others_change(one.key, one.before, undone[one.key].value) for one in changes if one.key in undone]
        return conflict(with_authors(others, [past for past in read_history(config) if past.at != now]))
    try:
        _check_whole(changes, snapshot_of(records))
    except UserError as error:
        return error
    return None


def _undone(changes: Sequence[Change], records: Records, since: Mapping[str, int]) -> dict[str, KeptRecord]:
    """The last that somebody else has published of each setting before ours, behind what we knew (`since`)."""
    found: dict[str, KeptRecord] = {}
    for change in changes:
        place = _place(change, records, since[change.key])
        for kept in records.get(change.key, ()):
            if since[change.key] < kept.offset < place and kept.value != change.after:
                found[change.key] = kept
    return found


def _place(change: Change, records: Records, since: int) -> int:
    """Offset of the record that the change was published as."""
    ours = event_id(change) if change.after is not None else ""
    return next((one.offset for one in records.get(change.key, ()) if one.offset > since and one.id == ours), since)


def _taken_back(change: Change, undone: Mapping[str, KeptRecord]) -> Change:
    """The change that puts back what somebody else has published, else what was there."""
    other = undone.get(change.key)
    value = other.value if other else change.before
    if isinstance(value, Person) and isinstance(change.after, Person):
        value = value.model_copy(update={"version": change.after.version + 1})
    return Change(
        change.key, "changed" if value else "deleted", change.after, value, other.managed_by if other else None
    )
