"""Mail server details, checked whole before they are saved or tested: every fault at once, at its fields."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from console.errors import Problem, Remedy, SettingsError
from console.servers.server_settings import Server, all_servers, as_file
from console.settings.apply import Plan, plan
from console.settings.entries import FieldError, read_entry
from console.settings.state import State
from console.web.labels import label
from schemas.misplaced_secrets import misplaced_secrets
from schemas.settings import MapiProfile
from schemas.snapshot import SettingsSnapshot

_AGAIN = "enter it again: what is saved is never sent to another server, or by another way, than it was saved for"


@dataclass(frozen=True, slots=True)
class Checked:
    """Server and plan where nothing is wrong; else `problems`, each with its fields."""

    server: Server | None = None
    plan: Plan | None = None
    problems: tuple[Problem, ...] = ()


def check_entry(
    entry: Mapping[str, Any], model: type[Server], state: State, saved: Server | None, entered: Collection[str] = ()
) -> Checked:
    """What saving this entry would change. `saved`: the server that it changes; None: it is a new one.

    `entered`: dotted fields of the secrets in it that were given for it, and not taken from what is saved.
    """
    server, faults = read_entry(entry, model, None)
    found = [*map(_of_fault, faults), *_taken_id(entry, state.settings, saved)]
    if server is not None:
        found += _misplaced(server, saved, entered)
    if server is None or found:
        return Checked(problems=tuple(found))
    try:
        return Checked(server, plan(as_file(server), state))
    except SettingsError as error:
        return Checked(problems=error.problems)


def check_secrets(changed: Server | MapiProfile, saved: Server | MapiProfile, entered: Collection[str]) -> None:
    """Raises `SettingsError` where a saved secret would go elsewhere than it was saved for. `entered` as above."""
    found = tuple(_misplaced(changed, saved, entered))
    if found:
        raise SettingsError.of(found)


def _of_fault(fault: FieldError) -> Problem:
    return Problem(fault.text, fault.remedy, fields=fault.fields or (fault.path,))


def _taken_id(entry: Mapping[str, Any], settings: SettingsSnapshot, saved: Server | None) -> Iterator[Problem]:
    """Status and tests go by the id alone, so it must be free."""
    id_ = entry.get("id")
    if saved is None and any(server.id == id_ for server in all_servers(settings)):
        yield Problem(f"there is a mail server {id_!r} already", Remedy.CHANGE_SERVER, fields=(("id",),))


def _misplaced(
    now: Server | MapiProfile, saved: Server | MapiProfile | None, entered: Collection[str]
) -> Iterator[Problem]:
    for secret in misplaced_secrets(saved, now) if saved else ():
        if secret.field not in entered:
            changed = ", ".join(map(label, secret.changed))
            cause = f"the saved {label(secret.field)} cannot be used, since this has changed: {changed}"
            yield Problem(cause, _AGAIN, secret.field, fields=(tuple(secret.field.split(".")),))
