"""What one tag of an HTML body means for its text."""

import re
from functools import lru_cache
from typing import Literal, NamedTuple

from resolver.parsing.html_lists import ListMark, mark_of
from resolver.parsing.html_styles import NO_EFFECT, White, attributes_of, effect_of, may_matter
from resolver.parsing.html_tokens import RAW
from resolver.parsing.html_tree import LISTS, TRACKED

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
# Whose value a form shows.
_FILLED_IN = frozenset("text email tel url number date time month week datetime-local search submit button".split())
_LISTED = frozenset({*LISTS, "li"})
_WORDS = ("http:", "https:", "ftp:")  # what programs that forget to escape put into brackets, besides addresses
_NAME = re.compile(r"</?([a-zA-Z][^\s/<>\"']*+)")


# What stands before and behind an element.
Break = Literal["", "paragraph", "line", "here"]


class Tag(NamedTuple):
    """A tag. Without a name it is a comment."""

    name: str = ""
    closing: bool = False
    matters: bool = False  # as it stands; one that does not may still be the end of an element that did
    is_words: bool = False  # an address or link in brackets that nobody escaped
    empty: bool = False  # nothing is in the element
    raw: bool = False  # what follows is no markup
    hides: bool = False
    shown: bool = False  # whatever a style sheet says
    white: White | None = None
    breaks: Break = ""
    shows: str = ""  # where the element begins
    mark: ListMark = ListMark()
    classes: tuple[str, ...] = ()


@lru_cache(maxsize=2048)  # most tags stand many times in a mail, and in many mails
def read_tag(token: str) -> Tag:
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
    telling = name in ("img", "input") or name in _LISTED or "class" in attributes.lower() or may_matter(attributes)
    found = attributes_of(attributes) if telling else {}
    effect = effect_of(found) if found else NO_EFFECT
    closed = attributes.endswith("/")
    return Tag(
        name=name,
        matters=name in ACTING or effect != NO_EFFECT,
        empty=closed or name in _VOID,
        raw=name in RAW and not closed,
        hides=effect.hides or name in _HIDDEN,
        shown=effect.shown,
        white=White.ALL if effect.white is None and name in _KEEPING else effect.white,
        breaks=_breaks(name),
        shows=_shows(name, found),
        mark=mark_of(found) if found and name in _LISTED else ListMark(),
        classes=tuple(found.get("class", "").lower().split()),
    )


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
