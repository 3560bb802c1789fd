"""HTML to text: one pass over the tags, no tree, so that no input costs more than its length."""

import html
import re
from collections.abc import Iterable

from resolver.parsing.html_styles import (
    NO_EFFECT,
    Effect,
    StyleSheet,
    White,
    attributes_of,
    clipped,
    effect_of,
    may_matter,
)
from resolver.parsing.html_tokens import RAW, TOKEN, RawEnds
from resolver.parsing.html_tree import BREAKS_OUT, TRACKED, OpenElements

MAX_HTML = 4 << 20  # signs of words and ordinary tags; pictures and style sheets do not count
_LONG = 1024  # signs; a tag that is longer holds data, and does not count
_MAX_MARKS = 20  # quotations in quotations that are told apart

_PARAGRAPH = frozenset("p h1 h2 h3 h4 h5 h6 ul ol dl pre listing xmp blockquote table form fieldset hr".split())
_LINE = frozenset(
    "div tr li dt dd section article header footer main nav aside address center figure figcaption caption body html "
    "option legend textarea".split()
)
_HIDDEN = frozenset("template svg math select".split())
_KEEPING = frozenset({"pre", "listing", "xmp", "textarea"})
_ACTING = TRACKED | _PARAGRAPH | _LINE | _HIDDEN | {"br", "td", "th", "img"}  # any other element only dresses words
_VOID = frozenset("br hr img input meta link area base col embed source track wbr param".split())
_NO_WORDS = frozenset("table tbody thead tfoot tr ul ol dl".split())  # blanks between their parts are never shown
_BLANKS = re.compile(r"\s+")
_BLANK_LINES = re.compile(r"\n{3,}")
_DATA = re.compile(
    r"data:[\w.+/;=-]{0,200};base64,\s*+[a-z0-9+/=%]{100,}+(?:\s++[a-z0-9+/=%]{40,}+)*+(?:\s++[a-z0-9+/]++=++)?",
    re.IGNORECASE,
)


def html_to_text(source: str) -> tuple[str, str]:
    """The words of an HTML body, one line a paragraph; scripts, styles, pictures and hidden parts left out.

    The second text is the first with `> ` before the lines inside `<blockquote>`, as in a text mail.
    """
    lines = _Writer(source).write()
    text = _joined(line for _, line in lines)
    if not any(marks for marks, _ in lines):
        return text, text
    return text, _joined(_marked(marks, line) for marks, line in lines)


def _joined(lines: Iterable[str]) -> str:
    text = _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip("\n")
    return _DATA.sub("", text) if ";base64," in text else text  # of a picture whose tag is broken


def _marked(marks: int, line: str) -> str:
    return f"{'>' * marks} {line}" if marks and line else ">" * marks + line


class _Writer:
    def __init__(self, source: str) -> None:
        self.source = source
        self.raw_ends = RawEnds(source)
        self.sheet = StyleSheet()
        self.open = OpenElements()
        self.acting = _ACTING
        self.outside: list[tuple[int, bool, White, int]] = []  # place of an element, and the three as they were before
        self.hidden = False
        self.white = White.NOTHING
        self.depth = 0  # of blockquotes
        self.lines: list[tuple[int, str]] = []  # (marks of quotation, text)
        self.line: list[str] = []
        self.kept = False  # the line holds blanks that stay as they are
        self.blank_due = False

    def write(self) -> list[tuple[int, str]]:
        position: int | None = 0
        limit = MAX_HTML
        while position is not None:
            position, limit = self._write_from(position, limit)
        self._end_line()
        return self.lines

    def _write_from(self, position: int, limit: int) -> tuple[int | None, int]:
        """Writes up to the end of the next raw content, which is returned with the limit; None: this was all."""
        source = self.source
        for match in TOKEN.finditer(source, position):
            start, end = match.span()
            if start > limit:
                break
            if start > position and not self.hidden:
                self._text(source[position:start])
            position = end
            name, attributes = match[2], match[3]
            if end - start > _LONG:
                limit += end - start
                attributes = clipped(attributes or "")
            if not name:
                continue
            name = name.lower()
            if match[1]:
                if name in self.acting:
                    self._end_tag(name)
                continue
            if name in RAW and not attributes.endswith("/") and (raw_end := self.raw_ends.find(name, end)) is not None:
                self._raw(name, attributes, source[end:raw_end])
                return raw_end, limit + raw_end - end
            if self.hidden:
                self._hidden_tag(name, attributes)
            elif name in self.acting or self.sheet or (attributes and may_matter(attributes)):
                self._tag(name, attributes)
        if position < limit and not self.hidden:
            self._text(source[position:limit])
        return None, limit

    def _raw(self, name: str, attributes: str, content: str) -> None:
        if name == "style":
            self.sheet.read(content)
        elif name in _KEEPING and not self.hidden:
            self._tag(name, attributes)
            if not self.hidden:
                self._text(content)

    def _tag(self, name: str, attributes: str) -> None:
        effect = self._effect(name, attributes)
        if name not in self.acting:
            if effect == NO_EFFECT:
                return
            self.acting |= {name}  # from now on its other tags count as well: which end tag is whose
        self.open.make_room(name)
        self._restore()
        hides = effect.hides or name in _HIDDEN
        if not hides:
            self._break(name)
            if name == "li":
                self.line.append("* ")
            elif name in ("td", "th"):
                self.line.append(" ")
            elif name == "img":
                self._image(attributes)
        if name in _VOID or attributes.endswith("/"):
            return
        white = effect.white
        if white is None:
            white = White.ALL if name in _KEEPING else self.white
        depth = min(self.depth + 1, _MAX_MARKS) if name == "blockquote" and not hides else self.depth
        if hides or white is not self.white or depth != self.depth:
            self.outside.append((len(self.open.names), self.hidden, self.white, self.depth))
            self.hidden, self.white, self.depth = hides, white, depth
        self.open.push(name)

    def _effect(self, name: str, attributes: str) -> Effect:
        if not self.sheet and not (attributes and may_matter(attributes)):
            return NO_EFFECT
        found = attributes_of(attributes)
        return effect_of(found, self.sheet.of(name, found))

    def _hidden_tag(self, name: str, attributes: str) -> None:
        if name in BREAKS_OUT:
            self.open.break_out()
        if name in self.acting:
            self.open.make_room(name)
        self._restore()
        if not self.hidden:
            self._tag(name, attributes)
        elif name in self.acting and name not in _VOID and not attributes.endswith("/"):
            self.open.push(name)

    def _end_tag(self, name: str) -> None:
        if self.hidden:
            place = self.outside[-1][0]
            self.open.close(name)
            self._restore()
            if len(self.open.names) < place:  # an element about the hidden one has ended as well
                self._break(name)
            return
        self._break(name)
        self.open.close(name)
        self._restore()

    def _restore(self) -> None:
        """What elements changed that have ended is as it was before them."""
        while self.outside and self.outside[-1][0] >= len(self.open.names):
            _, hidden, white, depth = self.outside.pop()
            if depth != self.depth:
                self._end_line()
            self.hidden, self.white, self.depth = hidden, white, depth

    def _break(self, name: str) -> None:
        """The line breaks about an element."""
        if name in _PARAGRAPH:
            self._end_line()
            self.blank_due = bool(self.lines)
        elif name in _LINE:
            self._end_line()
        elif name == "br":
            self._end_line(keep_empty=True)

    def _image(self, attributes: str) -> None:
        if "alt" in attributes.lower():
            text = attributes_of(attributes).get("alt", "").strip()
            if text and not text.lower().startswith("data:"):
                self.line.append(text)

    def _text(self, text: str) -> None:
        if "&" in text:
            text = html.unescape(text)
        if self.white:
            self._kept_text(text)
        elif self.kept:
            self.line.append(_BLANKS.sub(" ", text))
        else:
            self.line.append(text)

    def _kept_text(self, text: str) -> None:
        if text.isspace() and self.open.names and self.open.names[-1] in _NO_WORDS:
            return
        for number, line in enumerate(text.replace("\r\n", "\n").split("\n")):
            if number:
                self._end_line(keep_empty=True)
            if not self.kept:
                self.line[:] = [_BLANKS.sub(" ", "".join(self.line)).lstrip()]
                self.kept = True
            if self.white is White.LINES:
                line = _BLANKS.sub(" ", line)
                line = line.lstrip() if number else line
            self.line.append(line)

    def _end_line(self, keep_empty: bool = False) -> None:
        text = "".join(self.line)
        self.line.clear()
        text = text.rstrip() if self.kept else " ".join(text.split())
        self.kept = False
        if not text and not keep_empty:
            return
        if self.blank_due and text:
            self.lines.append((self.depth, ""))
            self.blank_due = False
        self.lines.append((self.depth, text))
