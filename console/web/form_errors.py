"""The border between operations and forms: what an operation finds wrong, as errors at the fields of a form.

Operations raise `UserError` with `Problem`s; a page shows `PageError`s, in the words of the page.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from console.errors import Problem, UserError
from console.web.form_values import Values
from console.web.labels import label
from console.web.model_fields import info_of, widget_of
from console.web.wording import in_labels
from schemas.base import Model

_QUOTED = 40  # characters of a line at fault


@dataclass(frozen=True, slots=True)
class PageError:
    """One thing that is wrong with what was typed. `field` is the name of the form's field, empty for the whole."""

    field: str
    text: str


class FormRefusedError(Exception):
    """What a form asks for is not done: everything that is wrong with it, as it is shown."""

    def __init__(self, errors: Sequence[PageError]) -> None:
        super().__init__("\n".join(error.text for error in errors))
        self.errors = errors


def page_errors(found: Iterable[tuple[Sequence[int | str], str]], names: Collection[str]) -> list[PageError]:
    """Faults, each a path and a text, as errors of the form: each at the nearest field that the page has, and with its
    label, since the summary stands far from the field."""
    return [_error(_nearest(path, names), text) for path, text in found]


def errors_of(error: UserError, names: Collection[str]) -> list[PageError]:
    """What an operation found wrong, as errors of the form."""
    return [
        _error(_nearest((*problem.fields, (problem.place,))[0], names), problem_text(problem.cause, problem.remedy))
        for problem in error.problems
    ]


def errors_at_fields(problems: Iterable[Problem], names: Sequence[str]) -> list[PageError]:
    """Problems at every field that each is about, in the order of the fields; what is about none comes first."""
    found: list[PageError] = []
    for problem in problems:
        text = in_labels(problem_text(problem.cause, problem.remedy))
        paths = problem.fields or ((problem.place,),)
        found += [PageError(name, _named(name, text)) for name in (_nearest(path, names) for path in paths)]
    order = {name: number for number, name in enumerate(names)}
    return sorted(found, key=lambda error: order.get(error.field, -1))


def _named(name: str, text: str) -> str:
    """What is said of a field without its name is led by that: above the form it has to be clear on its own."""
    return f"{label(name)}: {text}" if name and text.startswith("It ") else text


def error_text(error: UserError) -> str:
    """All that an operation says, as one text."""
    return " ".join(capital(f"{one.cause} – {one.remedy}" if one.remedy else one.cause) for one in error.problems)


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _error(name: str, text: str) -> PageError:
    text = in_labels(text)
    return PageError(name, f"{label(name)}: {text}" if name else text)


def pair_errors(model: type[Model], values: Values) -> list[PageError]:
    """Lines of a field for pairs that are none, each named by its number and its beginning."""
    return [
        PageError(name, f"{label(name)}: {text}")
        for name, value in values.items()
        if widget_of(info_of(model, name)) == "pairs"
        for text in _faults_of_pairs(str(value))
    ]


def _faults_of_pairs(text: str) -> Iterator[str]:
    """An empty name, no "=", and a name that is there twice: the first of the two would be lost silently."""
    lines_of: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), 1):
        name, sign, _ = (part.strip() for part in line.partition("="))
        where = f"line {number} (“{line.strip()[:_QUOTED]}”)"
        if line.strip() and not sign:
            yield f"{where} has no “=”. Write name = value."
        elif sign and not name:
            yield f"{where} has no name before its “=”. Write name = value."
        elif sign and name in lines_of:
            yield f"{where} names the same field as line {lines_of[name]}. Leave one of them out."
        if sign:
            lines_of.setdefault(name, number)


def problem_text(cause: str, remedy: str) -> str:
    """What is wrong and what to do, as people read it."""
    return f"{sentence(cause)} {sentence(remedy)}".strip()


def sentence(text: str) -> str:
    """With a capital, where it begins with a word of ours, and a full stop."""
    first = text.partition(" ")[0]
    begun = text[:1].upper() + text[1:] if first.isalpha() else text
    return begun if not begun or begun[-1] in ".!?`" else f"{begun}."


def _nearest(path: Sequence[int | str], names: Collection[str]) -> str:
    """`("close_words", 0)` is the field `close_words`; of `("oauth",)` the first field within it."""
    words = [str(part) for part in path if isinstance(part, str)]
    while words:
        name = ".".join(words)
        found = name if name in names else next((one for one in names if one.startswith(name + ".")), None)
        if found:
            return found
        words.pop()
    return ""
