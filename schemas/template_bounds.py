"""Limits on a message template: its source, the work of filling it, and its output.

No loop, call or assignment is in the language, so what a filling costs is known beforehand: each value is handled once
for each place that names it, and once more for each filter and condition around that place.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from jinja2 import TemplateError, TemplateSyntaxError, nodes

MAX_SOURCE = 100_000  # characters of one part; Gmail shows no more of a mail than 102 kB
MAX_PARTS = 1_000  # names, constants, filters and conditions of one part
MAX_EXPRESSION = 50  # of them in one place
MAX_OUTPUT = 512_000  # characters of one part
MAX_HANDLED = 2_000_000  # characters that go through names, filters and conditions while one part is filled
_WORDS_ONLY = (nodes.Template, nodes.Output, nodes.TemplateData)


class TooMuchError(TemplateError):
    """A template past one of the bounds. The text says which, and what to do; it never holds data."""


def check_source(source: str) -> None:
    """Raises `TooMuchError`. Before anything is parsed."""
    if len(source) > MAX_SOURCE:
        raise TooMuchError(f"it has {len(source)} characters, more than {MAX_SOURCE}: shorten it")


def check_parts(template: nodes.Template) -> None:
    """Raises `jinja2.TemplateSyntaxError`, with the line where there is too much."""
    parts = [node for node in template.find_all(nodes.Node) if not isinstance(node, _WORDS_ONLY)]
    if len(parts) > MAX_PARTS:
        raise TemplateSyntaxError(
            f"names, filters and conditions are {len(parts)}, more than {MAX_PARTS}: take some away",
            parts[MAX_PARTS].lineno,
        )
    for expression in _expressions(template):
        size = 1 + sum(1 for _ in expression.find_all(nodes.Node))
        if size > MAX_EXPRESSION:
            raise TemplateSyntaxError(
                f"an expression has {size} parts, more than {MAX_EXPRESSION}: make several of it", expression.lineno
            )


def times_handled(template: nodes.Template) -> Mapping[str, int]:
    """How often the value of each name is handled at most, whichever conditions hold."""
    times: Counter[str] = Counter()
    for expression in _expressions(template):
        for name, depth in _names(expression, 1):
            times[name] += depth
    return times


def check_data(times: Mapping[str, int], data: Mapping[str, str]) -> None:
    """Raises `TooMuchError` where a filling with this data would take too long, or too much memory."""
    handled = 0
    for name, count in times.items():
        if name in data:
            handled += count * len(data[name])
    if handled > MAX_HANDLED:
        raise TooMuchError(
            f"{handled} characters go through its names, filters and conditions, more than {MAX_HANDLED}: "
            "name long texts less often"
        )


def joined(pieces: Iterable[str]) -> str:
    """What a template gives, made no further than the bound. Raises `TooMuchError`."""
    made, left = [], MAX_OUTPUT
    for piece in pieces:
        left -= len(piece)
        if left < 0:
            raise TooMuchError(f"it gives more than {MAX_OUTPUT} characters: name long texts less often")
        made.append(piece)
    return "".join(made)


def _expressions(template: nodes.Template) -> Iterator[nodes.Node]:
    """What is evaluated in each place: what is put out, and what is asked."""
    for place in template.find_all((nodes.Output, nodes.If)):
        if isinstance(place, nodes.If):
            yield place.test
        elif isinstance(place, nodes.Output):
            yield from (node for node in place.nodes if not isinstance(node, nodes.TemplateData))


def _names(node: nodes.Node, depth: int) -> Iterator[tuple[str, int]]:
    """Every name in an expression, with the number of steps that its value can go through."""
    if isinstance(node, nodes.Name):
        yield node.name, depth
    for inner in node.iter_child_nodes():
        yield from _names(inner, depth + 1)
