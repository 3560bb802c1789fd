"""Where the tags and comments of an HTML body are. Every expression here takes time in proportion to the text."""

import re

# A quote may hold any sign. Where it is never closed the tag ends at the next ">" all the same; the last kind is a tag
# that the end of the mail cuts.
TOKEN = re.compile(
    r"<(?:/?[a-zA-Z][^<>\"']*+(?:(?:\"[^\"]*+\"|'[^']*+')[^<>\"']*+)*+>"
    r"|!--(?:-?>|[^-]*+(?:-(?!-!?>)[^-]*+)*+(?:--!?>|\Z))"
    r"|[!?][^<>]*+>"
    r"|/?[a-zA-Z][^<>]*+>"
    r"|[a-zA-Z][^<>=]*+=\s*+[\"'][^<>]*+\Z)"
)
LONG = 1024  # signs; a tag that is longer holds data
_MAX_TAG = 4096  # signs
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
