"""Deleting a setting or person, unless something refers to it."""

from console.operations.apply import Change, Plan
from console.operations.entries import nearest
from console.operations.errors import UserError
from console.operations.referring import referring
from console.operations.settings_file import SECTIONS
from console.operations.state import PERSON, State
from schemas.persons import Person

KINDS = tuple(
    PERSON.rstrip("/") if model is Person else str(model.model_fields["kind"].default) for model in SECTIONS.values()
)


def deletion(state: State, key: str) -> Plan:
    """The plan that deletes `kind/id` or `person/id`. Raises `UserError` where it is not there, or in use.

    What cannot be read can be deleted, too; then `before` is what is in force in its place, or None.
    """
    before = state.value(key)
    if before is None and key not in state.unreadable:
        raise _unknown(state, key)
    places = referring(state.settings, key)
    if places:
        raise UserError(
            f"{key} is in use by\n" + "\n".join(f"  {place}" for place in places),
            "name another one there, or none, with `mailcall apply`; then delete it",
        )
    return Plan((Change(key, "deleted", before, None),))


def _unknown(state: State, key: str) -> UserError:
    kind = key.partition("/")[0]
    if kind not in KINDS:
        return UserError(f"{key!r} is nothing that can be deleted", f"write KIND/ID; KIND is one of {', '.join(KINDS)}")
    known = [*state.settings.settings, *(PERSON + one for one in state.persons)]
    of_kind = [one for one in known if one.startswith(f"{kind}/")]
    if not of_kind:
        return UserError(f"there is no {key!r}", "there is none of this kind")
    remedy = nearest(key, of_kind)
    if not remedy.startswith("did you mean"):
        remedy = "`mailcall export` shows what there is"  # there may be too many to name all of them
    return UserError(f"there is no {key!r}", remedy)
