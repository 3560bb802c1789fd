"""Text that a stranger wrote, on a page: kept apart from ours, and nothing in it that cannot be seen."""

import re

from markupsafe import Markup, escape

# Two signs without a width of their own that words need: Persian, the scripts of India, emoji of families.
_JOINERS = "\u200c\u200d"
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]"
)
_SIGN = Markup('<span class="sign" title="a sign that cannot be seen">{}</span>')


def foreign(text: str) -> Markup:
    """The text for a line of a page. What turns the direction of words, or hides, is shown as its code."""
    plain = escape(" ".join(text.split("\n")))
    return Markup('<bdi class="hostile">{}</bdi>').format(Markup(_INVISIBLE.sub(_shown, str(plain))))


def visible(text: str) -> str:
    """The same as plain text, lines and tabs kept: `[U+202E]`."""
    return _INVISIBLE.sub(lambda sign: f"[{_code(sign)}]", text)


def short(text: str, most: int = 40) -> str:
    """The same on one line for a page's title, which is cut where tabs and histories cut it."""
    line = " ".join(visible(text).split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


def _shown(sign: "re.Match[str]") -> str:
    return _SIGN.format(_code(sign))


def _code(sign: "re.Match[str]") -> str:
    return f"U+{ord(sign[0]):04X}"
