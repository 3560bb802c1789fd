"""What the Email Server Details hold: the typed values, from a server and from a form, and back to an entry."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from starlette.datastructures import FormData

from console.errors import Problem
from console.servers.drafts import Draft
from console.servers.server_settings import Server
from console.servers.server_types import ServerType
from console.settings.secrets import secret_places, unfit
from console.web import form_values
from console.web.form_values import Values
from console.web.labels import label
from mailserver.authentication import METHODS, CredentialKind
from schemas.settings import Authentication, Secret

Seal = Callable[[str], Secret]
_OF_MAPI = {"profile": "select one, or add one first", "mailbox": "enter the address of the mailbox"}
PICKED = "default_logging_analyst.pick"  # one of the Analysts that were found by what was typed


@dataclass(frozen=True, slots=True)
class Posted:
    """The draft that a form makes, and what is wrong with the secrets in it: they are in the draft no more."""

    draft: Draft
    problems: tuple[Problem, ...]


def initial_values(type_: ServerType, saved: Server | None) -> dict[str, form_values.Value]:
    """What the details show before anything was typed."""
    if saved is None:
        values = form_values.default_values(type_.model, type_.fields)
        return values | ({"host": ""} if "host" in values else {})  # whose mail server it is has to be said
    return form_values.values_of(saved, type_.fields)


def draft_of(type_: ServerType, saved: Server | None, version: int | None) -> Draft:
    """The details as they are opened."""
    return Draft(type_, saved.id if saved else None, initial_values(type_, saved), version=version, before=saved)


def read_form(form: FormData, earlier: Draft, seal: Seal | None, now: datetime) -> Posted:
    """`earlier`: the draft that the form was made of. A secret that is typed is sealed at once; else the former stays.

    `seal` None: there is no key to seal with.
    """
    type_ = earlier.type
    typed = form_values.typed_values(type_.model, type_.fields, form, earlier.typed)
    if earlier.server_id is not None:
        typed["id"] = earlier.server_id
    if form.get(PICKED):
        typed["default_logging_analyst"] = str(form[PICKED])
    entered, problems = _entered(type_, form, seal)
    names = [name for name in secret_fields(type_) if name in entered]
    notes = [_blank_end(name) for name in form_values.has_blank_end(form, names)]
    kept = [note for note in earlier.notes if note[0] not in entered]
    draft = replace(
        earlier,
        typed=typed,
        secrets={**earlier.secrets, **entered},
        notes=(*kept, *notes),
        at=now,
    )
    return Posted(draft, tuple(problems))


def is_changed(draft: Draft) -> bool:
    """Whether something would be lost if it were closed."""
    initial = initial_values(draft.type, draft.before)
    shown = [name for name in draft.type.fields if name not in secret_fields(draft.type)]
    return bool(draft.secrets) or any(draft.typed.get(name) != initial.get(name) for name in shown)


def entry_of(draft: Draft, saved: Server | None) -> dict[str, Any]:
    """The entry that is checked: what was typed, with the secrets that the method of authentication needs."""
    type_ = draft.type
    typed = {name: value for name, value in draft.typed.items() if name not in secret_fields(type_)}
    entry = form_values.entry_of(type_.model, typed, FormData(), None)
    entry["protocol"] = type_.protocol
    needs = _needs(entry.get("authentication"))
    if needs is not CredentialKind.TOKEN:
        entry.pop("oauth", None)
    for name in secret_fields(type_):
        secret = draft.secrets.get(name) or _saved_secret(saved, name)
        if secret is not None and _is_needed(name, needs):
            _put(entry, name, secret.model_dump(exclude_none=True))
    return entry


def missing(draft: Draft) -> Iterator[Problem]:
    """What has a default that nobody who fills in the details means."""
    if "host" in draft.type.fields and not str(draft.typed.get("host", "")).strip():
        yield Problem("it is missing", "enter the mail server's name", fields=(("host",),))
    for name, remedy in _OF_MAPI.items():
        if name in draft.type.fields and not str(draft.typed.get(name, "")).strip():
            yield Problem("it is missing", remedy, fields=((name,),))


def rebased(draft: Draft, now_saved: Server, version: int) -> Draft:
    """The draft after somebody else's change: what they changed and we did not is as they have it."""
    ours, then = draft.typed, initial_values(draft.type, draft.before)
    theirs = initial_values(draft.type, now_saved)
    typed = {name: value if value != then.get(name) else theirs.get(name, value) for name, value in ours.items()}
    return replace(draft, typed=typed, before=now_saved, version=version)


def secret_fields(type_: ServerType) -> tuple[str, ...]:
    """The dotted names of the type's secrets."""
    names = (".".join(place) for place in secret_places(type_.model))
    return tuple(name for name in names if name in type_.fields)


def shown_values(draft: Draft, saved: Server | None) -> Values:
    """For the form: of a secret, whether there is one."""
    secrets = {
        name: "set" if name in draft.secrets or _saved_secret(saved, name) else "" for name in secret_fields(draft.type)
    }
    return {**draft.typed, **secrets}


def _entered(type_: ServerType, form: FormData, seal: Seal | None) -> tuple[dict[str, Secret], list[Problem]]:
    sealed: dict[str, Secret] = {}
    problems: list[Problem] = []
    for name in secret_fields(type_):
        text = form.get(name + form_values.SECRET)
        if not isinstance(text, str) or not text:
            continue
        fault = unfit(text) or (None if seal else _NO_KEY)
        if fault:
            problems.append(Problem(*fault, fields=(tuple(name.split(".")),)))
        elif seal:
            sealed[name] = seal(text)
    return sealed, problems


_NO_KEY = (
    "this window has no key to seal it with, so it cannot be kept",
    "its operator sets MAILCALL_PUBLIC_KEY_FILE to the public key of a pair",
)


def _blank_end(name: str) -> tuple[str, str]:
    text = (
        f"The {label(name)} that you entered begins or ends with a blank. If the blank came along when you pasted it, "
        "enter it again without."
    )
    return name, text


def _needs(authentication: object) -> CredentialKind:
    try:
        return METHODS[Authentication(str(authentication))].needs
    except ValueError:  # it is told as a fault of that field
        return CredentialKind.NOTHING


def _is_needed(name: str, needs: CredentialKind) -> bool:
    return (
        needs is CredentialKind.TOKEN
        if name.startswith("oauth.")
        else needs in (CredentialKind.PASSWORD, CredentialKind.TICKET)
    )


def _saved_secret(saved: Server | None, name: str) -> Secret | None:
    value: Any = saved
    for part in name.split("."):
        value = getattr(value, part, None)
    return value if isinstance(value, Secret) else None


def _put(entry: dict[str, Any], name: str, value: Mapping[str, Any]) -> None:
    *parents, last = name.split(".")
    for parent in parents:
        entry = entry.setdefault(parent, {})
    entry[last] = dict(value)


def references(saved: Server | None, type_: ServerType) -> Iterator[tuple[str, str]]:
    """Secrets that are not typed but looked up, by field: where."""
    for name in secret_fields(type_):
        secret = _saved_secret(saved, name)
        if secret and secret.sealed is None:
            yield name, f"environment variable {secret.env}" if secret.env else f"file {secret.file}"
