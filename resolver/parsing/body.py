"""From the tree of parts to a text, an HTML body and files."""

import hashlib
import html
import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from resolver.parsing.charsets import decode
from resolver.parsing.flowed import unflow
from resolver.parsing.headers import split_headers
from resolver.parsing.html_text import html_to_text
from resolver.parsing.result import File
from resolver.parsing.structure import Part
from resolver.parsing.tnef import TnefError, read_tnef
from resolver.parsing.uuencode import extract_uuencoded
from resolver.parsing.words import clean, clean_line
from schemas.mail import Attachment, Defect

# Text types that are read as part of the body. Any other text (calendar, csv, vcard, a bounce's headers) is a file.
_PLAIN = frozenset(
    {"text/plain", "text/enriched", "text/richtext", "text/markdown", "text/x-markdown", "text/*", "text/text"}
)
_HTML = frozenset({"text/html", "application/xhtml+xml", "text/xhtml"})
# Other views of the same body, for programs that can show them: neither text nor file.
_OTHER_VIEWS = frozenset({"text/x-amp-html", "text/watch-html"})
_TNEF = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
_CALENDAR = frozenset({"text/calendar", "application/ics"})
_CID = re.compile(r"\bcid:([^\"'\s<>)]+)", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
_MAX_NAME = 255


_Found = tuple[str, str, bytes, bool, str]  # name, type, content, inline, content id


@dataclass(slots=True)
class _Slot:
    """One place of the body: its text, its HTML, or both as alternatives."""

    text: str | None = None
    html: str | None = None


@dataclass(slots=True)
class Body:
    """What was found. `quoted_text` is `text` with HTML quotations marked by `>`, where they differ."""

    text: str = ""
    quoted_text: str = ""
    html: str | None = None
    files: list[File] = field(default_factory=list)


def read_body(root: Part, hint: str | None, found: set[Defect]) -> Body:
    """The body and files of a mail."""
    return _Collector(hint, found).collect(root)


class _Collector:
    def __init__(self, hint: str | None, found: set[Defect]) -> None:
        self.hint = hint
        self.found = found
        self.files: list[_Found] = []
        self.tnef_slots: list[_Slot] = []

    def collect(self, root: Part) -> Body:
        slots = [slot for slot in self._slots(root, is_root=True) if slot.text is not None or slot.html is not None]
        if self.tnef_slots and not any(_has_words(slot) for slot in slots):
            slots += self.tnef_slots
        htmls = [slot.html for slot in slots if slot.html is not None]
        body = Body(html="\n".join(htmls) if htmls else None)
        texts, quoted = [], []
        for slot in slots:
            text, marked = _slot_text(slot)
            texts.append(text.rstrip("\n"))
            quoted.append(marked.rstrip("\n"))
        body.text = "\n".join(texts).strip("\n")
        body.quoted_text = "\n".join(quoted).strip("\n")
        shown = _shown_ids(body.html)
        for name, kind, content, inline, cid in _without_double_invitations(self.files):
            body.files.append(_file(name, kind, content, inline or cid in shown))
        return body

    def _slots(self, part: Part, is_root: bool = False) -> list[_Slot]:
        """The body places under a part; files met on the way are put aside."""
        if part.content_type == "multipart/alternative":
            return self._alternatives(part)
        if part.children:
            return [slot for child in part.children for slot in self._slots(child)]
        if part.is_multipart:
            return []
        if part.content_type in _OTHER_VIEWS and part.disposition != "attachment":
            return []
        if _is_body(part, is_root):
            return [self._body_slot(part)]
        self._add_file(part)
        return []

    def _alternatives(self, part: Part) -> list[_Slot]:
        """One place for all alternatives: text from those that have a text, HTML from those that have it."""
        slots = [slot for child in part.children for slot in self._slots(child)]
        plain = list(dict.fromkeys(slot.text for slot in slots if slot.text and slot.text.strip()))
        rich = [slot.html for slot in slots if slot.html is not None]
        joined = _Slot("\n".join(plain) if plain else None, "\n".join(rich) if rich else None)
        return [joined]

    def _body_slot(self, part: Part) -> _Slot:
        text = self._text(part)
        if part.content_type in _HTML:
            return _Slot(html=text)
        if part.content_type in ("text/enriched", "text/richtext"):
            text = html.unescape(_TAG.sub("", text.replace("<<", "&lt;")))
        elif part.params.get("format", "").lower() == "flowed":
            text = unflow(text, part.params.get("delsp", "").lower() == "yes")
        if "begin " in text:
            text, blocks = extract_uuencoded(text, self.found)
            for name, content in blocks:
                self.files.append((_base_name(name), "application/octet-stream", content, False, ""))
        return _Slot(text=text)

    def _text(self, part: Part) -> str:
        content = part.content(self.found)
        label = part.params.get("charset")
        if part.content_type in _HTML and codec_missing(label):
            label = _meta_charset(content) or label
        text = decode(content, label, self.hint, self.found)
        if "\0" in text:
            self.found.add(Defect.NUL)
        if "\r" in text:
            text = text.replace("\r\n", "\n")
            if "\r" in text:
                self.found.add(Defect.BARE_CR)
                text = text.replace("\r", "\n")
        return clean(text.removeprefix("\ufeff"))

    def _add_file(self, part: Part) -> None:
        name = _base_name(_declared_name(part))
        content = part.content(self.found)
        if (part.content_type in _TNEF or name.lower() == "winmail.dat") and self._unpack_tnef(content):
            return
        if part.content_type in ("message/rfc822", "message/global") and not name:
            name = _mail_name(content)
        cid = clean_line(part.headers.get("content-id") or "").strip("<> ").lower()
        self.files.append((name, clean_line(part.content_type), content, part.disposition == "inline", cid or "\0"))

    def _unpack_tnef(self, content: bytes) -> bool:
        """Whether all of it stands now among texts and files; a damaged one is kept besides what could be read."""
        try:
            unpacked = read_tnef(content)
        except TnefError:
            self.found.add(Defect.BAD_TNEF)
            return False
        if unpacked.html is not None or unpacked.text is not None:
            self.tnef_slots.append(_Slot(text=_unix(unpacked.text), html=_unix(unpacked.html)))
        for name, kind, data, cid in unpacked.files:
            self.files.append((_base_name(name), kind, data, False, cid.strip("<> ").lower() or "\0"))
        if unpacked.damaged:
            self.found.add(Defect.BAD_TNEF)
        return not unpacked.damaged


def codec_missing(label: str | None) -> bool:
    """Whether an HTML part leaves its charset to its own `<meta>`."""
    return not label or label.strip("\"' ").lower() in ("us-ascii", "unknown-8bit", "x-unknown")


def _without_double_invitations(files: list[_Found]) -> list[_Found]:
    """Calendar programs send an invitation twice, as a view of the body and as a file with a name: it is one file."""
    named = {content.replace(b"\r", b"") for name, kind, content, _, _ in files if name and kind in _CALENDAR}
    return [f for f in files if f[0] or f[1] not in _CALENDAR or f[2].replace(b"\r", b"") not in named]


def _unix(text: str | None) -> str | None:
    return None if text is None else clean(text.replace("\r\n", "\n").replace("\r", "\n"))


def _has_words(slot: _Slot) -> bool:
    return bool((slot.text or "").strip()) or bool(slot.html and html_to_text(slot.html)[0].strip())


def _slot_text(slot: _Slot) -> tuple[str, str]:
    """(text, text with quotations marked) of one place."""
    if slot.text is not None and (slot.text.strip() or slot.html is None):
        return slot.text, slot.text
    return html_to_text(slot.html or "")


def _is_body(part: Part, is_root: bool) -> bool:
    """A text that is shown, no file: no `attachment`, and no file name (a mail that is one text may have one)."""
    if part.content_type not in _PLAIN and part.content_type not in _HTML:
        return False
    if part.disposition not in ("", "inline"):
        return False
    return is_root or not _declared_name(part)


def _declared_name(part: Part) -> str:
    return part.disposition_params.get("filename") or part.params.get("name") or part.params.get("filename") or ""


def _base_name(name: str) -> str:
    """A file name without directories and control characters; at most 255 characters, its extension kept."""
    name = clean_line(name).replace("\\", "/").rstrip("/").rpartition("/")[2].strip()
    if name.strip(".") == "":
        return ""
    if len(name) <= _MAX_NAME:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension) > 20:
        return name[:_MAX_NAME]
    return f"{stem[: _MAX_NAME - len(extension) - 1]}.{extension}"


def _mail_name(content: bytes) -> str:
    headers, _ = split_headers(content, set())
    subject = headers.get("subject")
    return _base_name(f"{subject.replace('/', '-')[:200]}.eml") if subject else ""


def _meta_charset(content: bytes) -> str | None:
    match = re.search(rb"<meta[^>]{0,200}?charset\s{0,9}=\s{0,9}[\"']?([\w-]{2,40})", content[:4096], re.IGNORECASE)
    return match[1].decode("ascii", "replace") if match else None


def _shown_ids(source: str | None) -> frozenset[str]:
    """Content ids that the HTML shows."""
    if not source or "cid:" not in source.lower():
        return frozenset()
    return frozenset(unquote(html.unescape(cid)).lower() for cid in _CID.findall(source))


def _file(name: str, kind: str, content: bytes, inline: bool) -> File:
    attachment = Attachment(
        name=name, content_type=kind, size=len(content), sha256=hashlib.sha256(content).hexdigest(), inline=inline
    )
    return File(attachment, content)
