"""The mark of an item of an HTML list: a star, or its number as the list counts."""

import re
from typing import NamedTuple

_STYLE = re.compile(r"list-style(?:-type)?\s*+:([^;]*)", re.IGNORECASE)
_BULLET = "* "
# The words of `list-style-type` and the values of `type`, to how it counts; what is neither counts in figures.
_KINDS = {
    "none": "none", **dict.fromkeys(("disc", "circle", "square"), "bullet"), "1": "1", "decimal": "1",
    **dict.fromkeys(("lower-alpha", "lower-latin"), "a"), **dict.fromkeys(("upper-alpha", "upper-latin"), "A"),
    "lower-roman": "i", "upper-roman": "I",
}  # fmt: skip
_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"),
    (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
_MAX_ROMAN = 4_000


class ListMark(NamedTuple):
    """What a list or an item says of its numbers: the first or its own one, and how it counts; "" says nothing."""

    number: int | None = None
    kind: str = ""


NO_MARK = ListMark()


def mark_of(attributes: dict[str, str]) -> ListMark:
    """Of an ol, ul or li."""
    number = attributes.get("start", attributes.get("value", "")).strip()
    kind = attributes.get("type", "").strip()
    kind = kind if kind in ("a", "A", "i", "I") else _KINDS.get(kind.lower(), "")
    if style := _STYLE.search(attributes.get("style", "")):
        kind = next((_KINDS[word] for word in style[1].lower().split() if word in _KINDS), kind)
    return ListMark(int(number) if re.fullmatch(r"-?[0-9]{1,9}", number) else None, kind)


class Counter:
    """Counts the items of the open lists, by the place of each list among the open elements."""

    def __init__(self) -> None:
        self._next: dict[int, tuple[int, str]] = {}

    def begin(self, name: str, place: int, mark: ListMark) -> None:
        """A list begins."""
        kind = mark.kind or ("1" if name == "ol" else "bullet")
        self._next[place] = (1 if mark.number is None else mark.number, kind)

    def item(self, place: int, mark: ListMark) -> str:
        """What stands before the next item of the list at this place; an item outside of lists has a star."""
        number, kind = self._next.get(place, (1, "bullet"))
        if mark.number is not None:
            number = mark.number
        self._next[place] = (number + 1, kind)
        return _shown(number, mark.kind or kind)


def _shown(number: int, kind: str) -> str:
    if kind in ("none", "bullet"):
        return _BULLET if kind == "bullet" else ""
    if kind in "aA" and number > 0:
        text = _letters(number)
    elif kind in "iI" and 0 < number < _MAX_ROMAN:
        text = _roman(number)
    else:
        text = str(number)
    return f"{text.upper() if kind in 'AI' else text}. "


def _letters(number: int) -> str:
    text = ""
    while number:
        number, letter = divmod(number - 1, 26)
        text = chr(ord("a") + letter) + text
    return text


def _roman(number: int) -> str:
    text = ""
    for value, letters in _ROMAN:
        text += letters * (number // value)
        number %= value
    return text
