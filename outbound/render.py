"""A notification's subject, text and HTML, from a template; foreign text is only ever data of it. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import NamedTuple

from markupsafe import escape

from schemas.events import NotificationRequested
from schemas.reply_marker import REPLY_MARKER
from schemas.settings import Format, MessageTemplate
from schemas.settings.notification_rules import Role
from schemas.snapshot import SettingsSnapshot
from schemas.template_language import FAULTS, compiled, fault

_NONE: Mapping[str, str] = MappingProxyType({})
_BUILT_IN = files("outbound") / "templates"
_ITEM_EVENT = re.compile(r"(Call|Task|Request)(Logged|Updated|Closed|Reopened)")
# Which of an event's built-in texts each role gets: the first that exists. Without a role it is the User, most likely.
_ROLE_SUFFIXES: Mapping[Role | None, tuple[str, ...]] = {
    None: ("",),
    "author": (".author", ""),
    "user": (".user", ".others", ""),
    "logging-analyst": (".others", ""),
    "assigned-group": (".others", ""),
    "watchers": (".others", ""),
}
_BLANKS = re.compile(r"(?m)^ +| (?= )")  # those that a page would not show
_PARAGRAPH = '<p style="margin: 0 0 16px">%s</p>'


class RenderError(ValueError):
    """A notification that no template can be filled for. The text names template and fault, never the data."""


class Rendered(NamedTuple):
    """What a message says. `html` is None where the format is Plain Text.

    `broken` and `fault`: the template that was set for it, and why the built-in one had to be used instead.
    """

    subject: str
    text: str
    html: str | None
    broken: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """A template: as an administrator set it, or built in. HTML is made from the text where None.

    `language` of its text, as HTML names it; empty where that is not known. `fault`: why it cannot be used, if a test
    of it failed.
    """

    name: str
    subject: str
    text: str
    html: str | None = None
    language: str = ""
    fault: str = ""


class Templates:
    """The templates of one settings snapshot. `faults`: of those that are not to be used, by id."""

    def __init__(self, snapshot: SettingsSnapshot, faults: Mapping[str, str] = _NONE) -> None:
        self._set = {
            (template.event, template.recipient, template.partition): source_of(template, faults)
            for template in snapshot.all_of(MessageTemplate)
        }

    def find(self, event: str, role: Role | None, partition: str | None) -> Source | None:
        """The template that is set: the partition's own before one for all, and one for the role before one for all."""
        for key in ((event, role, partition), (event, None, partition), (event, role, None), (event, None, None)):
            if key in self._set:
                return self._set[key]
        return None


def source_of(template: MessageTemplate, faults: Mapping[str, str] = _NONE) -> Source:
    return Source(
        f"message-template/{template.id}",
        template.subject,
        template.text,
        template.html,
        fault=faults.get(template.id, ""),
    )


def render(request: NotificationRequested, templates: Templates, format_: Format) -> Rendered:
    """Subject, text and HTML of a notification. Raises `RenderError`.

    If the template that is set cannot be filled, the built-in one is used, so that people are notified.
    """
    if request.subject is not None and request.text is not None:
        return _dressed(request.subject, request.text, None, format_)
    source = templates.find(request.event, request.role, request.partition)
    default = built_in(request.event, request.role)
    if default is None:
        if source is None:
            raise RenderError(f"event {request.event!r} has no message template, and the record no subject and text")
        return fill(source, request, format_)
    if source is None:
        return fill(default, request, format_)
    try:
        return fill(source, request, format_)
    except RenderError as error:
        return fill(default, request, format_)._replace(broken=source.name, fault=str(error))


def fill(source: Source, request: NotificationRequested, format_: Format) -> Rendered:
    """The message by this very template. Raises `RenderError`."""
    if source.fault:
        raise RenderError(f"{source.name}: {source.fault}")
    data = {"kind": _kind(request.event), "recipient_name": request.recipient_name, **request.data}
    part = "subject"
    try:
        subject = compiled(source.subject, False).fill(data)
        part = "text"
        text = compiled(source.text, False).fill(data)
        part = "html"
        html = compiled(source.html, True).fill(data) if source.html and format_ is Format.HTML else None
    except FAULTS as error:
        raise RenderError(f"{source.name}: {part}: {fault(error)}") from None
    return _dressed(subject, text, html, format_, source.language)


def _dressed(subject: str, text: str, html: str | None, format_: Format, language: str = "") -> Rendered:
    """The message's parts, each with the line above which a reply is written."""
    marked = f"{REPLY_MARKER}\n\n{text}"
    if format_ is Format.TEXT:
        return Rendered(subject, marked, None)
    content = html if html is not None else _paragraphs(text)
    before, between, after = _layout(language)
    return Rendered(subject, marked, f"{before}{escape(subject)}{between}{content}{after}")


def _paragraphs(text: str) -> str:
    """Text as HTML: a paragraph for each block between empty lines, line breaks and blanks kept.

    By `<br>` and no-break blanks: Outlook knows no `white-space`.
    """
    lines = text.replace("\r\n", "\n").expandtabs(4)
    if "  " in lines or "\n " in lines or lines.startswith(" "):  # else the pattern would take longer to find nothing
        lines = _BLANKS.sub(lambda blanks: "\xa0" * len(blanks[0]), lines)
    blocks = (block.strip("\n") for block in str(escape(lines)).split("\n\n") if block.strip())
    return "\n".join(_PARAGRAPH % block.replace("\n", "<br>\n") for block in blocks)


@lru_cache(maxsize=2)
def _layout(language: str) -> tuple[str, str, str]:
    """What stands before a page's subject, between that and its content, and after them."""
    layout = compiled((_BUILT_IN / "layout.html").read_text("utf-8"), True)
    page = layout.pieces({"marker": REPLY_MARKER, "subject": "\0", "content": "\0", "lang": language})
    before, between, after = "".join(page).split("\0")
    return before, between, after


@lru_cache(maxsize=256)
def built_in(event: str, role: Role | None = None) -> Source | None:
    """The built-in template of an event for people in that role; an item's event has one for every kind of item.

    The first line of its file is the subject, the rest the text.
    """
    item_event = _ITEM_EVENT.fullmatch(event)
    name = item_event[2] if item_event else event
    for file in (f"{name}{suffix}.txt" for suffix in _ROLE_SUFFIXES[role]):
        if file in _built_in_files():
            subject, _, text = (_BUILT_IN / file).read_text("utf-8").partition("\n")
            return Source(f"built-in/{event}", subject, text, language="en")
    return None


@lru_cache(maxsize=1)
def _built_in_files() -> frozenset[str]:
    """Looked up by name: an integrator's event may be no name of a file, or too long for one."""
    return frozenset(file.name for file in _BUILT_IN.iterdir())


def _kind(event: str) -> str:
    item_event = _ITEM_EVENT.fullmatch(event)
    return item_event[1].lower() if item_event else ""
