"""The parts and fields that bounces, receipts and complaints share (RFC 3464, RFC 8098, RFC 5965)."""

import re
from collections.abc import Iterator

from resolver.parsing import Parsed, Part
from schemas.mail import Defect

MAX_REPORT = 256 << 10
_MAX_FILE = 16 << 10
_ESCAPED = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")
_FIELD = re.compile(r"^([A-Za-z][A-Za-z0-9-]*)[ \t]*:[ \t]*(.*(?:\n[ \t]+.*)*)$", re.MULTILINE)


def find_part(parsed: Parsed, types: frozenset[str]) -> Part | None:
    """The first part of one of these types."""
    root = parsed.root
    if not root.children:  # as of most mails
        return root if root.content_type in types else None
    return next((part for part in root.walk() if part.content_type in types), None)


def is_report(parsed: Parsed, report_type: str) -> bool:
    """Whether the mail as a whole is a report of this type. A mail that only has such a part may be a forwarded one."""
    root = parsed.root
    return root.content_type == "multipart/report" and root.params.get("report-type", "").lower() in (report_type, "")


def fields_beside(parsed: Parsed, types: frozenset[str], *required: str) -> dict[str, str]:
    """The fields of a report in a part of these types, in the text or in a file; empty unless all required are there.

    For mails that are no report as a whole: whoever calls this has another sign that a machine sent them.
    """
    part = find_part(parsed, types)
    wanted = required[0].encode()
    contents = (file.content[:_MAX_FILE] for file in parsed.files)
    texts = [text_of(part)] if part is not None else []
    texts.append(parsed.mail.text[:_MAX_FILE])
    texts += (_plain(content) for content in contents if wanted in content.lower())
    for text in texts:
        if required[0] not in text.lower():
            continue
        fields: dict[str, str] = {}
        for name, value in fields_of(text):
            fields.setdefault(name, value)
        if fields.keys() >= set(required):
            return fields
    return {}


def ids_of(value: str | None) -> tuple[str, ...]:
    return (value,) if value else ()


def text_of(part: Part) -> str:
    """The part's text, with plain line ends; of a long one its beginning."""
    defects: set[Defect] = set()
    return _plain(part.content(defects)[:MAX_REPORT])


def _plain(content: bytes) -> str:
    return content.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")


def fields_of(text: str) -> Iterator[tuple[str, str]]:
    """The fields of a report, unfolded, each name in lower case."""
    for match in _FIELD.finditer(text):
        yield match[1].lower(), " ".join(match[2].split())


def address_of(value: str) -> str:
    """`rfc822; <a@example.org>` -> `a@example.org`; letters that are no ASCII may be escaped (RFC 6533, section 3)."""
    kind, split, address = value.partition(";")
    address = address if split else kind
    bracketed = re.search(r"<([^<>]*)>", address)
    found = (bracketed[1] if bracketed else address).strip().strip("\"' ")
    return _ESCAPED.sub(_letter, found) if "\\x{" in found else found


def _letter(escaped: re.Match[str]) -> str:
    letter = chr(int(escaped[1], 16) % 0x110000)
    return letter if letter.isprintable() else escaped[0]
