"""Tags of an HTML body: where they are, and what each means for the text. Linear in the length of the body."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from resolver.parsing.html_lists import NO_MARK, ListMark, mark_of
from resolver.parsing.html_styles import NO_EFFECT, White, attributes_of, effect_of, may_matter
from resolver.parsing.html_tree import LISTS, TRACKED

# A quote may hold any sign. Where it is never closed the tag ends at the next ">" all the same; the last kind is a tag
# that the end of the mail cuts.
_TOKEN = (
    r"(?:/?[a-zA-Z][^<>\"']*+(?:(?:\"[^\"]*+\"|'[^']*+')[^<>\"']*+)*+>"
    r"|!--(?:-?>|[^-]*+(?:-(?!-!?>)[^-]*+)*+(?:--!?>|\Z))"
    r"|[!?][^<>]*+>"
    r"|/?[a-zA-Z][^<>]*+>"
    r"|[a-zA-Z][^<>=]*+=\s*+[\"'][^<>]*+\Z)"
)
# Tags of the first of these kinds that are short and have no raw content behind them, those of Word (`<o:p>`) included.
_SHORT = (
    r"/?(?!script|style|title|textarea|iframe|xmp)[a-z][a-z0-9]{0,9}+(?::p)?+"
    r"(?:/|\s[^<>\"']{0,60}+(?:\"[^<>\"]{0,200}+\"[^<>\"']{0,60}+){0,2}+)?+>"
)
TOKEN = re.compile(rf"(<{_TOKEN})")
# Several short tags with nothing but blanks between them, or one token: programs write the same ones again and again.
RUN = re.compile(rf"<(?:{_SHORT}(?:\s{{0,20}}+<{_SHORT}){{0,5}}+|{_TOKEN})")
LONG = 1024  # signs; a tag that is longer holds data
_MAX_TAG = 4096  # signs; no run of several tags has so many
# Elements whose content is no markup: it ends at their own end tag alone.
RAW = frozenset({"script", "style", "title", "textarea", "iframe", "xmp"})
_RAW_END = {name: re.compile(rf"</(?i:{name})(?=[\s/>])") for name in RAW}
_BODY = re.compile(r"<(?i:/head|head|body)(?=[\s/>])")


def clipped(source: str, start: int, end: int) -> str:
    """A tag of which the middle is left out where it is long: that is data of a picture, never what we look for."""
    if end - start <= _MAX_TAG:
        return source[start:end]
    return source[start : start + _MAX_TAG // 2] + source[end - _MAX_TAG // 2 : end]


class RawEnds:
    """Finds where raw content ends. One for each body: it looks for an end that is not there only once."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._without_end: set[str] = set()

    def find(self, name: str, start: int) -> int | None:
        """Where the content of `<name>` that begins at `start` ends; None where the tag begins nothing.

        Without an end tag a script or style reaches to the body, or to the end of all; a title to the body, too. A
        title whose end tag stands behind the body's beginning has lost its own. Anything else hides nothing.
        """
        end = self._search(_RAW_END[name], name, start)
        if name == "title" or (end is None and name in ("script", "style")):
            body = self._search(_BODY, "body", start)
            if body is not None and (end is None or body < end):
                return body
        if end is None and name in ("script", "style"):
            return len(self._source)
        return end

    def _search(self, expression: re.Pattern[str], name: str, start: int) -> int | None:
        if name in self._without_end:
            return None
        match = expression.search(self._source, start)
        if match is None:
            self._without_end.add(name)
            return None
        return match.start()


_PARAGRAPH = frozenset(
    "p h1 h2 h3 h4 h5 h6 ul ol dl pre listing xmp blockquote table form fieldset hr menu dir plaintext".split()
)
_LINE = frozenset(
    "div tr li dt dd section article header footer main nav aside address center figure figcaption caption body html "
    "option optgroup legend textarea details summary dialog hgroup search".split()
)
_HIDDEN = frozenset({"template", "svg", "math", "select"})
_KEEPING = frozenset({"pre", "listing", "xmp", "textarea"})
_VOID = frozenset("br hr img input meta link area base col embed source track wbr param".split())
ACTING = (
    TRACKED | _PARAGRAPH | _LINE | _HIDDEN | {"br", "td", "th", "img", "input"}
)  # any other element only dresses words
# What begins without more than a line break.
_PLAIN = ACTING - RAW - _HIDDEN - _KEEPING - frozenset(LISTS) - {"li", "blockquote"}
# Whose value a form shows.
_FILLED_IN = frozenset("text email tel url number date time month week datetime-local search submit button".split())
_LISTED = frozenset({*LISTS, "li"})
_TELLING = _LISTED | {"img", "input"}  # whose attributes always count
_WORDS = ("http:", "https:", "ftp:")  # what programs that forget to escape put into brackets, besides addresses
_NAME = re.compile(r"</?([a-zA-Z][^\s/<>\"']*+)")


# What stands before and behind an element.
Break = Literal["", "paragraph", "line", "here"]


@dataclass(slots=True, eq=False)
class Tag:
    """A tag, which nobody changes. Without a name it is a comment.

    It is no tuple, of which a field is found four times as slowly, nor frozen, which is made three times as slowly.
    """

    name: str = ""
    closing: bool = False
    matters: bool = False  # as it stands; one that does not may still be the end of an element that did
    is_words: bool = False  # an address or link in brackets that nobody escaped
    empty: bool = False  # nothing is in the element
    raw: bool = False  # what follows is no markup
    plain: bool = False  # it begins an element that does no more than break the line
    hides: bool = False
    shown: bool = False  # whatever a style sheet says
    white: White | None = None
    breaks: Break = ""
    shows: str = ""  # where the element begins
    mark: ListMark = NO_MARK
    classes: tuple[str, ...] = ()


def _read_tag(token: str) -> Tag:
    """The tag or comment that a token is."""
    match = _NAME.match(token)
    if match is None:
        return Tag()
    name = match[1].lower()
    if "@" in name or name in _WORDS:
        return Tag(matters=True, is_words=True)
    if token[1] == "/":
        return Tag(name, closing=True, matters=name in ACTING, breaks=_breaks(name))
    attributes = token[match.end() : -1]
    closed = attributes.endswith("/")
    if not (name in _TELLING or "class" in attributes.lower() or may_matter(attributes)):
        return _bare(name, closed)
    return _begin_tag(name, closed, attributes_of(attributes))


def _begin_tag(name: str, closed: bool, found: dict[str, str]) -> Tag:
    """Of an element with these attributes; `closed`: by a slash at its end."""
    effect = effect_of(found) if "style" in found or "hidden" in found else NO_EFFECT
    acts = effect != NO_EFFECT
    shows = _shows(name, found)
    return Tag(
        name=name,
        matters=acts or name in ACTING,
        empty=closed or name in _VOID,
        raw=name in RAW and not closed,
        plain=name in _PLAIN and not acts and not shows,
        hides=effect.hides or name in _HIDDEN,
        shown=effect.shown,
        white=White.ALL if effect.white is None and name in _KEEPING else effect.white,
        breaks=_breaks(name),
        shows=shows,
        mark=mark_of(found) if name in _LISTED else NO_MARK,
        classes=tuple(found["class"].lower().split()) if "class" in found else (),
    )


@lru_cache(maxsize=512)
def _bare(name: str, closed: bool) -> Tag:
    """A begin tag whose attributes tell nothing."""
    return _begin_tag(name, closed, {})


_Tags = Sequence[tuple[str, Tag]]  # each with the blanks before it
_remembered = lru_cache(maxsize=2048)(_read_tag)  # most tags stand many times in a mail, and in many mails


@lru_cache(maxsize=2048)
def read_run(run: str) -> tuple[_Tags, _Tags]:
    """The tags of a match of `RUN` or `TOKEN`, as `clipped` leaves it where it is long; then without those of them
    that only dress words."""
    if run.count("<") == 1 or len(run) >= _MAX_TAG:
        single = (("", _read_tag(run)),)
        return single, single
    pieces = TOKEN.split(run)
    every = [*zip(pieces[::2], map(_remembered, pieces[1::2]), strict=False)]
    telling = []
    for piece in every:
        blanks, tag = piece
        if tag.matters and not (tag.plain or tag.closing):  # behind which all may count
            return every, every
        if blanks or tag.matters:
            telling.append(piece)
    return every, telling if len(every) > 1 else every


def _breaks(name: str) -> Break:
    if name in _PARAGRAPH:
        return "paragraph"
    if name in _LINE:
        return "line"
    return "here" if name == "br" else ""


def _shows(name: str, attributes: dict[str, str]) -> str:
    if name in ("td", "th"):
        return " "
    if name == "input":
        value = attributes.get("value", "").strip()
        return f" {value} " if attributes.get("type", "text").lower() in _FILLED_IN else ""
    text = attributes.get("alt", "").strip() if name == "img" else ""
    return "" if text[:5].lower() == "data:" else text
