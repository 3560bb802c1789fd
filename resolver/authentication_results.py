"""Parses one `Authentication-Results` header (RFC 8601): who wrote it, and what it found. Pure; never raises.

Tolerant, as the lines of real systems ask for; but what is odd about a value can only make it say less. Names in a mail
are its author's to choose, and some of them are made to be read wrongly: `header.d=bank.example(.evil.example`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

MAX_CHARACTERS = 16 << 10  # what is longer says nothing: no mail system writes so much

_QUOTED = r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)'  # without its end, it reaches to the end of the header
_OUTSIDE = re.compile(rf'{_QUOTED}|[^"(]+|\(', re.DOTALL)
_INSIDE = re.compile(r"[^()\\]+|\\.?|[()]", re.DOTALL)  # of a comment: they nest, and quotes mean nothing there
_WORD = re.compile(rf'(?:{_QUOTED}|[^\s";])+|;', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Result:
    """What one check found: `dkim`, `pass`, {`header.d`: `example.org`}. Lower case but for the properties' values."""

    method: str
    result: str
    properties: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AuthenticationResults:
    """`authserv_id` in lower case; None where the line begins with a result at once, as those of Microsoft 365."""

    authserv_id: str | None
    results: tuple[Result, ...]


def read_authentication_results(header: str) -> AuthenticationResults:
    """What the header's value says, folded or not; of one over `MAX_CHARACTERS`: nothing."""
    if len(header) > MAX_CHARACTERS:
        return AuthenticationResults(None, ())
    segments = list(_segments(_without_comments(header)))
    first = segments[0][0] if segments and segments[0] else ""
    authserv_id = None if "=" in first or not first else first.strip('"').lower()
    return AuthenticationResults(authserv_id, tuple(_results(segments)))


def _without_comments(text: str) -> str:
    """Each comment gone, but for the parenthesis of one that begins in the middle of a word: that word is odd."""
    kept: list[str] = []
    position = depth = 0
    while position < len(text):
        piece = (_INSIDE if depth else _OUTSIDE).match(text, position)[0]  # type: ignore[index]  # they match anything
        position += len(piece)
        if piece == "(":
            if not depth and kept and not kept[-1][-1].isspace():
                kept.append("(")
            depth += 1
        elif not depth:
            kept.append(piece)
        elif piece == ")":
            kept.append(" ")
            depth -= 1
    return "".join(kept)


def _segments(text: str) -> Iterator[list[str]]:
    """The words between the semicolons. Blanks about = and / are no part of the form: `dkim / 1 = pass`."""
    text = " ".join(text.split())
    for sign in "=/":
        text = text.replace(f" {sign}", sign).replace(f"{sign} ", sign)
    words: list[str] = []
    for match in _WORD.finditer(text):
        if match[0] == ";":
            yield words
            words = []
        else:
            words.append(match[0])
    yield words


def _results(segments: list[list[str]]) -> Iterator[Result]:
    for first, *rest in filter(None, segments):
        method, found, result = first.partition("=")
        if found:
            yield Result(method.partition("/")[0].lower(), result.rstrip("(").lower(), _properties(rest))


def _properties(words: list[str]) -> dict[str, str]:
    """Values by name. What follows a value, or is given twice, joins it: with a blank in it, it names no domain."""
    properties: dict[str, str] = {}
    name = ""
    for word in words:
        before, found, value = word.partition("=")
        if found:
            name = before.lower()
        elif name:
            value = word
        else:
            continue
        properties[name] = f"{properties[name]} {value}" if name in properties else value
    return properties
