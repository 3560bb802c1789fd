"""The language of message templates: straight-line Jinja2, that is text, `{{ value | filter }}` and `{% if %}`.

Loops, calls, attributes and assignments are refused when a template is compiled, so that none can take long, grow
without bound or reach into the process.
"""

from functools import lru_cache

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from schemas.settings import MessageTemplate

_FILTERS = ("capitalize", "d", "default", "e", "escape", "length", "lower", "title", "trim", "truncate", "upper")
_NODES = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.If, nodes.CondExpr, nodes.Filter,
    nodes.Test, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Concat, nodes.Keyword,
)  # fmt: skip


def check(template: MessageTemplate) -> str | None:
    """Why no mail can be made from this template: field, line and fault; None where it can be compiled.

    Names and values come with each notification, so they are not checked here.
    """
    for field, source, html in (
        ("subject", template.subject, False),
        ("text", template.text, False),
        ("html", template.html or "", True),
    ):
        try:
            compiled(source, html)
        except TemplateError as error:
            return f"{field}: {fault(error)}"
    return None


def fault(error: TemplateError) -> str:
    """What is wrong with a template, with the line where that is known."""
    line = f"line {error.lineno}: " if isinstance(error, TemplateSyntaxError) else ""
    return f"{line}{error.message or type(error).__name__}"


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
