"""What a notification says: subject, text and HTML from a template, a mail's words only ever data of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from jinja2 import Template, TemplateError
from markupsafe import Markup, escape

from schemas.events import NotificationRequested
from schemas.reply_marker import REPLY_MARKER
from schemas.settings import Format, MessageTemplate
from schemas.snapshot import SettingsSnapshot
from schemas.template_language import compiled, fault

MAX_OUTPUT = 512_000  # characters of one part
_BUILT_IN = files("outbound") / "templates"


class RenderError(ValueError):
    """A notification that no template can be filled for. The text names template and fault, never the data."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a mail says. `html` is None where the format is Plain Text."""

    subject: str
    text: str
    html: str | None


@dataclass(frozen=True, slots=True)
class Source:
    """The template of one event: as an administrator set it, or built in. HTML is made from the text where None."""

    name: str
    subject: str
    text: str
    html: str | None = None


class Templates:
    """The templates of one settings snapshot: a partition's own, else one for all partitions, else the built-in one."""

    def __init__(self, snapshot: SettingsSnapshot) -> None:
        self._own = {
            (template.event, template.partition): Source(f"message-template/{template.id}", template.subject,
                                                         template.text, template.html)
            for template in snapshot.all_of(MessageTemplate)
        }  # fmt: skip

    def find(self, event: str, partition: str | None) -> Source | None:
        """The template for an event, or None: an integrator's own event, for which nobody made a template."""
        return self._own.get((event, partition)) or self._own.get((event, None)) or built_in(event)


def render(request: NotificationRequested, templates: Templates, format_: Format) -> Rendered:
    """Subject, text and HTML of a notification. Raises `RenderError`."""
    data = {"recipient_name": request.recipient_name, **request.data}
    if request.subject is not None and request.text is not None:
        return _dressed(request.subject, request.text, None, format_)
    source = templates.find(request.event, request.partition)
    if source is None:
        raise RenderError(f"event {request.event!r} has no message template, and the record no subject and text")
    try:
        html = _fill(source.html, True, data) if source.html and format_ is Format.HTML else None
        return _dressed(_fill(source.subject, False, data), _fill(source.text, False, data), html, format_)
    except TemplateError as error:
        raise RenderError(f"{source.name}: {fault(error)}") from None
    except RenderError as error:
        raise RenderError(f"{source.name}: {error}") from None
    except (TypeError, ValueError, ArithmeticError) as error:
        raise RenderError(f"{source.name}: {type(error).__name__} in a filter") from None


def _dressed(subject: str, text: str, html: str | None, format_: Format) -> Rendered:
    """The mail's parts, each with the line above which a reply is written."""
    marked = f"{REPLY_MARKER}\n\n{text}"
    if format_ is Format.TEXT:
        return Rendered(subject, marked, None)
    content = Markup(html) if html is not None else _paragraphs(text)
    return Rendered(subject, marked, _layout().render(marker=REPLY_MARKER, content=content))


def _paragraphs(text: str) -> Markup:
    """Text as HTML: a paragraph for each block between empty lines, line breaks kept."""
    blocks = (str(escape(block.strip())).replace("\n", "<br>\n") for block in text.split("\n\n") if block.strip())
    return Markup("\n".join(f"<p>{block}</p>" for block in blocks))


def _fill(source: str, html: bool, data: Mapping[str, str]) -> str:
    text = compiled(source, html).render(data)
    if len(text) > MAX_OUTPUT:
        raise RenderError(f"a template gives {len(text)} characters, more than the {MAX_OUTPUT} that are sent")
    return text


@lru_cache(maxsize=1)
def _layout() -> Template:
    return compiled((_BUILT_IN / "layout.html").read_text("utf-8"), True)


@lru_cache(maxsize=64)
def built_in(event: str) -> Source | None:
    """The built-in template of an event: its first line is the subject, the rest the text."""
    file = _BUILT_IN / f"{event}.txt"
    if not event.isalpha() or not file.is_file():
        return None
    subject, _, text = file.read_text("utf-8").partition("\n")
    return Source(f"built-in {event}", subject, text.lstrip("\n"))
