"""What attributes and style sheets say about an element: is it hidden, which blanks and line breaks does it keep."""

import html
import re
from enum import IntEnum
from typing import NamedTuple

_ATTRIBUTE = re.compile(r"([^\s\"'<>/=]+)(?:\s*+=\s*+(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'<>]+)))?")
_CSS_COMMENT = re.compile(r"/\*(?:[^*]++|\*(?!/))*+(?:\*/|\Z)")
_ZERO = re.compile(r"0+(?:\.0*)?(?:[a-z]+|%)?")


class White(IntEnum):
    """What is kept of blanks and line ends."""

    NOTHING = 0
    LINES = 1
    ALL = 2


_WHITE = {
    **dict.fromkeys(("normal", "nowrap", "initial", "collapse", "wrap", "unset"), White.NOTHING),
    **dict.fromkeys(("pre-line", "preserve-breaks"), White.LINES),
    **dict.fromkeys(("pre", "pre-wrap", "break-spaces", "preserve", "preserve-spaces"), White.ALL),
    **dict.fromkeys(("-moz-pre-wrap", "-pre-wrap", "-o-pre-wrap", "-hp-pre-wrap", "-moz-pre"), White.ALL),
}


class Effect(NamedTuple):
    """What an element does to the words in it; `white` is None where it changes nothing."""

    hides: bool = False
    white: White | None = None
    shown: bool = False  # a `display` is named, and not `none`


NO_EFFECT = Effect()


def may_matter(attributes: str) -> bool:
    """A quick look: whether `effect_of` can find anything in these attributes."""
    lowered = attributes.lower()
    return (
        "white-space" in lowered
        or "hidden" in lowered
        or "opacity" in lowered
        or ("style" in lowered and "display" in lowered)
        or ("style" in lowered and "&" in lowered)
    )


def attributes_of(attributes: str) -> dict[str, str]:
    """Names in small letters to values as written; the first of a name counts."""
    found: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(attributes):
        found.setdefault(match[1].lower(), html.unescape(match[2] or match[3] or match[4] or ""))
    return found


def effect_of(attributes: dict[str, str]) -> Effect:
    """Of an element's own attributes."""
    own = _effect_of_style(attributes.get("style", ""))
    return own._replace(hides=own.hides or "hidden" in attributes)


def _effect_of_style(style: str) -> Effect:
    declared: dict[str, str] = {}
    important: set[str] = set()
    for declaration in _CSS_COMMENT.sub("", style).lower().split(";"):
        name, _, value = declaration.partition(":")
        name, (value, mark, _) = name.strip(), value.partition("!")
        if mark:
            important.add(name)
        if mark or name not in important:
            declared[name] = value.strip()
    return Effect(_hides(declared), _white(declared), declared.get("display", "none") != "none")


def _hides(declared: dict[str, str]) -> bool:
    if declared.get("display") == "none" or declared.get("visibility") == "hidden":
        return True
    without_height = any(_ZERO.fullmatch(declared.get(name, "")) for name in ("height", "max-height"))
    return (without_height and declared.get("overflow") == "hidden") or bool(
        _ZERO.fullmatch(declared.get("opacity", ""))
    )


def _white(declared: dict[str, str]) -> White | None:
    """`white-space` may hold two words, of which one tells of line breaking alone."""
    words = f"{declared.get('white-space', '')} {declared.get('white-space-collapse', '')}".split()
    told = [_WHITE[word] for word in words if word in _WHITE]
    return max(told) if told else None


class Rules:
    """What the style sheets of a mail say, by selector: `name`, `.class` or `name.class`."""

    def __init__(self) -> None:
        self.any = False  # whether there is one that matters
        self.white: dict[str, White] = {}
        self.hidden: set[str] = set()
        self._shown: set[str] = set()

    def read(self, css: str) -> None:
        """Adds a style sheet. It hides only classes, by rules for every screen, that are shown on no other screen."""
        lowered = css.lower()
        if "white-space" not in lowered and "display" not in lowered:
            return
        depth = 0  # of blocks about a rule: `@media (...) {`
        for rule in _CSS_COMMENT.sub("", lowered).split("}"):
            depth = max(depth + rule.count("{") - 1, 0)
            before, brace, body = rule.rpartition("{")
            effect = _effect_of_style(body) if brace else NO_EFFECT
            if effect == NO_EFFECT:
                continue
            for selector in before.rpartition("{")[2].rpartition(";")[2].split(","):
                self._add(selector.replace("<!--", "").strip(), effect, everywhere=depth == 0)
        self.hidden -= self._shown
        self.any = bool(self.white or self.hidden)

    def _add(self, selector: str, effect: Effect, everywhere: bool) -> None:
        if effect.white is not None:
            self.white[selector] = effect.white
        if effect.shown:
            self._shown.add(selector)
        elif effect.hides and everywhere and "." in selector:
            self.hidden.add(selector)

    def white_of(self, name: str, classes: tuple[str, ...]) -> White | None:
        """What is kept in an element; the more special rule counts."""
        white = self.white.get(name)
        for one in classes:
            white = self.white.get(f"{name}.{one}", self.white.get(f".{one}", white))
        return white

    def hides(self, name: str, classes: tuple[str, ...]) -> bool:
        """Whether an element of these classes is hidden."""
        return any(f".{one}" in self.hidden or f"{name}.{one}" in self.hidden for one in classes)
