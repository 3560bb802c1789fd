"""The language of message templates: straight-line Jinja2, that is text, `{{ value | filter }}` and `{% if %}`.

Loops, calls, attributes and assignments are refused when a template is compiled, so that none can take long, grow
without bound or reach into the process. How much it may hold and give: `template_bounds.py`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from math import inf
from traceback import walk_tb
from types import CodeType
from typing import get_args

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, nodes
from jinja2.exceptions import FilterArgumentError
from jinja2.filters import do_trim
from jinja2.sandbox import ImmutableSandboxedEnvironment

from schemas.settings import MessageTemplate
from schemas.settings.notification_rules import DeskEvent
from schemas.template_bounds import check_data, check_parts, check_source, joined, times_handled
from schemas.template_words import MAX_TEXT, WORDS

# What filling a template can raise: a name that is not there, a filter or comparison that cannot take what it is given.
# `truncate` asserts its arguments.
FAULTS = (TemplateError, TypeError, ValueError, ArithmeticError, AssertionError)
_DESK_EVENTS = frozenset(get_args(DeskEvent))
_FILTERS = ("capitalize", "d", "default", "e", "escape", "length", "lower", "title", "trim", "truncate", "upper")
# Not those that divide: `%` with a text on its left is a format, with any width.
_TESTS = (
    "boolean", "defined", "undefined", "none", "string", "number", "integer", "float", "true", "false", "in", "lower",
    "upper", "==", "eq", "equalto", "!=", "ne", ">", "gt", "greaterthan", ">=", "ge", "<", "lt", "lessthan", "<=", "le",
)  # fmt: skip
_MAX_UNKNOWN = 20  # names that are told at once, each with the nearest that there is
_MAX_TRIMMED = 100  # different characters that `trim` can take away
_NODES = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.If, nodes.CondExpr, nodes.Filter,
    nodes.Test, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Concat, nodes.Keyword,
)  # fmt: skip
_MAY_HOLD = "use names as they stand in the list, such as {{ reference }}, conditions and filters"
_NOT_HELD: Mapping[type[nodes.Node], str] = {
    nodes.Getattr: "a dot in a name (Getattr)",
    nodes.Getitem: "square brackets (Getitem)",
    nodes.For: "a loop (For)",
    nodes.Call: "a call with parentheses (Call)",
    nodes.Assign: "{% set %} (Assign)",
}


# The longest values that the desk itself gives; each character is five in HTML.
_LONGEST = dict.fromkeys(WORDS, "&" * 1_000) | {"text": "&" * MAX_TEXT}


@dataclass(frozen=True, slots=True)
class Compiled:
    """One part of a message template, ready to be filled. `times`: how often each name's value is handled at most."""

    template: Template
    times: Mapping[str, int]

    def fill(self, data: dict[str, str]) -> str:
        """Raises one of `FAULTS`; then nothing past the bounds has been made."""
        check_data(self.times, data)
        try:
            return joined(self.pieces(data))
        except FAULTS:
            self.template.environment.handle_exception()  # raises it again, with the template's own lines

    def pieces(self, data: dict[str, str]) -> Iterator[str]:
        """What filling it gives, without bounds: as `Template.generate` does it, in a third of the time.

        Our templates have no globals and no blocks, and change no data.
        """
        environment = self.template.environment
        return self.template.root_render_func(environment.context_class(environment, data, None, {}))


@dataclass(frozen=True, slots=True)
class TemplateFault:
    """What is wrong with one part of a template (`subject`, `text` or `html`). `line` counts from 1 within the part."""

    part: str
    line: int | None
    text: str

    def __str__(self) -> str:
        return f"{self.part}: {_with_line(self.line, self.text)}"


def check(template: MessageTemplate) -> str | None:
    """Why no mail can be made from this template: field, line and fault; None where nothing is wrong with it."""
    return next(map(str, faults(template)), None)


def faults(template: MessageTemplate) -> Iterator[TemplateFault]:
    """Everything that is wrong with a template, part by part, as far as it can be found at once.

    It is filled with an example and with empty values. Of the desk's own events the names are known, and how long
    their values can be: it is filled with those too. An integrator's event brings names of its own.
    """
    for part, source, html in (
        ("subject", template.subject, False),
        ("text", template.text, False),
        ("html", template.html or "", True),
    ):
        for line, why in _faults_of(source, html, template.event in _DESK_EVENTS):
            yield TemplateFault(part, line, why)


def _faults_of(source: str, html: bool, of_the_desk: bool) -> Iterator[tuple[int | None, str]]:
    """Line and fault: of a part that compiles every unknown name, each once, else the first fault."""
    try:
        part = compiled(source, html)
        unknown = _unknown_names(source) if of_the_desk else {}
        yield from ((line, _unknown(name)) for name, line in unknown.items())
        if unknown:
            return
        if of_the_desk:
            part.fill(_LONGEST)
        part.fill(dict.fromkeys(part.times, "example"))
        part.fill(dict.fromkeys(part.times, ""))
    except FAULTS as error:
        yield _place_and_fault(error)


def _unknown_names(source: str) -> dict[str, int]:
    """The first names that the desk does not know, each with the first line that has it."""
    lines: dict[str, int] = {}
    for node in _TEXT.parse(source).find_all(nodes.Name):
        lines[node.name] = min(node.lineno, lines.get(node.name, node.lineno))
    unknown = sorted((line, name) for name, line in lines.items() if name not in WORDS)
    return {name: line for line, name in unknown[:_MAX_UNKNOWN]}


def _unknown(name: str) -> str:
    near = get_close_matches(name, WORDS, 1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(WORDS)}"
    return f"there is no name {name!r}{hint}"


def fault(error: Exception) -> str:
    """What is wrong with a template, with the line where that is known. `error`: one of `FAULTS`. Never holds data."""
    return _with_line(*_place_and_fault(error))


def _place_and_fault(error: Exception) -> tuple[int | None, str]:
    if isinstance(error, TemplateSyntaxError):
        line: int | None = error.lineno
    else:
        line = next((line for frame, line in walk_tb(error.__traceback__) if _is_template(frame.f_code)), None)
    return line, (
        error.message or type(error).__name__
        if isinstance(error, TemplateError)
        else f"a filter or a comparison cannot take what it is given ({type(error).__name__})"
    )


def _with_line(line: int | None, what: str) -> str:
    return f"line {line}: {what}" if line else what


def _is_template(code: CodeType) -> bool:
    return code.co_filename == "<template>"  # so Jinja2 names what comes from no file


@lru_cache(maxsize=1024)
def compiled(source: str, html: bool) -> Compiled:
    """The template, checked and compiled; in HTML values are escaped. Raises `jinja2.TemplateError`, `ValueError`."""
    check_source(source)
    environment = _HTML if html else _TEXT
    try:
        tree = environment.parse(source)
        for node in tree.find_all(nodes.Node):
            if not isinstance(node, _NODES):
                raise TemplateSyntaxError(f"a template may not hold {_named(node)}: {_MAY_HOLD}", node.lineno)
            if isinstance(node, nodes.Const) and node.value == inf:  # compiled to a name that is not there
                raise TemplateSyntaxError("a number is too large", node.lineno)
        check_parts(tree)
        times = times_handled(tree)
        return Compiled(environment.from_string(tree), times)
    except (RecursionError, SyntaxError, MemoryError):  # the compiler's own bounds
        raise TemplateError("parentheses or conditions stand too deep in one another") from None


def _named(node: nodes.Node) -> str:
    return _NOT_HELD.get(type(node), type(node).__name__)


def _trim(value: object, chars: str | None = None) -> str:
    """Jinja2's takes time for each character of the one times each of the other."""
    if chars is not None and len(chars) > _MAX_TRIMMED:
        raise FilterArgumentError(f"trim takes {_MAX_TRIMMED} characters away at most, not {len(chars)}")
    return do_trim(value, chars)  # type: ignore[arg-type]  # what is no text, such as a length, is made one


def _environment(html: bool) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        autoescape=html,
        trim_blocks=True,
        lstrip_blocks=True,
        optimized=False,  # its search for constants takes time with the cube of an expression's depth
    )
    environment.filters = {name: environment.filters[name] for name in _FILTERS} | {"trim": _trim}
    environment.tests = {name: environment.tests[name] for name in _TESTS}
    environment.globals.clear()
    return environment


_TEXT, _HTML = _environment(html=False), _environment(html=True)
