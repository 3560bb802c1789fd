"""Content-Type and Content-Disposition: the value and its parameters (RFC 2045, RFC 2231), as far as readable."""

import re
from urllib.parse import unquote_to_bytes

from resolver.parsing.charsets import decode
from resolver.parsing.words import decode_words, raw_text
from schemas.mail import Defect

MAX_PARAMETERS = 100

_PARAMETER = re.compile(
    r"""[;\s]*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|"([^";]*)|([^;]*))""",
    re.DOTALL,
)
_ESCAPED = re.compile(r'\\(["\\])')  # only these: C:\reports\new.pdf is common, and no escape
_COMMENT = re.compile(r"\([^()]*\)")
_SECTION = re.compile(r"^(.*?)(?:\*(\d{1,3}))?(\*)?$")


def parse_parameters(value: bytes, hint: str | None, found: set[Defect]) -> tuple[str, dict[str, str]]:
    """(value in lower case, parameters by lower-case name); file names decoded from RFC 2231 or encoded words."""
    text = raw_text(value, hint, found)
    main, _, rest = text.partition(";")
    main = _COMMENT.sub("", main).strip().strip("\"'").strip().lower()
    return main, _parameters(rest, found) if rest else {}


def _parameters(rest: str, found: set[Defect]) -> dict[str, str]:
    plain: dict[str, str] = {}
    extended: dict[str, dict[int, tuple[bool, str]]] = {}
    position = 0
    for _ in range(MAX_PARAMETERS):
        match = _PARAMETER.match(rest, position)
        if match is None:
            skip = rest.find(";", position + 1)
            if skip < 0:
                break
            position = skip
            continue
        position = match.end()
        name, section, star = _SECTION.match(match[1].lower()).groups()  # type: ignore[union-attr]  # matches anything
        value = _value(match, named=name in ("filename", "name"))
        if section is None and star is None:
            plain.setdefault(name, decode_words(value, found))
        else:
            extended.setdefault(name, {}).setdefault(int(section or 0), (bool(star), value))
    for name, sections in extended.items():
        plain[name] = _join_sections(sections, found)
    return plain


def _value(match: re.Match[str], named: bool) -> str:
    """One value, unquoted. Comments are removed, but not from file names: `report (2).pdf` is often left unquoted."""
    if match[2] is not None:
        return _ESCAPED.sub(r"\1", match[2])
    bare = match[3] if match[3] is not None else match[4]
    return (bare if named else _COMMENT.sub("", bare)).strip()


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
