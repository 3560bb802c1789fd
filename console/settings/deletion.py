"""Deleting a setting or person, unless something refers to it."""

from collections.abc import Sequence

from console.errors import Remedy, UserError
from console.settings.apply import Change, Plan
from console.settings.entries import nearest
from console.settings.referring import find_referrers
from console.settings.settings_file import SECTIONS
from console.settings.state import PERSON, State
from schemas.persons import Person

KINDS = tuple(
    PERSON.rstrip("/") if model is Person else str(model.model_fields["kind"].default) for model in SECTIONS.values()
)


def plan_deletion(state: State, key: str) -> Plan:
    """The plan that deletes `kind/id` or `person/id`. Raises `UserError` where it is not there, or in use.

    A record that cannot be decoded can be deleted, too; then `before` is the value in force before it, or None.
    """
    before = state.value(key)
    if before is None and key not in state.undecodable:
        raise _unknown(state, key)
    places = find_referrers(state.settings, key)
    if places:
        raise in_use(key, places)
    return Plan((Change(key, "deleted", before, None),), state.settings.at)


def in_use(key: str, places: Sequence[str]) -> UserError:
    """Of what cannot be deleted, since something refers to it."""
    return UserError(
        f"{key} is in use by\n" + "\n".join(f"  {place}" for place in places),
        "name another one there, or none; then delete it",
    )


def _unknown(state: State, key: str) -> UserError:
    kind, _, id_ = key.partition("/")
    if kind not in KINDS:
        return UserError(f"{key!r} names no kind of setting", f"write KIND/ID; of kinds, {nearest(kind, KINDS)}")
    known = (*state.settings.settings, *(PERSON + one for one in state.persons))
    remedy = nearest(id_, [one.removeprefix(f"{kind}/") for one in known if one.startswith(f"{kind}/")])
    _, meant, near = remedy.partition("did you mean ")
    if not meant:  # there may be too many to name all of them
        return UserError(f"there is no {key!r}", Remedy.FIND_SETTING)
    return UserError(f"there is no {key!r}", f"{meant}{kind}/{near}")
