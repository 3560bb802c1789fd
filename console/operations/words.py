"""`KEY=VALUE` words put into an entry: `port=993`, `password.env=IT_PW`, `name=` (as if never set).

A value is text where the field is text, and else YAML, such as `enabled=false` or `close_words=["#close", "#done"]`.
"""

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from console.operations.entries import Fault, nearest
from console.operations.fields import is_text, model_at, nested_model
from console.operations.problems import Problem, SettingsError, dotted
from console.operations.yaml_lines import YamlError, load
from schemas.base import Model
from schemas.settings import Secret

Entry = dict[str, Any]
Path = tuple[str, ...]
ASKED = "--ask-password"

_NO_CLEAR_REMEDY = (
    f"use {ASKED} for the account's password, KEY.env=NAME or KEY.file=PATH; "
    "or `mailcall secrets seal`, then KEY.sealed=BOX"
)


def with_words(
    entry: Entry, model: type[Model], words: Sequence[str], fixed: Mapping[str, str]
) -> tuple[Entry, list[Fault]]:
    """The entry with every word put in, and what is wrong with the words. A fault never quotes a value.

    `fixed`: fields that no word changes, with what to do instead.
    """
    changed = copy.deepcopy(entry)
    faults: list[Fault] = []
    seen: set[Path] = set()
    for word in words:
        key, equals, value = word.partition("=")
        path = tuple(key.split("."))
        fault = _word_fault(model, path, equals, value, fixed)
        subject = path[:-1] if model_at(model, path[:-1]) is Secret else path  # a secret has one source
        if fault is None and subject in seen:
            fault = "it is given twice", "leave one of them out"
        if fault is None:
            fault = _put(changed, model, path, value)
        if fault:
            faults.append(Fault(path, *fault))
        seen.add(subject)
    return changed, faults


def _word_fault(
    model: type[Model], path: Path, equals: str, value: str, fixed: Mapping[str, str]
) -> tuple[str, str] | None:
    """What is wrong with a word before its value is read: text and remedy."""
    around = model_at(model, path[:-1])
    field = around.model_fields.get(path[-1]) if around else None
    inner = nested_model(field.annotation) if field else None
    if (around is Secret and path[-1] == "clear") or (inner is Secret and value):
        return "a password on the command line stays in the shell's history", _NO_CLEAR_REMEDY
    if field is None:
        return "there is no such field", nearest(path[-1], (around or model).model_fields)
    if len(path) == 1 and path[0] in fixed:
        return "it stays what it is", fixed[path[0]]
    if not equals:
        return "it has no value", "write KEY=VALUE; KEY= takes the value away"
    if any(character in value for character in "\r\n\0"):
        return "it holds a line end or a NUL", "write it on one line"
    if inner and value:
        names = ", ".join(f"{dotted(path)}.{name}" for name in inner.model_fields)
        return "it has fields of its own", f"give them one by one: {names}"
    return None


def _put(entry: Entry, model: type[Model], path: Path, value: str) -> tuple[str, str] | None:
    """Puts the value in, or takes it out where it is empty; text and remedy where it cannot be read."""
    if not value:
        _take_out(entry, path)
        return None
    around = cast(type[Model], model_at(model, path[:-1]))
    try:
        read = value if is_text(around.model_fields[path[-1]].annotation) else load(value).data
    except YamlError:
        return "it is no YAML", 'write it as in a settings file, a list such as ["#close", "#done"]'
    for name in path[:-2]:
        entry = entry.setdefault(name, {})
    if around is Secret:
        entry[path[-2]] = {}  # the new source takes the place of the one it had
    if len(path) > 1:
        entry = entry.setdefault(path[-2], {})
    entry[path[-1]] = read
    return None


def _take_out(entry: Entry, path: Path) -> None:
    """Takes the value out, and what is left empty around it."""
    name, rest = path[0], path[1:]
    if rest and name in entry:
        _take_out(entry[name], rest)
    if not rest or not entry.get(name):
        entry.pop(name, None)


def refusal(faults: Iterable[Fault]) -> SettingsError:
    """Everything that is wrong, each by its key."""
    return SettingsError(tuple(Problem("", None, dotted(fault.path), fault.text, fault.remedy) for fault in faults))
