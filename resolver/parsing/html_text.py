"""HTML to text: one pass over the tags, no tree, so that no input costs more than its length."""

import html
import re
from collections.abc import Iterable

MAX_HTML = 4 << 20
_MAX_MARKS = 20  # quotations in quotations that are told apart

_TOKEN = re.compile(
    r"<!--(?:(?!-->).)*(?:-->|\Z)|<(/?)([a-zA-Z][a-zA-Z0-9:]*)((?:[^<>\"']++|\"[^\"]*+\"|'[^']*+')*+)>|<[!?][^<>]*+>",
    re.DOTALL,
)
_PARAGRAPH = frozenset("p h1 h2 h3 h4 h5 h6 ul ol dl pre blockquote table form fieldset hr".split())
_LINE = frozenset(
    "div tr li dt dd section article header footer main nav aside address center figure figcaption caption body html "
    "option legend title".split()
)
_HIDDEN = frozenset("script style head title noscript template svg math object iframe select textarea".split())
_ACTING = _PARAGRAPH | _LINE | _HIDDEN | {"br", "td", "th", "img"}  # any other element only dresses words
_HIDDEN_STYLE = re.compile(
    r"style\s{0,9}=\s{0,9}[\"'][^\"']*(?:display\s{0,9}:\s{0,9}none|mso-hide\s{0,9}:\s{0,9}all)", re.IGNORECASE
)
_VOID = frozenset("br hr img input meta link area base col embed source track wbr".split())
_ALT = re.compile(r"\balt\s{0,9}=\s{0,9}(?:\"([^\"]*)\"|'([^']*)'|([^\s>]+))", re.IGNORECASE)
_BLANK_LINES = re.compile(r"\n{3,}")


def html_to_text(source: str) -> tuple[str, str]:
    """The words of an HTML body, one line a paragraph; scripts, styles and hidden parts left out.

    The second text is the first with `> ` before the lines inside `<blockquote>`, as in a text mail.
    """
    lines = _Writer().write(source[:MAX_HTML])
    text = _joined(line for _, line in lines)
    if not any(marks for marks, _ in lines):
        return text, text
    return text, _joined(_marked(marks, line) for marks, line in lines)


def _joined(lines: Iterable[str]) -> str:
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip("\n")


def _marked(marks: int, line: str) -> str:
    return f"{'>' * marks} {line}" if marks and line else ">" * marks + line


class _Writer:
    def __init__(self) -> None:
        self.lines: list[tuple[int, str]] = []  # (marks of quotation, text)
        self.line: list[str] = []
        self.depth = 0  # of blockquotes
        self.pre = 0
        self.hidden: str | None = None  # the element whose end is waited for
        self.hidden_depth = 0
        self.blank_due = False

    def write(self, source: str) -> list[tuple[int, str]]:
        position = 0
        for match in _TOKEN.finditer(source):
            if match.start() > position:
                self._text(source[position : match.start()])
            position = match.end()
            if match[2]:
                self._tag(match[2].lower(), bool(match[1]), match[3])
        if position < len(source):
            self._text(source[position:])
        self._end_line()
        return self.lines

    def _text(self, text: str) -> None:
        if self.hidden is not None:
            return
        if "&" in text:
            text = html.unescape(text)
        if self.pre:
            first, *rest = text.replace("\r\n", "\n").split("\n")
            self.line.append(first)
            for line in rest:
                self._end_line(keep_empty=True)
                self.line.append(line)
            return
        self.line.append(text)

    def _tag(self, name: str, closing: bool, attributes: str) -> None:
        if self.hidden is not None:
            if name == self.hidden:
                self.hidden_depth += -1 if closing else 0 if attributes.endswith("/") else 1
                if self.hidden_depth == 0:
                    self.hidden = None
            return
        if name not in _ACTING and (closing or "style" not in attributes):
            return
        if not closing and (
            name in _HIDDEN or ("style" in attributes and name not in _VOID and _HIDDEN_STYLE.search(attributes))
        ):
            if not attributes.endswith("/"):
                self.hidden, self.hidden_depth = name, 1
            return
        if name == "br":
            self._end_line(keep_empty=True)
        elif name in _PARAGRAPH:
            self._paragraph(name, closing)
        elif name in _LINE:
            self._end_line()
            if name == "li" and not closing:
                self.line.append("* ")
        elif name in ("td", "th") and not closing:
            self.line.append(" ")
        elif name == "img" and not closing:
            self._image(attributes)

    def _paragraph(self, name: str, closing: bool) -> None:
        self._end_line()
        self.blank_due = bool(self.lines)
        if name == "blockquote":
            self.depth = max(self.depth + (-1 if closing else 1), 0)
        elif name == "pre":
            self.pre = max(self.pre + (-1 if closing else 1), 0)

    def _image(self, attributes: str) -> None:
        match = _ALT.search(attributes)
        text = html.unescape(match[1] or match[2] or match[3] or "").strip() if match else ""
        if text:
            self.line.append(text)

    def _end_line(self, keep_empty: bool = False) -> None:
        text = "".join(self.line)
        self.line.clear()
        text = text.rstrip() if self.pre else " ".join(text.split())
        if not text and not keep_empty:
            return
        marks = min(self.depth, _MAX_MARKS)
        if self.blank_due and text:
            self.lines.append((marks, ""))
            self.blank_due = False
        self.lines.append((marks, text))
