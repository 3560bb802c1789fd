"""What attributes and style sheets say of an element: whether it is hidden, and which blanks and line ends it keeps."""

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


NO_EFFECT = Effect()


def may_matter(attributes: str) -> bool:
    """A quick look: whether `effect_of` can find anything in these attributes."""
    lowered = attributes.lower()
    return (
        "white-space" in lowered
        or "hidden" in lowered
        or ("display" in lowered and "none" in lowered)
        or "opacity" in lowered
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
    return Effect(own.hides or "hidden" in attributes, own.white)


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
    return Effect(_hides(declared), _white(declared))


def _hides(declared: dict[str, str]) -> bool:
    if declared.get("display") == "none":
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


def rules_of(css: str) -> dict[str, White]:
    """The rules of a style sheet about blanks and line ends: `name`, `.class` or `name.class` to what is kept."""
    rules: dict[str, White] = {}
    if "white-space" not in css.lower():
        return rules
    for rule in _CSS_COMMENT.sub("", css).split("}"):
        before, _, body = rule.rpartition("{")
        if (white := _effect_of_style(body).white) is not None:
            for selector in before.rpartition("{")[2].split(","):
                rules[selector.replace("<!--", "").strip().lower()] = white
    return rules


def white_of(rules: dict[str, White], name: str, classes: tuple[str, ...]) -> White | None:
    """What the rules say of an element; the more special one counts."""
    white = rules.get(name)
    for one in classes:
        white = rules.get(f"{name}.{one}", rules.get(f".{one}", white))
    return white
