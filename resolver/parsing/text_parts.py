"""Decodes text parts: charset, size limit, format=flowed, text/enriched."""

import html
import re

from resolver.parsing.base64_text import is_readable
from resolver.parsing.charsets import decode
from resolver.parsing.encoded_words import clean, without_surrogates
from resolver.parsing.part import Part
from schemas.mail import Defect

_LONE_CR = re.compile(r"\r(?!\n)")
HTML = frozenset({"text/html", "application/xhtml+xml", "text/xhtml"})


def read_text(part: Part, hint: str | None, found: set[Defect]) -> str:
    """The text of a part, decoded from its charset; line ends are plain."""
    content = part.content(found)
    label = part.params.get("charset")
    if part.content_type in HTML and _codec_missing(label):
        label = _meta_charset(content) or label
    content = _within_room(content, found)
    text = decode(content, label, hint, found)
    del content
    if "\0" in text:
        found.add(Defect.NUL)
        text = text.replace("\0", "\ufffd")
    if "\r" in text:
        if _LONE_CR.search(text):
            found.add(Defect.BARE_CR)
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        else:
            text = text.replace("\r", "")  # half the time of a search for both signs
    return without_surrogates(text.removeprefix("\ufeff"))


def _codec_missing(label: str | None) -> bool:
    """Whether an HTML part leaves its charset to its own `<meta>`."""
    return not label or label.strip("\"' ").lower() in ("us-ascii", "unknown-8bit", "x-unknown")


def _meta_charset(content: bytes) -> str | None:
    """The label in the first `<meta>` that has one."""
    match = re.search(rb"<meta[^>]{0,200}?charset\s{0,9}=\s{0,9}[\"']?([\w-]{2,40})", content[:4096], re.IGNORECASE)
    return match[1].decode("ascii", "replace") if match else None


# Bytes of one text that are read. Python holds all characters of a text as wide as the widest: those past U+FFFF, and
# the emoji among them, make four bytes of each letter.
MAX_TEXT = 64 << 20
MAX_WIDE_TEXT = 16 << 20
_WIDEST_UTF8 = re.compile(rb"[\xf0-\xf4][\x80-\xbf]{3}")
_WIDEST_UTF16 = re.compile(rb"[\xd8-\xdb].[\xdc-\xdf]", re.DOTALL)


def _within_room(content: bytes, found: set[Defect]) -> bytes:
    """What of a text's bytes is read: nearly always all of it."""
    if len(content) <= MAX_WIDE_TEXT:
        return content
    room = MAX_WIDE_TEXT if _is_wide(content) else MAX_TEXT
    if len(content) <= room:
        return content
    found.add(Defect.TOO_LONG)
    return content[:room]


def _is_wide(content: bytes) -> bool:
    """Whether its text most likely holds a character that makes all of it four bytes wide."""
    if is_readable(content):
        return bool(_WIDEST_UTF8.search(content))
    return (b"\0" in content[:4096] or content.startswith((b"\xff\xfe", b"\xfe\xff"))) and bool(
        _WIDEST_UTF16.search(content)
    )


def unflow(text: str, delsp: bool) -> str:
    """Lines that end in a blank go on in the next line of the same quote depth; space-stuffing removed."""
    paragraphs: list[list[str]] = []
    open_depth = -1  # quote depth of the paragraph that goes on; -1: none
    for line in text.split("\n"):
        content = line.lstrip(">")
        depth = len(line) - len(content)
        content = content.removeprefix(" ")
        signature = content == "-- "  # never flows: RFC 3676, section 4.3
        flows = content.endswith(" ") and not signature
        if flows and delsp:
            content = content[:-1]
        if open_depth == depth and not signature:
            paragraphs[-1].append(content)
        else:
            paragraphs.append([">" * depth + (" " if depth and content else ""), content])
        open_depth = depth if flows else -1
    return "\n".join("".join(pieces) for pieces in paragraphs)


_TOKEN = re.compile(r"<<|</?[a-z0-9-]{1,60}>|\n+|[^<\n]+|<", re.IGNORECASE)
_KEPT = 'style="white-space:pre-wrap"'
# What a command becomes; every other one changes only how its words look.
_ELEMENTS = {
    "nofill": f"div {_KEPT}", "excerpt": "blockquote", "center": "div", "flushleft": "div", "flushright": "div",
    "flushboth": "div", "paraindent": "div", "indent": "div", "indentright": "div", "outdent": "div",
    "paragraph": "div", "heading": "div", "footing": "div",
}  # fmt: skip
_SIGNS = {"lt": "&lt;", "nl": "<br>", "np": "<br><br>"}  # of RFC 1341, which have no end
_NO_COMMANDS = ("verbatim", "param", "comment")  # in which nothing is a command but their end


def enriched_to_html(source: str, elder: bool) -> str:
    """HTML of the same words and lines. `elder`: as RFC 1341 has it, where a line end is a blank."""
    ends = {name: _last(source, name) for name in _NO_COMMANDS}
    out: list[str] = []
    nofills = 0  # open ones
    awaited = ""
    for match in _TOKEN.finditer(source):
        token = match[0]
        command = token[1:-1].lower() if token[0] == "<" and token[-1] == ">" else ""
        name = command.removeprefix("/")
        if awaited:
            if awaited == "/verbatim":
                out.append("</span>" if command == awaited else html.escape(token))
            if command == awaited:
                awaited = ""
        elif not command:
            out.append(_words(token, not nofills, elder))
        elif command in ends and match.end() <= ends[command]:
            awaited = f"/{command}"
            out.append(f"<span {_KEPT}>" if command == "verbatim" else "")
        elif name in _ELEMENTS:
            if name == "nofill":
                nofills = max(nofills + (1 if name == command else -1), 0)
            out.append(f"<{_ELEMENTS[name]}>" if name == command else f"</{_ELEMENTS[name].partition(' ')[0]}>")
        else:
            out.append(_SIGNS.get(command, ""))
    return "".join(out)


def _last(source: str, name: str) -> int:
    """Where the last end of a command stands: one that never ends hides nothing."""
    return max((match.start() for match in re.finditer(f"</{name}>", source, re.IGNORECASE)), default=-1)


def _words(token: str, filled: bool, elder: bool) -> str:
    if token[0] != "\n" or not filled:
        return "&lt;" if token == "<<" else html.escape(token)
    return " " if elder else "<br>" * (len(token) - 1) or " "


def unix_line_ends(text: str | None) -> str | None:
    return None if text is None else clean(text.replace("\r\n", "\n").replace("\r", "\n"))
