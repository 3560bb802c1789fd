"""Putting back what a change has replaced: the setting or person as it was before."""

from collections.abc import Mapping, Sequence
from typing import Any

from console.audit.history import PastChange
from console.errors import Problem, UserError
from console.settings.apply import Plan, plan
from console.settings.entries import read_entry
from console.settings.references import plan_deletion
from console.settings.secrets import redacted_change, secret_places
from console.settings.settings_file import SECTIONS, SettingsFile
from console.settings.state import PERSON, State
from schemas.base import Model
from schemas.misplaced_secrets import misplaced_secrets
from schemas.persons import Person
from schemas.settings import MailServer, MapiProfile, Setting

MODELS: Mapping[str, type[Model]] = {
    PERSON.rstrip("/") if model is Person else model.model_fields["kind"].default: model for model in SECTIONS.values()
}
_ENTER_IT = "the history keeps no passwords, and the one in force is for another server or account: enter it again"
_OTHERWISE = "the release that wrote it knew other fields: make the change by hand"


def plan_restore(past: PastChange, state: State, later: Sequence[PastChange] = ()) -> Plan:
    """What puts back what the change has replaced; a change that added something is undone by deleting that.

    A sealed password is not in the history: the one that is set now stays, if it goes where it goes now, or if it is
    the one that was set then. `later`: what the history has of the same setting after the change, in its order; where a
    part of that is missing, nothing at all. Raises `UserError` where it cannot be put back as it was.
    """
    if past.before is None:
        return plan_deletion(state, past.key)
    model = MODELS.get(past.key.partition("/")[0])
    if model is None:
        raise UserError(f"{past.key!r} is of a kind that this release does not know", _OTHERWISE, place=past.key)
    now = state.value(past.key)
    entry, missing = _with_secrets(past.before, model, now)
    value, faults = read_entry({name: one for name, one in entry.items() if name != "version"}, model, None)
    if faults:
        raise UserError.of(
            Problem(fault.cause, _OTHERWISE, past.key, key=past.key, fields=fault.fields) for fault in faults
        )
    if isinstance(value, MailServer | MapiProfile) and isinstance(now, MailServer | MapiProfile):
        misplaced = [one.field for one in misplaced_secrets(now, value)]
        missing += [tuple(field.split(".")) for field in misplaced if not _is_the_same(field, past, later, now)]
    if missing:
        raise UserError.of(
            Problem(f"{'.'.join(place)} cannot be put back", _ENTER_IT, past.key, key=past.key, fields=(place,))
            for place in missing
        )
    return plan(_as_file(past.key, value), state)


def _is_the_same(secret: str, past: PastChange, later: Sequence[PastChange], now: Model) -> bool:
    """Whether a secret is now what it was before the change: neither that nor any later one has touched it."""
    if (later[-1] if later else past).after != redacted_change(None, now)[1]:
        return False  # the history is not whole, or somebody else publishes, too
    return not any(
        one.field == secret or one.field.startswith(f"{secret}.") for p in (past, *later) for one in p.fields
    )


def _with_secrets(
    before: Mapping[str, Any], model: type[Model], now: Setting | Person | None
) -> tuple[dict[str, Any], list[tuple[str, ...]]]:
    """The value with the secrets that are sealed now in place of those that were; and the places that have none now."""
    entry: dict[str, Any] = _copied(before)
    current = now.model_dump(mode="json", exclude_defaults=True) if now else {}
    missing = []
    for place in secret_places(model):
        *parents, name = place
        around, around_now = _at(entry, parents), _at(current, parents)
        if not isinstance(around.get(name), dict) or "sealed" not in around[name]:
            continue
        kept = around_now.get(name)
        if isinstance(kept, dict) and "sealed" in kept:
            around[name] = kept
        else:
            missing.append(place)
            around[name] = {"env": "MISSING"}  # so that the rest can be checked
    return entry, missing


def _at(entry: Any, path: list[str]) -> dict[str, Any]:
    for name in path:
        entry = entry.get(name, {}) if isinstance(entry, dict) else {}
    return entry if isinstance(entry, dict) else {}


def _copied(value: Any) -> Any:
    return {name: _copied(one) for name, one in value.items()} if isinstance(value, Mapping) else value


def _as_file(key: str, value: Any) -> SettingsFile:
    if isinstance(value, Person):
        return SettingsFile("", {}, {value.id: value})
    return SettingsFile("", {key: value}, {})
