"""One entry, from a form, a settings file or the command line, as a checked setting or person.

All problems are reported at once, in our own words: each field on its own, and what fields have to fulfil together.
"""

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Annotated, Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from console.errors import FieldPath, Problem, Remedy, UserError
from console.settings.entry_data import model_at, nested_model
from console.settings.secrets import Seal, seal_clear
from schemas.base import CONTROL_FREE, PLAIN_TEXT, Checked, MisfitError, Model, misfits

M = TypeVar("M", bound=Model)
MAX_NAME = 100  # characters: no name of ours comes near, and to look for the nearest takes the time of its square

MISSING = "it is missing", Remedy.FILL_IN
_WHOLE = "it is no whole number", "write digits, such as 993"
_NUMBER = "it is no number", "write digits, such as 2.5"
_TRUTH = "it is neither true nor false", "write true or false"
_TEXT = 'write text; what YAML takes for a number, a date or yes/no goes in quotes, such as "12"'
_DATE = "it is no date", "write year, month and day, such as 2027-11-30"
_LIST = "it is no list", "write a list here, such as [a, b]"

# Kind of a validation error (pydantic's) -> what is wrong, with what the error tells of the limit, and what to do.
WORDS: Mapping[str, tuple[str, str]] = {
    "missing": MISSING,
    "enum": ("it is none of {expected}", "write one of these words"),
    "literal_error": ("it is none of {expected}", "write one of these words"),
    "invalid_key": ("this name is no text", _TEXT),
    "string_type": ("it is no text", _TEXT),
    "string_unicode": ("it is no Unicode text", "write it in UTF-8"),
    "string_too_long": ("it is longer than {max_length} characters", "shorten it"),
    "string_too_short": ("it is shorter than {min_length} characters", "lengthen it"),
    "too_short": ("it holds none", "add at least one"),
    "too_long": ("it holds more than {max_length}", "leave some out"),
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": ("it is no finite number", "write digits, such as 2.5"),
    "date_type": _DATE,
    "date_parsing": _DATE,
    "date_from_datetime_parsing": _DATE,
    "date_from_datetime_inexact": _DATE,
    "bool_type": _TRUTH,
    "bool_parsing": _TRUTH,
    "greater_than": ("it is not more than {gt}", "raise it"),
    "greater_than_equal": ("it is less than {ge}", "raise it"),
    "less_than": ("it is not less than {lt}", "lower it"),
    "less_than_equal": ("it is more than {le}", "lower it"),
    "model_type": ("it has no fields", "write fields and values here, such as {{id: it}}"),
    "tuple_type": _LIST,
    "dict_type": ("it has no names and values", "write fields and values here, such as {{High: {{Low: P3}}}}"),
}
_OTHERWISE = ("it is not what belongs here", "put the value right")
_CONTROL = ("it holds a line end or another control character", "write it on one line, without tabs")
_NAME = ("it holds characters that are not allowed", "use letters, digits, '.', '_', '@' and '-' on one line")
_TOKEN_URL = (
    "it is not the address of a token endpoint",
    "write https://..., or http://localhost/... for one on this machine",
)
_HTTPS = ("it is not an https address", "write https://..., or http://localhost/... for one on this machine")
_ADDRESSES = {"token_url": _TOKEN_URL, "url": _HTTPS, "login_url": _HTTPS, "graph_url": _HTTPS}
_PATTERNS = {
    CONTROL_FREE: _CONTROL,
    PLAIN_TEXT: ("it holds a control character", "write plain text; tabs and line ends may stand in it"),
}


def read_entry(entry: Any, model: type[M], seal: Seal | None) -> tuple[M | None, tuple[Problem, ...]]:
    """The checked value, or None and everything that is wrong. `seal` as for `read_settings_file`."""
    faults: list[Problem] = []
    if isinstance(entry, dict):
        entry, secret_faults = seal_clear(entry, model, seal)
        faults += secret_faults
    try:
        value = model.model_validate(entry, extra="forbid")
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        faults += [_fault(one, model) for one in errors if not _is_misfit(one)]
        return None, (*faults, *_misfits(entry, model))
    return (None if faults else value), tuple(faults)


def fixed_faults(fields: Mapping[str, Any], fixed: Mapping[str, Any], remedy: str) -> tuple[Problem, ...]:
    """Fields that a change may name only as they are."""
    return tuple(
        Problem.at((name,), "it stays what it is", remedy)
        for name, value in fixed.items()
        if name in fields and fields[name] != value
    )


def refusal(faults: Iterable[Problem]) -> UserError:
    """Everything that is wrong, each by its field."""
    return UserError.of(faults)


def nearest(word: str, known: Iterable[str]) -> str:
    """The remedy for a name that does not exist."""
    names = [name for name in known if name != "kind"]
    meant = near(word, names)
    if meant:
        return f"did you mean {meant}?"
    return f"known are: {', '.join(names)}" if names else "leave it out"


def near(word: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant."""
    if not word or len(word) > MAX_NAME:
        return None
    return next(iter(difflib.get_close_matches(word, known, n=1)), None)


def _fault(error: Mapping[str, Any], model: type[Model]) -> Problem:
    """One validation error as a problem."""
    kind, place = error["type"], error["loc"]
    if kind == "extra_forbidden":
        around = model_at(model, place[:-1])
        return Problem.at(
            place, "there is no such field", nearest(str(place[-1]), around.model_fields if around else ())
        )
    if kind == "string_pattern_mismatch":
        return Problem.at(place, *_pattern_fault(place, error["ctx"]["pattern"]))
    if kind == "value_error":  # raised by a check of ours, in words of ours
        return Problem.at(place, str(error["ctx"]["error"]), "put the value right")
    limits = error.get("ctx", {})
    text, remedy = WORDS.get(kind, _OTHERWISE)
    return Problem.at(place, text.format(**limits), remedy if isinstance(remedy, Remedy) else remedy.format(**limits))


def _pattern_fault(place: FieldPath, pattern: str) -> tuple[str, str]:
    if place[-1] in _ADDRESSES:
        return _ADDRESSES[str(place[-1])]
    return _PATTERNS.get(pattern, _NAME)


def _is_misfit(error: Mapping[str, Any]) -> bool:
    return isinstance(error.get("ctx", {}).get("error"), MisfitError)


def _misfits(entry: Any, model: type[Model], around: FieldPath = ()) -> Iterator[Problem]:
    """What does not fit together, in the entry and in what is nested in it; of fields that are right by themselves."""
    if not isinstance(entry, dict):
        return
    right: dict[str, Any] = {}
    # What a name that does not exist was probably meant for counts as wrong: it is told once.
    wrong = {near(name, model.model_fields) or "" for name in map(str, entry) if name not in model.model_fields}
    for name, field in model.model_fields.items():
        if name not in entry:
            if field.is_required():
                wrong.add(name)
            continue
        inner = nested_model(field.annotation)
        if inner is not None:
            yield from _misfits(entry[name], inner, (*around, name))
        try:
            right[name] = _check_of(model, name)(entry[name])
        except ValidationError:
            wrong.add(name)
    if issubclass(model, Checked):
        for one in misfits(model, model.model_construct(**right), frozenset(wrong)):
            fields = tuple((*around, *path) for path in one.fields)
            yield Problem.at(fields[0] if len(fields) == 1 else around, one.text, one.remedy, fields)


@cache
def _check_of(model: type[Model], name: str) -> Callable[[Any], Any]:
    """Checks one field of a model on its own."""
    field = model.model_fields[name]
    annotation: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    check: Callable[[Any], Any] = TypeAdapter(annotation).validate_python
    return check
