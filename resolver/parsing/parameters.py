"""Parses Content-Type and Content-Disposition: value and parameters (RFC 2045, RFC 2231), as far as readable."""

import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from resolver.parsing.charsets import decode
from resolver.parsing.encoded_words import decode_words, raw_text
from schemas.mail import Defect

MAX_PARAMETERS = 100
_SHORT = 60  # bytes: that of a text, which stands in many mails; a boundary or a file's name makes it longer

_NAME = re.compile(r"""[;\s]*+([^\s=;"]+)\s*=\s*""")
_BARE = re.compile(r"[^;]*")
# A file name goes on behind a semicolon that no parameter follows.
_BARE_NAME = re.compile(r"""[^;]*+(?:;(?!\s*+(?:\Z|;|[^\s=;"]{1,60}+\s*+=))[^;]*+)*+""")
_TO_QUOTE = re.compile(r'(?:[^"\\]++|\\.)*+"', re.DOTALL)
# What stands behind a quote that ends a value: nothing more, or the next parameter.
_ENDED = re.compile(r"""\s*+(?:\Z|;[;\s]*+(?:\Z|[^\s=;"]{1,60}+\s*=)|(?<=\s)[^\s=;"]{1,60}+=)""")
_OPENS = re.compile(r""";\s*+[^\s=;"]{1,60}\s?=\s?\Z""")  # what stands before the first quote of a value
_NEXT = re.compile(r""";\s*+[^\s=;"]{1,60}+\s*+=""")
_ESCAPED = re.compile(r'\\(["\\])')  # only these: C:\reports\new.pdf is common, and no escape
_COMMENT = re.compile(r"\([^()]*\)")
_COMMENT_BEHIND = re.compile(r"(?<=\s)\([^()]*\)")
_AROUND_SLASH = re.compile(r"(?<=\S)\s?/\s?")
_NO_SEMICOLON = re.compile(r"""[\s,]++(?=[a-z-]{2,20}\s?+=)""", re.IGNORECASE)  # `attachment filename=x`
_SECTION = re.compile(r"^(.*?)(?:\*(\d{1,3}))?(\*)?$")
_NAMES = ("filename", "name")
_EXTENDED = re.compile(r"[\w-]{2,20}'[\w-]{0,20}'(?:%[0-9a-f]{2}|[^%])+\Z", re.IGNORECASE)


def parse_parameters(value: bytes, hint: str | None, found: set[Defect]) -> tuple[str, dict[str, str]]:
    """(value in lower case, parameters by lower-case name); file names decoded from RFC 2231 or encoded words."""
    if len(value) > _SHORT or hint is not None:
        return _parse(value, hint, found)
    main, parameters, defects = _remembered(value)
    found |= defects
    return main, dict(parameters)


@lru_cache(maxsize=512)
def _remembered(value: bytes) -> tuple[str, Mapping[str, str], frozenset[Defect]]:
    found: set[Defect] = set()
    return *_parse(value, None, found), frozenset(found)


def _parse(value: bytes, hint: str | None, found: set[Defect]) -> tuple[str, dict[str, str]]:
    text = raw_text(value, hint, found)
    if text.lstrip()[:2] == "=?":  # all of it in one encoded word
        text = decode_words(text, found)
    main, _, rest = text.partition(";")
    if "=" in main and (gap := _NO_SEMICOLON.search(main)):
        main, rest = text[: gap.start()], text[gap.end() :]
    main = _without_comments(main).strip().strip("\"'").strip().lower()
    if " " in main:
        main = _AROUND_SLASH.sub("/", main)
    return main, _parameters(rest, found) if rest else {}


def _parameters(rest: str, found: set[Defect]) -> dict[str, str]:
    plain: dict[str, str] = {}
    extended: dict[str, dict[int, tuple[bool, str]]] = {}
    position = 0
    for _ in range(MAX_PARAMETERS):
        match = _NAME.match(rest, position)
        if match is None:
            skip = rest.find(";", position + 1)
            if skip < 0:
                break
            position = skip
            continue
        name, section, star = _name(match[1].lower())
        if rest.startswith('"', match.end()):
            value, position = _quoted(rest, match.end() + 1)
        else:
            value, position = _bare(rest, match.end(), name)
        if star is None and name in _NAMES and "%" in value and _EXTENDED.match(value):
            star = "*"  # as RFC 2231 writes a name, but for the star
        if section is None and star is None:
            plain.setdefault(name, decode_words(value, found))
        else:
            extended.setdefault(name, {}).setdefault(int(section or 0), (bool(star), value))
    for name, sections in extended.items():
        plain[name] = _join_sections(sections, found)
    return plain


def _name(name: str) -> tuple[str, str | None, str | None]:
    """RFC 2231: the name of a parameter, the number of its section, and the star behind both."""
    if "*" not in name:
        return name, None, None
    return _SECTION.match(name).groups()  # type: ignore[union-attr,return-value]  # matches anything


def _bare(rest: str, start: int, name: str) -> tuple[str, int]:
    """(value, where it ends). Comments are removed, but not from names: `report (2).pdf` is often left unquoted; nor
    is `(1)` one where it ends a boundary."""
    match = (_BARE_NAME if name in _NAMES else _BARE).match(rest, start)
    value, end = (match[0], match.end()) if match else ("", start)
    if name not in _NAMES:
        value = _COMMENT_BEHIND.sub("", value) if name == "boundary" else _without_comments(value)
    return value.strip(), end


def _without_comments(value: str) -> str:
    return _COMMENT.sub("", value) if "(" in value else value


def _quoted(rest: str, start: int) -> tuple[str, int]:
    """(value, where it ends), from behind its first quote.

    Quotes inside that nobody escaped belong to it: it ends at the quote before the next parameter. Where that is
    missing, the value goes on to the next parameter, so that no file loses its extension.
    """
    end, count = start, 0
    while match := _TO_QUOTE.match(rest, end):
        if _ENDED.match(rest, match.end()):
            return _ESCAPED.sub(r"\1", rest[start : match.end() - 1]), match.end()
        if _OPENS.search(rest, max(start, match.end() - 80), match.end() - 1):
            break
        end, count = match.end(), count + 1
    following = _NEXT.search(rest, end)
    stop = following.start() if following else len(rest)
    if count % 2 and "." not in _COMMENT.sub("", rest[end:stop]):
        return _ESCAPED.sub(r"\1", rest[start : end - 1]), end
    return _ESCAPED.sub(r"\1", rest[start:stop]).rstrip().removesuffix('"'), stop


def _join_sections(sections: dict[int, tuple[bool, str]], found: set[Defect]) -> str:
    """RFC 2231, sections 3 and 4: numbered pieces, percent-encoded ones in the charset that the first one names."""
    data = bytearray()
    charset = ""
    for i, (_, (encoded, value)) in enumerate(sorted(sections.items())):
        if encoded and i == 0 and value.count("'") >= 2:
            charset, _, value = value.split("'", 2)
        if encoded:
            data += unquote_to_bytes(value.encode("utf-8", "replace"))
        else:
            data += value.encode(charset or "utf-8", "replace") if _encodable(charset) else value.encode()
    text = decode(bytes(data), charset or None, None, found)
    return decode_words(text, found)


def _encodable(charset: str) -> bool:
    return charset.lower() in ("", "utf-8", "us-ascii", "iso-8859-1")
