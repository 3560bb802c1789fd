"""HTML to text: one pass over the tags, no tree, so that no input costs more than its length."""

import html
import re

from resolver.parsing.html_lists import Counter
from resolver.parsing.html_styles import Rules, White
from resolver.parsing.html_tags import ACTING, LONG, RUN, TOKEN, Break, RawEnds, Tag, clipped, read_run
from resolver.parsing.html_tree import BREAKS_OUT, LISTS, NARROW, OpenElements

MAX_HTML = 4 << 20  # signs of words and ordinary tags; pictures and style sheets do not count
_MAX_IN_RUNS = 1 << 20  # signs; beyond, tags are read one by one: runs cost more where no tag stands twice
_MAX_MARKS = 20  # quotations in quotations that are told apart
_NO_WORDS = frozenset("table tbody thead tfoot tr ul ol dl".split())  # blanks between their parts are never shown
_IN_ITEM = frozenset("p div h1 h2 h3 h4 h5 h6".split())  # what begins on the line of its list item's mark
# What pads the line that a mailbox shows below the subject; a line of nothing else is empty.
_INVISIBLE = "\u00ad\u034f\u061c\u115f\u180e\u200b\u200c\u200d\u200e\u200f\u2060\u2800\u3164\ufeff \u00a0"
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
    text = _joined([line for _, line in lines])
    if not any(marks for marks, _ in lines):
        return text, text
    return text, _joined([_marked(marks, line) for marks, line in lines])


def _joined(lines: list[str]) -> str:
    text = "\n".join(lines).strip("\n")
    if "\n\n\n" in text:
        text = _BLANK_LINES.sub("\n\n", text)
    return _DATA.sub("", text) if ";base64," in text else text  # of a picture whose tag is broken


def _marked(marks: int, line: str) -> str:
    return f"{'>' * marks} {line}" if marks and line else ">" * marks + line


class _Writer:
    def __init__(self, source: str) -> None:
        self.source = source
        self.raw_ends = RawEnds(source)
        self.rules = Rules()
        self.numbers = Counter()
        self.open = OpenElements()
        self.watched: set[str] = set()  # elements that count in this mail alone
        self.outside: list[tuple[int, bool, White, int]] = []  # place of an element, and the three as they were before
        self.hidden = False
        self.white = White.NOTHING
        self.depth = 0  # of blockquotes
        self.lines: list[tuple[int, str]] = []  # (marks of quotation, text)
        self.line: list[str] = []
        self.only_mark = False  # the line holds the mark of a list item, and no word
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
        source, line, outside, watched, rules = self.source, self.line, self.outside, self.watched, self.rules
        tokens = RUN if len(source) <= _MAX_IN_RUNS else TOKEN
        for match in tokens.finditer(source, position):
            start, end = match.span()
            if start > limit:
                break
            if start > position and not self.hidden:
                text = source[position:start]
                if line or self.white or not text.isspace():
                    self._text(text)
            position = end
            if end - start > LONG:
                limit += end - start
                every, telling = read_run(clipped(source, start, end))
            else:
                every, telling = read_run(match[0])
            for blanks, tag in every if watched or rules.any else telling:
                if blanks and (line or self.white) and not self.hidden:
                    self._text(blanks)
                if not (tag.matters or tag.raw or watched or rules.any):
                    continue
                if tag.is_words:
                    if not self.hidden:
                        self._text(match[0])
                elif tag.closing:
                    if tag.matters or tag.name in watched:
                        self._end_tag(tag)
                elif tag.plain and not (outside or rules.any):
                    self.open.open(tag.name, tag.empty)
                    if tag.breaks and not (self.only_mark and tag.name in _IN_ITEM):
                        self._break(tag.breaks)
                elif tag.raw and (raw_end := self.raw_ends.find(tag.name, end)) is not None:
                    self._raw(tag, source[end : min(raw_end, end + MAX_HTML)])
                    return raw_end, limit if tag.matters else limit + raw_end - end
                else:
                    self._tag(tag)
        if position < limit and not self.hidden:
            self._text(source[position:limit])
        return None, limit

    def _raw(self, tag: Tag, content: str) -> None:
        if tag.name == "style":
            self.rules.read(content)
        elif tag.matters:
            self._tag(tag)
            if not self.hidden:
                self._text(content)

    def _tag(self, tag: Tag) -> None:
        name, white, hides = tag.name, tag.white, tag.hides
        if self.rules.any:
            white = self.rules.white_of(name, tag.classes) if white is None else white
            hides = hides or (not tag.shown and self.rules.hides(name, tag.classes))
        if name not in ACTING and name not in self.watched:
            if not hides and white is None:
                return
            self.watched.add(name)  # from now on its other tags count as well: which end tag is whose
        if self.hidden and name in BREAKS_OUT:
            self.open.break_out()
        place = self.open.open(name, tag.empty)
        if self.outside and self.outside[-1][0] >= place:
            self._restore(place)
        if self.hidden:
            return
        if not hides:
            if tag.breaks and not (name in _IN_ITEM and self.only_mark):
                self._break(tag.breaks)
            if tag.shows:
                self.line.append(tag.shows)
                self.only_mark = False
            elif name == "li":
                mark = self.numbers.item(self.open.list_place(), tag.mark)
                self.line.append(mark)
                self.only_mark = bool(mark)
            elif name in LISTS:
                self.numbers.begin(name, place, tag.mark)
        elif name in NARROW:
            self.watched |= BREAKS_OUT
        if (white is None and not hides and name != "blockquote") or len(self.open.names) == place:
            return
        if white is None:
            white = self.white
        depth = min(self.depth + 1, _MAX_MARKS) if name == "blockquote" else self.depth
        if hides or white is not self.white or depth != self.depth:
            self.outside.append((place, self.hidden, self.white, self.depth))
            self.hidden, self.white, self.depth = hides, white, depth

    def _end_tag(self, tag: Tag) -> None:
        if not self.hidden:
            if tag.breaks and not (self.only_mark and tag.name in _IN_ITEM):
                self._break(tag.breaks)
            place = self.open.close(tag.name)
            if self.outside and self.outside[-1][0] >= place:
                self._restore(place)
            return
        hiding = self.outside[-1][0]
        if tag.name in ("p", "br"):
            self.open.break_out()
        place = self.open.close(tag.name)
        self._restore(place)
        if place < hiding and tag.breaks:  # an element about the hidden one has ended as well
            self._break(tag.breaks)

    def _restore(self, place: int) -> None:
        """What was changed by elements at this place and behind it, which have ended, is as it was before them."""
        while self.outside and self.outside[-1][0] >= place:
            _, hidden, white, depth = self.outside.pop()
            if depth != self.depth:
                self._end_line()
            self.hidden, self.white, self.depth = hidden, white, depth

    def _break(self, breaks: Break) -> None:
        if self.line or breaks == "here":
            self._end_line(keep_empty=breaks == "here")
        if breaks == "paragraph":
            self.blank_due = bool(self.lines)

    def _text(self, text: str) -> None:
        if "&" in text:
            text = html.unescape(text)
        if self.only_mark and not text.isspace():
            self.only_mark = False
        if self.white:
            self._kept_text(text)
        elif not self.line and text.isspace():
            return
        elif self.kept:
            self.line.append(_BLANKS.sub(" ", text))
        else:
            self.line.append(text)

    def _kept_text(self, text: str) -> None:
        if text.isspace() and self.open.names and self.open.names[-1] in _NO_WORDS:
            return
        text = text.replace("\r\n", "\n")
        if "\n\n\n" in text:
            text = _BLANK_LINES.sub("\n\n", text)
        for number, line in enumerate(text.split("\n")):
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
        text = ""
        if self.line:
            text = "".join(self.line)
            self.line.clear()
            if self.kept:
                text = text.rstrip()
                self.kept = False
            else:
                text = " ".join(text.split())
            if not text.isascii() and not text.strip(_INVISIBLE):
                text = ""
        self.only_mark = False
        if not text and not keep_empty:
            return
        if self.blank_due and text:
            self.lines.append((self.depth, ""))
            self.blank_due = False
        self.lines.append((self.depth, text))
