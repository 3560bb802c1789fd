"""Which elements of an HTML body are open, and which of them end without an end tag (HTML standard, section 13.1.2.4).

No tree is built: a stack of names, and for each name the places in it. Every question is answered without a walk, so
that no nesting costs more than its length.
"""

from collections import defaultdict

LISTS = ("ul", "ol", "menu", "dir")
_CELLS = ("td", "th", "caption")
_ROWS = ("tr", *_CELLS)
# What a new element ends, and within which elements: its usual parent first, below which there is nothing to end.
_ENDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "li": (("li",), LISTS),
    **dict.fromkeys(("dt", "dd"), (("dt", "dd"), ("dl",))),
    **dict.fromkeys(("td", "th"), (_CELLS, ("tr", "table"))),
    "tr": (_ROWS, ("tbody", "thead", "tfoot", "table")),
    **dict.fromkeys(
        ("tbody", "thead", "tfoot", "caption", "colgroup"),
        (("tbody", "thead", "tfoot", "colgroup", *_ROWS), ("table",)),
    ),
    **dict.fromkeys(("option", "optgroup"), (("option",), ("optgroup", "select", "datalist"))),
    **dict.fromkeys(("rb", "rt", "rtc", "rp"), (("rb", "rt", "rp"), ("ruby", "rtc"))),
    "a": (("a",), ()),
    "button": (("button",), ()),
}
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
# An end tag inside one of these ends nothing outside of it.
_SCOPES = ("td", "th", "caption", "table", "object", "applet", "marquee", "template", "button", "foreignobject")
_TABLE_PARTS = frozenset({"table", "tbody", "thead", "tfoot", "colgroup", *_ROWS})
# Block elements: each ends a paragraph.
_ENDS_PARAGRAPH = _HEADINGS | frozenset(
    "p address article aside blockquote center details dialog dir div dl dd dt fieldset figcaption figure footer form "
    "header hgroup hr li listing main menu nav ol plaintext pre search section summary table ul xmp".split()
)
# What may stand in svg, math and select is little; any of these shows that the end tag was left out.
NARROW = ("svg", "math", "select")
BREAKS_OUT = _HEADINGS | frozenset(
    "b big blockquote body br center code dd div dl dt em embed font form hr i img input li listing menu meta nobr ol "
    "p pre s section small span strike strong sub sup table textarea tt u ul var".split()
)
TRACKED = (_ENDS_PARAGRAPH - {"hr"}) | frozenset(_ENDS) - {"a"} | frozenset(_SCOPES) | frozenset(NARROW)
TRACKED |= {"html", "body", "ruby", "datalist"}


class OpenElements:
    """The names of the open elements, outermost first. Only those that matter need be told of."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._places: defaultdict[str, list[int]] = defaultdict(list)

    def open(self, name: str, empty: bool) -> int:
        """Ends what ends where an element of this name begins, and opens it. Its place.

        One that is empty is not opened, nor is a part of a table outside of tables: such a tag means nothing.
        """
        names, places = self.names, self._places
        if name in _ENDS_PARAGRAPH and (paragraphs := places["p"]):
            if names[-1] == "p":
                names.pop()
                paragraphs.pop()
            else:
                self._end(paragraphs[-1], self._innermost(_SCOPES))
        if name in _ENDS:
            if name in _TABLE_PARTS and not places["table"]:
                return len(names)
            ended, parents = _ENDS[name]
            if names and names[-1] == name:
                places[names.pop()].pop()
            elif names and names[-1] not in parents:
                self._end_first(ended, self._innermost(parents or _SCOPES))
        elif name in _HEADINGS and names and names[-1] in _HEADINGS:
            self._cut(len(names) - 1)
        place = len(names)
        if not empty:
            places[name].append(place)
            names.append(name)
        return place

    def close(self, name: str) -> int:
        """An end tag: the innermost element of this name ends, with all in it. One that opens nothing ends nothing.

        The number of elements that are left.
        """
        names = self.names
        if names and names[-1] == name:
            names.pop()
            self._places[name].pop()
        elif places := self._places.get(name):
            self._end(places[-1], self._innermost(("table",) if name in _TABLE_PARTS else _SCOPES, but=name))
        return len(names)

    def list_place(self) -> int:
        """Where the innermost list stands; -1 outside of lists."""
        return self._innermost(LISTS)

    def break_out(self) -> None:
        """Ends an svg, math or select in which stands what cannot stand there."""
        while self._innermost(NARROW) > self._innermost(("foreignobject",)):
            self._cut(self._innermost(NARROW))

    def _innermost(self, names: tuple[str, ...], but: str = "") -> int:
        place = -1
        for name in names:
            places = self._places.get(name)
            if places and places[-1] > place and name != but:
                place = places[-1]
        return place

    def _end(self, place: int, limit: int) -> None:
        if place > limit:
            self._cut(place)

    def _end_first(self, names: tuple[str, ...], limit: int) -> None:
        """Ends the outermost element of these names within the innermost limit."""
        found = [place for name in names if (place := self._first_behind(name, limit)) is not None]
        if found:
            self._cut(min(found))

    def _first_behind(self, name: str, limit: int) -> int | None:
        places = self._places.get(name)
        return places[-1] if places and places[-1] > limit else None

    def _cut(self, length: int) -> None:
        names = self.names
        while len(names) > length:
            self._places[names.pop()].pop()
