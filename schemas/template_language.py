"""The language of message templates: straight-line Jinja2, that is text, `{{ value | filter }}` and `{% if %}`.

Loops, calls, attributes and assignments are refused when a template is compiled, so that none can take long, grow
without bound or reach into the process.
"""

from difflib import get_close_matches
from functools import lru_cache
from traceback import walk_tb
from types import CodeType
from typing import get_args

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from schemas.notifying import DeskEvent
from schemas.settings import MessageTemplate
from schemas.template_words import WORDS

# What filling a template can raise: a name that is not there, a filter or comparison that cannot take what it is given.
FAULTS = (TemplateError, TypeError, ValueError, ArithmeticError)
_DESK_EVENTS = frozenset(get_args(DeskEvent))
_FILTERS = ("capitalize", "d", "default", "e", "escape", "length", "lower", "title", "trim", "truncate", "upper")
_NODES = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.If, nodes.CondExpr, nodes.Filter,
    nodes.Test, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Concat, nodes.Keyword,
)  # fmt: skip


def check(template: MessageTemplate) -> str | None:
    """Why no mail can be made from this template: field, line and fault; None where nothing is wrong with it.

    It is filled with an example, and with empty values. The names are known for the desk's own events; an integrator's
    event brings names of its own.
    """
    for field, source, html in (
        ("subject", template.subject, False),
        ("text", template.text, False),
        ("html", template.html or "", True),
    ):
        why = _fault_of(source, html, template.event in _DESK_EVENTS)
        if why:
            return f"{field}: {why}"
    return None


def _fault_of(source: str, html: bool, only_known: bool) -> str | None:
    try:
        template = compiled(source, html)
        names = list(_TEXT.parse(source).find_all(nodes.Name))
        for name in names:
            if only_known and name.name not in WORDS:
                near = get_close_matches(name.name, WORDS, 1)
                hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(WORDS)}"
                return f"line {name.lineno}: there is no name {name.name!r}{hint}"
        template.render({name.name: "example" for name in names})
        template.render({name.name: "" for name in names})
    except FAULTS as error:
        return fault(error)
    return None


def fault(error: Exception) -> str:
    """What is wrong with a template, with the line where that is known. `error`: one of `FAULTS`. Never holds data."""
    if isinstance(error, TemplateSyntaxError):
        line: int | None = error.lineno
    else:
        line = next((line for frame, line in walk_tb(error.__traceback__) if _is_template(frame.f_code)), None)
    what = (
        error.message or type(error).__name__
        if isinstance(error, TemplateError)
        else f"a filter or a comparison cannot take what it is given ({type(error).__name__})"
    )
    return f"line {line}: {what}" if line else what


def _is_template(code: CodeType) -> bool:
    return code.co_filename == "<template>"  # so Jinja2 names what comes from no file


@lru_cache(maxsize=1024)
def compiled(source: str, html: bool) -> Template:
    """The template, checked and compiled; in HTML values are escaped. Raises `jinja2.TemplateError`."""
    environment = _HTML if html else _TEXT
    try:
        for node in environment.parse(source).find_all(nodes.Node):
            if not isinstance(node, _NODES):
                raise TemplateSyntaxError(f"a template may not hold {type(node).__name__}", node.lineno)
        return environment.from_string(source)
    except (RecursionError, SyntaxError):  # the compiler's own bounds
        raise TemplateError("parentheses or conditions stand too deep in one another") from None


def _environment(html: bool) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, autoescape=html, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters = {name: environment.filters[name] for name in _FILTERS}
    environment.globals.clear()
    return environment


_TEXT, _HTML = _environment(html=False), _environment(html=True)
