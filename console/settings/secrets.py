"""Passwords and keys: created, and sealed for the processes that use them; a sealed one cannot be opened here."""

import base64
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from console.errors import Problem, Remedy, UserError
from console.settings.entry_data import nested_model
from runtime.security.sealing import SecretError, make_keys, seal
from runtime.security.token_keys import make_token_key, read_token_keys
from schemas.base import Model
from schemas.settings import Secret
from schemas.tokens import TokenKeys

Seal = Callable[[str], Secret]
Place = tuple[str, ...]
_BOX_BYTES = 48  # what NaCl's crypto_box_seal adds to the password
_SEALED, _SEALED_AGAIN = "(sealed)", "(sealed again)"
_OF_LINES = ("certificate",)  # the secrets that are text of many lines
_PLACEHOLDER = {"env": "X"}  # for a secret that is at fault: it raises no second error


def new_keys(path: Path) -> str:
    """Make a key pair: the private key at `path`, the public one at `path`.pub; returns that. Raises `UserError`."""
    try:
        return make_keys(path)
    except FileExistsError:
        raise UserError(
            f"{path} exists already", "choose another file: what is sealed for a key can only be opened with that key"
        ) from None
    except OSError as error:
        raise UserError(
            f"{path} cannot be written: {error.strerror}", "choose a folder that you may write to"
        ) from None


def new_token_key(path: Path) -> None:
    """Make a file with a new token key. Raises `UserError`."""
    try:
        make_token_key(path)
    except FileExistsError:
        raise UserError(
            f"{path} exists already",
            "choose another file; to replace a key, put the new one on the first line and leave the old one below",
        ) from None
    except OSError as error:
        raise UserError(
            f"{path} cannot be written: {error.strerror}", "choose a folder that you may write to"
        ) from None


def sealer(public_key_file: Path) -> Callable[[str], Secret]:
    """Seals with the public key in this file what is not `unfit`. Raises `UserError`, and sealing `SecretError`."""
    try:
        public_key = public_key_file.read_text(encoding="ascii").strip()
    except OSError as error:
        raise UserError(
            f"the public key {public_key_file} cannot be read: {error.strerror}",
            Remedy.MAKE_PUBLIC_KEY,
        ) from None
    except UnicodeDecodeError:
        raise UserError(f"{public_key_file} holds no public key", "name the file that ends in .pub") from None

    return lambda password: seal(password, public_key)


def unfit(password: str, *, of_lines: bool = False) -> tuple[str, str] | None:
    """Why no mail server can be told this password, and what to do; None where it can. Never the password.

    `of_lines`: it is a certificate with its key, and told to nobody.
    """
    if "\0" in password or (not of_lines and any(character in password for character in "\r\n")):
        return "the password holds a line end or a NUL, which no mail server can be told", "enter it without"
    if any("\ud800" <= character <= "\udfff" for character in password):
        return "the password is no Unicode text", "enter it in UTF-8"
    return None


def token_keys(path: Path | None) -> TokenKeys:
    """Those that tokens of mails are checked with, none where there is no file. Raises `UserError`."""
    try:
        return read_token_keys(path)
    except SecretError as error:
        raise UserError(f"MAILCALL_TOKEN_KEY_FILE: {error}", "or leave it out: then no token is checked") from None


def secret_places(model: type[Model]) -> Iterator[Place]:
    """Where a model holds secrets, e.g. `("password",)` and `("oauth", "client_secret")`."""
    for name, field in model.model_fields.items():
        inner = nested_model(field.annotation)
        if inner is Secret:
            yield (name,)
        elif inner is not None:
            yield from ((name, *place) for place in secret_places(inner))


def seal_clear(
    entry: Mapping[str, Any], model: type[Model], seal: Seal | None
) -> tuple[Mapping[str, Any], list[Problem]]:
    """The entry with every `{clear: ...}` sealed, and what is wrong with the secrets that are written as text.

    A secret at fault is replaced, so that the rest of the entry can still be checked.
    """
    faults: list[Problem] = []
    for place in secret_places(model):
        given = _value_at(entry, place)
        fault = _fault(given, seal, of_lines=place[-1] in _OF_LINES)
        if fault:
            faults.append(Problem.at(place, *fault))
            entry = _with_value(entry, place, _PLACEHOLDER)
        elif seal and isinstance(given, dict) and "clear" in given:
            entry = _with_value(entry, place, seal(given["clear"]))
    return entry, faults


def redacted(value: Model, *, defaults: bool = False) -> dict[str, Any]:
    """The value as it may be shown and kept: a sealed secret is only named as such. `defaults`: fields that hold
    theirs stand in it too."""
    return _redacted(value, None, defaults)


def redacted_change(
    before: Model | None, after: Model | None, *, defaults: bool = False
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Both values as `redacted`; that a sealed secret is another one than before is told, and no more."""
    return (
        None if before is None else _redacted(before, None, defaults),
        None if after is None else _redacted(after, before, defaults),
    )


def _redacted(value: Model, before: Model | None, defaults: bool) -> dict[str, Any]:
    data: Mapping[str, Any] = value.model_dump(mode="json", exclude_defaults=not defaults)
    earlier = before.model_dump(mode="json") if before else {}
    for place in secret_places(type(value)):
        sealed = _value_at(data, (*place, "sealed"))
        if sealed is not None:
            known = _value_at(earlier, (*place, "sealed"))
            word = _SEALED if known in (None, sealed) else _SEALED_AGAIN
            data = _with_value(data, (*place, "sealed"), word)
    return dict(data)


def _fault(given: Any, seal: Seal | None, *, of_lines: bool) -> tuple[str, str] | None:
    """Text and remedy; None where the secret is sealed, a reference, or in clear and fit to be sealed."""
    if isinstance(given, str):
        return (
            "a password is not written as plain text",
            "write {env: NAME}, {file: PATH}, {sealed: BOX} or {clear: PASSWORD}, which is sealed on the spot",
        )
    if not isinstance(given, dict):
        return None
    if isinstance(given.get("sealed"), str) and not _is_box(given["sealed"]):
        return "sealed holds no sealed password", Remedy.SEAL_PASSWORD
    if "clear" not in given:
        return None
    if len(given) > 1 or not isinstance(given["clear"], str):
        return "clear stands alone and is text", 'write {clear: "PASSWORD"}'
    if seal is None:
        return (
            "a password in clear needs a public key to seal it with, and none is configured",
            Remedy.SEAL_OR_REFER,
        )
    return unfit(given["clear"], of_lines=of_lines)


def _is_box(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) > _BOX_BYTES
    except ValueError:
        return False


def _value_at(entry: Any, place: Place) -> Any:
    for name in place:
        entry = entry.get(name) if isinstance(entry, Mapping) else None
    return entry


def _with_value(entry: Mapping[str, Any], place: Place, value: Any) -> Mapping[str, Any]:
    name, rest = place[0], place[1:]
    return {**entry, name: _with_value(entry[name], rest, value) if rest else value}
