"""The secrets within settings: those given in clear are sealed before anything else sees them, no box is shown."""

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from console.errors import Remedy
from console.settings.fields import nested_model
from console.settings.secrets import unfit
from schemas.base import Model
from schemas.settings import Secret

Seal = Callable[[str], Secret]
Place = tuple[str, ...]
_BOX_BYTES = 48  # what NaCl's crypto_box_seal adds to the password
_SEALED, _SEALED_AGAIN = "(sealed)", "(sealed again)"
_OF_LINES = ("certificate",)  # the secrets that are text of many lines
_PLACEHOLDER = {"env": "X"}  # for a secret that is at fault: it raises no second error


@dataclass(frozen=True, slots=True)
class SecretFault:
    """A secret in clear that cannot be taken. Never the secret."""

    place: Place
    text: str
    remedy: str


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
) -> tuple[Mapping[str, Any], list[SecretFault]]:
    """The entry with every `{clear: ...}` sealed, and what is wrong with the secrets that are written as text.

    A secret at fault is replaced, so that the rest of the entry can still be checked.
    """
    faults: list[SecretFault] = []
    for place in secret_places(model):
        given = _value_at(entry, place)
        fault = _fault(given, seal, of_lines=place[-1] in _OF_LINES)
        if fault:
            faults.append(SecretFault(place, *fault))
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
