"""`KEY=VALUE` words as the fields of a change: `port=993`, `password.env=IT_PW`, `name=` (as if never set).

A value is text where the field is text, and else YAML, such as `enabled=false` or `close_words=["#close", "#done"]`.
"""

from collections.abc import Sequence
from typing import Any, cast

from console.errors import Problem
from console.settings.entries import nearest, refusal
from console.settings.entry_data import is_text, model_at, nested_model
from runtime.yaml_lines import YamlError, load
from schemas.base import Model
from schemas.settings import Secret

Path = tuple[str, ...]
ASKED = "--ask-password"

_NO_CLEAR_REMEDY = (
    f"use {ASKED} for the account's password, KEY.env=NAME or KEY.file=PATH; "
    "or `mailcall secrets seal`, then KEY.sealed=BOX"
)


def fields_of(model: type[Model], words: Sequence[str], password: Secret | None = None) -> dict[str, Any]:
    """What the words say, as an operation takes it: only the fields that are named; None takes a value away.

    `password`: the one that was asked for. Raises `UserError` with every word that is wrong; no value is quoted.
    """
    fields: dict[str, Any] = {}
    faults: list[Problem] = []
    seen: set[Path] = set()
    for word in words:
        key, equals, value = word.partition("=")
        path = tuple(key.split("."))
        fault = _word_fault(model, path, equals, value)
        subject = path[:-1] if model_at(model, path[:-1]) is Secret else path  # a secret has one source
        if fault is None and subject in seen:
            fault = "it is given twice", "leave one of them out"
        if fault is None:
            fault = _put(fields, model, path, value)
        if fault:
            faults.append(Problem.at(path, *fault))
        seen.add(subject)
    if password is not None:
        if "password" in fields:
            faults.append(Problem.at(("password",), f"{ASKED} gives it already", "leave one of them out"))
        fields["password"] = password.model_dump(exclude_defaults=True)
    if faults:
        raise refusal(faults)
    return fields


def _word_fault(model: type[Model], path: Path, equals: str, value: str) -> tuple[str, str] | None:
    """What is wrong with a word before its value is read: text and remedy."""
    around = model_at(model, path[:-1])
    field = around.model_fields.get(path[-1]) if around else None
    inner = nested_model(field.annotation) if field else None
    if (around is Secret and path[-1] == "clear") or (inner is Secret and value):
        return "a password on the command line stays in the shell's history", _NO_CLEAR_REMEDY
    if field is None:
        return "there is no such field", nearest(path[-1], (around or model).model_fields)
    if not equals:
        return "it has no value", "write KEY=VALUE; KEY= takes the value away"
    if any(character in value for character in "\r\n\0"):
        return "it holds a line end or a NUL", "write it on one line"
    if inner and value:
        names = ", ".join(f"{'.'.join(path)}.{name}" for name in inner.model_fields)
        return "it has fields of its own", f"give them one by one: {names}"
    return None


def _put(fields: dict[str, Any], model: type[Model], path: Path, value: str) -> tuple[str, str] | None:
    """Puts the value in; text and remedy where it cannot be read."""
    around = cast(type[Model], model_at(model, path[:-1]))
    try:
        read = value if is_text(around.model_fields[path[-1]].annotation) else load(value).data
    except YamlError:
        return "it is no YAML", 'write it as in a settings file, a list such as ["#close", "#done"]'
    for name in path[:-1]:
        if not isinstance(fields.get(name), dict):
            fields[name] = {}
        fields = fields[name]
    fields[path[-1]] = read if value else None
    return None
