"""One entry, from a settings file or the command line, as a checked setting or person; each fault with its remedy."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError

from console.operations.fields import model_at
from console.operations.setting_secrets import Seal, seal_clear
from schemas.base import CONTROL_FREE, PLAIN_TEXT, Model

M = TypeVar("M", bound=Model)

# Kind of a validation error (pydantic's) -> what to do about it.
REMEDIES: Mapping[str, str] = {
    "missing": "add this field",
    "enum": "write one of these words",
    "literal_error": "write one of these words",
    "string_type": 'write text; what YAML takes for a number, a date or yes/no goes in quotes, such as "12"',
    "string_too_long": "shorten it",
    "too_short": "add at least one",
    "model_type": "write fields and values here, such as {id: it}",
    "tuple_type": "write a list here, such as [a, b]",
    "dict_type": "write fields and values here, such as {High: {Low: P3}}",
}
_CONTROL = ("it holds a line end or another control character", "write it on one line, without tabs")
_NAME = ("it holds characters that are not allowed", "use letters, digits, '.', '_', '@' and '-' on one line")
_TOKEN_URL = (
    "it is not the address of a token endpoint",
    "write https://..., or http://localhost/... for one on this machine",
)
_PATTERNS = {
    CONTROL_FREE: _CONTROL,
    PLAIN_TEXT: ("it holds a control character", "write plain text; tabs and line ends may stand in it"),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at `path` within an entry, and what to do about it."""

    path: tuple[int | str, ...]
    text: str
    remedy: str


def read_entry(entry: Any, model: type[M], seal: Seal | None) -> tuple[M | None, tuple[Fault, ...]]:
    """The checked value, or None and everything that is wrong. `seal` as for `read_settings_file`."""
    faults: list[Fault] = []
    if isinstance(entry, dict):
        entry, secret_faults = seal_clear(entry, model, seal)
        faults += [Fault(fault.place, fault.text, fault.remedy) for fault in secret_faults]
    try:
        value = model.model_validate(entry, extra="forbid")
    except ValidationError as error:
        return None, (*faults, *(_fault(one, model) for one in error.errors(include_url=False, include_input=False)))
    return (None if faults else value), tuple(faults)


def nearest(word: str, known: Iterable[str]) -> str:
    """The remedy for a name that does not exist."""
    names = [name for name in known if name != "kind"]
    meant = near(word, names)
    if meant:
        return f"did you mean {meant}?"
    return f"known are: {', '.join(names)}" if names else "leave it out"


def near(word: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant."""
    return next(iter(difflib.get_close_matches(word, known, n=1)), None) if word else None


def _fault(error: Mapping[str, Any], model: type[Model]) -> Fault:
    """One validation error, told."""
    kind, place = error["type"], error["loc"]
    if kind == "extra_forbidden":
        around = model_at(model, place[:-1])
        return Fault(place, "there is no such field", nearest(str(place[-1]), around.model_fields if around else ()))
    if kind == "missing":
        return Fault(place, "this field is missing", REMEDIES[kind])
    if kind == "string_pattern_mismatch":
        return Fault(place, *_pattern_fault(place, error["ctx"]["pattern"]))
    return Fault(place, error["msg"].removeprefix("Value error, "), REMEDIES.get(kind, "put the value right"))


def _pattern_fault(place: tuple[int | str, ...], pattern: str) -> tuple[str, str]:
    if place[-1] == "token_url":
        return _TOKEN_URL
    return _PATTERNS.get(pattern, _NAME)
