"""Saving a change of settings so that nobody's change is lost: what was looked at must still be what there is.

A topic has no lock that holds between processes. So it is looked at twice: before publishing, and after it once more.
Whoever finds that his record has undone another one that he did not know puts that one back, and is told so: the first
of two stays, the second is refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from console.audit.history import PastChange, last_change, read_history
from console.config import ConsoleConfig
from console.errors import Problem, SettingsError, UserError
from console.services import Services
from console.settings.apply import Change, Plan, event_id, publish
from console.settings.conflicts import OthersChange, conflict
from console.settings.deletion import in_use
from console.settings.differences import differences
from console.settings.referring import find_referrers
from console.settings.setting_secrets import redacted_change
from console.settings.state import MANAGED_BY
from runtime.outcomes import OutageError
from runtime.topic_reader import read_to_end
from schemas.base import Model
from schemas.keyed import decode_keyed, key_of
from schemas.persons import Person
from schemas.setting_problems import problems
from schemas.settings import Setting
from schemas.snapshot import SettingsSnapshot
from schemas.topics import SETTINGS
from schemas.wire import UndecodableError

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


@dataclass(frozen=True, slots=True)
class _Kept:
    """One record of a setting. `id`: its `ce_id`, "" for a tombstone."""

    offset: int
    id: str
    value: Setting | None
    managed_by: str


_Records = Mapping[str, Sequence[_Kept]]  # by the setting's key, in the topic's order


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
    Raises `ConflictError`; `UserError` where a Change Reason is required; `SettingsError` where somebody else's change
    has taken away what this one needs; `OutageError`: nothing is saved; `PerhapsSavedError`: ask for it again.
    """
    ours = _of_settings(plan)
    with services.locks.held(change.key for change in ours):
        records = _records(services.config)
        settings = _snapshot(records)
        if plan.effective:
            check_reason(settings, author)
        if not overwrite:
            _check_unchanged(services.config, ours, plan.settings_at, records, looked_at or {})
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
    check_reason(_snapshot(_records(config)), author)


def _records(config: ConsoleConfig) -> _Records:
    """What the topic holds of each setting. What cannot be decoded counts for nothing."""
    found: dict[str, list[_Kept]] = {}
    for record in read_to_end(config, [SETTINGS.name(config.topic_prefix)]):
        kept = _Kept(record.offset, "", None, "")
        if record.value is not None:
            try:
                context, value = decode_keyed(SETTINGS, record)
            except UndecodableError:
                continue
            kept = _Kept(record.offset, context.id, value, context.extensions.get(MANAGED_BY, ""))
        found.setdefault(key_of(record), []).append(kept)
    return found


def _snapshot(records: _Records) -> SettingsSnapshot:
    return SettingsSnapshot().with_changes((key, kept[-1].value, kept[-1].offset) for key, kept in records.items())


def _of_settings(plan: Plan) -> tuple[Change, ...]:
    """Persons have rules of their own: other systems publish them as well (`console/persons/person_changes.py`)."""
    return tuple(change for change in plan.effective if not change.is_person)


def _setting(change: Change) -> Setting | None:
    assert not isinstance(change.after, Person)
    return change.after


def _with_label(change: Change, records: _Records) -> Change:
    """The label that the setting has stays, unless the change gives another."""
    kept = records.get(change.key, ())
    return replace(change, managed_by=kept[-1].managed_by) if change.managed_by is None and kept else change


def _check_unchanged(
    config: ConsoleConfig,
    changes: Sequence[Change],
    settings_at: int,
    records: _Records,
    looked_at: Mapping[str, int | None],
) -> None:
    """Raises `ConflictError` for what is not what was looked at, or is not what the plan was made from."""
    found: list[OthersChange] = []
    for change in changes:
        kept = records.get(change.key, ())
        now = kept[-1] if kept else _Kept(-1, "", None, "")
        version = None if now.value is None else now.offset
        seen = looked_at.get(change.key, version)
        if seen != version:
            known = next((one.value for one in kept if one.offset == seen), None)
            found.append(_others(change.key, known, now.value))
        elif now.offset > settings_at and now.value not in (change.before, change.after):  # the latter: asked for again
            found.append(_others(change.key, change.before, now.value))
    if found:
        raise conflict(_with_authors(found, read_history(config)))


def _check_whole(changes: Sequence[Change], settings: SettingsSnapshot) -> None:
    """Raises `UserError` where what is deleted is in use, or what is saved names what is not there."""
    for change in changes:
        if change.after is None and (places := find_referrers(settings, change.key)):
            raise in_use(change.key, places)
    keys = {change.key for change in changes}
    lost = [one for one in problems(settings) if one.key in keys]
    if lost:
        raise SettingsError.of(Problem(one.text, one.remedy, one.key, key=one.key, fields=(one.path,)) for one in lost)


def _check_not_undone(
    services: Services, plan: Plan, author: Author, now: datetime, before: _Records, overwrite: bool
) -> None:
    """Takes back all that the plan has changed where it has undone somebody else's change. Raises as `save`."""
    newest = max((kept[-1].offset for kept in before.values()), default=-1)
    since = {change.key: newest for change in plan.effective}
    refused: UserError | None = None
    for _ in range(_ATTEMPTS):
        records = _records(services.config)
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
    changes: Sequence[Change], undone: Mapping[str, _Kept], records: _Records, config: ConsoleConfig, now: datetime
) -> UserError | None:
    """Why what has been published cannot stay; None where it can."""
    if undone:
        others = [_others(one.key, one.before, undone[one.key].value) for one in changes if one.key in undone]
        return conflict(_with_authors(others, [past for past in read_history(config) if past.at != now]))
    try:
        _check_whole(changes, _snapshot(records))
    except UserError as error:
        return error
    return None


def _undone(changes: Sequence[Change], records: _Records, since: Mapping[str, int]) -> dict[str, _Kept]:
    """The last that somebody else has published of each setting before ours, behind what we knew (`since`)."""
    found: dict[str, _Kept] = {}
    for change in changes:
        place = _place(change, records, since[change.key])
        for kept in records.get(change.key, ()):
            if since[change.key] < kept.offset < place and kept.value != change.after:
                found[change.key] = kept
    return found


def _place(change: Change, records: _Records, since: int) -> int:
    """Offset of the record that the change was published as."""
    ours = event_id(change) if change.after is not None else ""
    return next((one.offset for one in records.get(change.key, ()) if one.offset > since and one.id == ours), since)


def _taken_back(change: Change, undone: Mapping[str, _Kept]) -> Change:
    """The change that puts back what somebody else has published, else what was there."""
    other = undone.get(change.key)
    value = other.value if other else change.before
    if isinstance(value, Person) and isinstance(change.after, Person):
        value = value.model_copy(update={"version": change.after.version + 1})
    return Change(
        change.key, "changed" if value else "deleted", change.after, value, other.managed_by if other else None
    )


def _others(key: str, seen: Model | None, now: Setting | None) -> OthersChange:
    """`seen`: what was looked at, where that is known."""
    return OthersChange(key, now is None, fields=differences(*redacted_change(seen, now)) if seen and now else ())


def _with_authors(changes: Sequence[OthersChange], history: Sequence[PastChange]) -> dict[str, OthersChange]:
    """With who has made them, and what he changed where that is not known otherwise."""
    found = {}
    for change in changes:
        past = last_change(history, change.key)
        known = past and replace(change, who=past.who, at=past.at, fields=change.fields or past.fields)
        found[change.key] = known or change
    return found
