"""From the tree of parts to a text, an HTML body and files."""

import hashlib
import html
import re
from dataclasses import dataclass, field
from operator import is_
from urllib.parse import unquote

from resolver.parsing.alternatives import Place, merge_twins
from resolver.parsing.calendars import calendar_text
from resolver.parsing.charsets import decode
from resolver.parsing.encoded_words import clean, clean_line
from resolver.parsing.enriched import enriched_to_html
from resolver.parsing.file_names import base_name, declared_name, described_name, mail_name
from resolver.parsing.flowed import unflow
from resolver.parsing.html_charset import codec_missing, meta_charset
from resolver.parsing.large_texts import within_room
from resolver.parsing.part import Part
from resolver.parsing.result import File
from resolver.parsing.rtf import rtf_to_body
from resolver.parsing.tnef import TnefError, read_tnef
from resolver.parsing.uuencode import extract_uuencoded
from schemas.mail import Attachment, Defect

# Text types that are read as part of the body. Any other text (calendar, csv, vcard, a bounce's headers) is a file.
_PLAIN = frozenset({"text/plain", "text/markdown", "text/x-markdown", "text/x-web-markdown", "text/*", "text/text"})
_ENRICHED = frozenset({"text/enriched", "text/richtext"})
_HTML = frozenset({"text/html", "application/xhtml+xml", "text/xhtml"})
_TEXTS = _PLAIN | _ENRICHED | _HTML
# What Exchange calls a text that stood behind a picture or file, which has no name of its own.
_NAMED_BY_EXCHANGE = re.compile(r"ATT\d{5,6}\.(?:txt|html?)")
_NO_WORDS = frozenset({"text/rfc822-headers", "text/vcard", "text/x-vcard", "text/directory", "text/css"})
_RTF = frozenset({"text/rtf", "application/rtf"})  # a file, and the text where there is no other
# Other views of the same body, for programs that can show them: neither text nor file.
_OTHER_VIEWS = frozenset({"text/x-amp-html", "text/watch-html"})
_TNEF = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
_CALENDAR = frozenset({"text/calendar", "text/x-vcalendar", "application/ics"})
_SHOWN = ("", "inline")  # dispositions of what is no file
_CID = re.compile(r"\bcid:([^\"'\s<>)]+)", re.IGNORECASE)


_Found = tuple[str, str, bytes, bool, str]  # name, type, content, inline, content id


@dataclass(slots=True, eq=False)
class _FileText(Place):
    """A text that is a file beside a body, and the body where there is no other."""

    part: Part = field(kw_only=True)
    file: _Found = field(kw_only=True)


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
        self.tnef_places: list[Place] = []
        self.calendars: list[Part] = []

    def collect(self, root: Part) -> Body:
        places = merge_twins(self._body_places(self._places(root, shown=True)))
        htmls = [place.html for place in places if place.html is not None]
        body = Body(html="\n".join(htmls) if htmls else None)
        read = [place.read() for place in places]
        texts, quoted = [text for text, _ in read], [text for _, text in read]
        del places, read
        body.text = _joined(texts)
        # Large texts that are the same are not joined twice.
        body.quoted_text = body.text if all(map(is_, texts, quoted)) else _joined(quoted)
        del texts, quoted
        shown = _shown_ids(body.html) if any(cid for *_, cid in self.files) else frozenset()
        for name, kind, content, inline, cid in _without_double_invitations(self.files):
            body.files.append(_file(name, kind, content, inline or (cid != "" and cid in shown)))
        return body

    def _body_places(self, places: list[Place]) -> list[Place]:
        """The places of the body. Where they say nothing: what a winmail.dat says, else the texts that would be files
        beside a body, else the calendars."""
        body = [place for place in places if not isinstance(place, _FileText) and not place.is_empty]
        fallback = self.tnef_places or self.calendars or any(isinstance(place, _FileText) for place in places)
        if not fallback or any(place.says_something() for place in body):
            return body
        if self.tnef_places:
            return body + self.tnef_places
        used = self._with_file_texts(places, body)
        if len(used) == len(body):
            texts = dict.fromkeys(calendar_text(self._text(part)) for part in self.calendars)
            used.append(Place(text="\n\n".join(filter(None, texts))))
        return used

    def _with_file_texts(self, places: list[Place], body: list[Place]) -> list[Place]:
        """The places with the texts that say something in spite of their file name. One that is marked `attachment`
        counts only where nothing else is there to be shown, and stays a file as well."""
        alone = not any(place.read()[0].strip() for place in body)
        used: list[Place] = []
        read: set[int] = set()  # identities of files that are files no more
        for place in places:
            if not isinstance(place, _FileText):
                used += [] if place.is_empty else [place]
            elif place.part.disposition in _SHOWN or not body:
                text = self._body_place(place.part)
                if text.says_something():
                    used.append(text)
                    if alone and place.part.disposition in _SHOWN and place.part.content_type in _TEXTS:
                        read.add(id(place.file))
        self.files = [file for file in self.files if id(file) not in read]
        return used

    def _places(self, part: Part, shown: bool = False) -> list[Place]:
        """The body places under a part; files met on the way are put aside. `shown`: a file name says nothing here."""
        if part.content_type == "multipart/alternative":
            return self._alternatives(part)
        if part.content_type == "multipart/appledouble":
            self._add_appledouble(part)
            return []
        if part.children:
            root_first = part.content_type == "multipart/related"  # RFC 2387, section 3.2
            return [p for i, child in enumerate(part.children) for p in self._places(child, root_first and i == 0)]
        if part.is_multipart:
            return []
        if part.content_type in _OTHER_VIEWS and part.disposition != "attachment":
            return []
        name = declared_name(part)
        is_text = part.content_type in _TEXTS
        if is_text and part.disposition in _SHOWN and (shown or not name):
            return [self._body_place(part)]
        file = self._add_file(part)
        if is_text and _NAMED_BY_EXCHANGE.fullmatch(name):
            return [self._body_place(part)]
        may_be_body = is_text or part.content_type in _RTF or (not name and _may_be_read(part))
        may_be_body = may_be_body and part not in self.calendars[-1:]
        return [_FileText(part=part, file=file)] if may_be_body and file else []

    def _alternatives(self, part: Part) -> list[Place]:
        """One place for all alternatives: text from those that have a text, HTML from those that have it."""
        found = [place for child in part.children for place in self._places(child, shown=True)]
        places = [place for place in found if not isinstance(place, _FileText)]
        plain = list(dict.fromkeys(place.text for place in places if place.text and place.text.strip()))
        rich = [place.html for place in places if place.html is not None]
        enriched = [place.enriched for place in places if place.enriched is not None]
        joined = Place(*("\n".join(texts) if texts else None for texts in (plain, rich, enriched)))
        return [joined, *(place for place in found if isinstance(place, _FileText))]

    def _body_place(self, part: Part) -> Place:
        if part.content_type in _RTF:
            return Place(text=_unix(rtf_to_body(part.content(self.found).lstrip())[0]))
        text = self._text(part)
        if part.content_type in _HTML:
            return Place(html=text)
        if part.content_type in _ENRICHED:
            return Place(enriched=enriched_to_html(text, elder=part.content_type == "text/richtext"))
        if part.params.get("format", "").lower() == "flowed":
            text = unflow(text, part.params.get("delsp", "").lower() == "yes")
        if "begin " in text:
            text, blocks = extract_uuencoded(text, self.found)
            for name, content in blocks:
                self.files.append((base_name(name), "application/octet-stream", content, False, ""))
        return Place(text=text)

    def _text(self, part: Part) -> str:
        content = part.content(self.found)
        label = part.params.get("charset")
        if part.content_type in _HTML and codec_missing(label):
            label = meta_charset(content) or label
        content = within_room(content, self.found)
        text = decode(content, label, self.hint, self.found)
        del content
        if "\0" in text:
            self.found.add(Defect.NUL)
        if "\r" in text:
            text = text.replace("\r\n", "\n")
            if "\r" in text:
                self.found.add(Defect.BARE_CR)
                text = text.replace("\r", "\n")
        return clean(text.removeprefix("\ufeff"))

    def _add_file(self, part: Part, name: str = "") -> _Found | None:
        """Puts a file aside; `name` where the part has none. None: it was unpacked, and is not there any more."""
        name = base_name(declared_name(part) or name or described_name(part))
        content = part.content(self.found)
        kind = clean_line(part.content_type)
        if (kind in _TNEF or name.lower() == "winmail.dat") and self._unpack_tnef(content):
            return None
        if kind in ("message/rfc822", "message/global") and not name:
            name = mail_name(content)
        if kind in _CALENDAR or name.lower().endswith(".ics"):
            self.calendars.append(part)
        cid = clean_line(part.headers.get("content-id") or "").strip("<> ").lower()
        file = (name, kind, content, part.disposition == "inline", cid)
        self.files.append(file)
        return file

    def _add_appledouble(self, part: Part) -> None:
        """A file of a Macintosh in two parts (RFC 1740): what every program can read, and what only its own can."""
        forks = [child for child in part.children if child.content_type != "application/applefile"]
        name = next(filter(None, map(declared_name, part.children)), "")
        if not any(fork.content(self.found) for fork in forks):
            forks = part.children
        for fork in forks:
            self._add_file(fork, name)

    def _unpack_tnef(self, content: bytes) -> bool:
        """Whether all of it stands now among texts and files; a damaged one is kept besides what could be read."""
        try:
            unpacked = read_tnef(content)
        except TnefError:
            self.found.add(Defect.BAD_TNEF)
            return False
        if unpacked.html is not None or unpacked.text is not None:
            self.tnef_places.append(Place(text=_unix(unpacked.text), html=_unix(unpacked.html)))
        for name, kind, data, cid in unpacked.files:
            self.files.append((base_name(name), kind, data, False, cid.strip("<> ").lower()))
        if unpacked.damaged:
            self.found.add(Defect.BAD_TNEF)
        return not unpacked.damaged


def _may_be_read(part: Part) -> bool:
    """Whether a part of an unknown text type may be words: they are read as plain text (RFC 2046, section 4.1.4)."""
    return part.content_type.startswith("text/") and part.content_type not in _NO_WORDS


def _without_double_invitations(files: list[_Found]) -> list[_Found]:
    """Calendar programs send an invitation twice, as a view of the body and as a file with a name: it is one file."""
    named = {content.replace(b"\r", b"") for name, kind, content, _, _ in files if name and kind in _CALENDAR}
    return [f for f in files if f[0] or f[1] not in _CALENDAR or f[2].replace(b"\r", b"") not in named]


def _joined(texts: list[str]) -> str:
    if len(texts) == 1:  # as most mails have it
        return texts[0].strip("\n")
    return "\n".join([text.rstrip("\n") for text in texts]).strip("\n")


def _unix(text: str | None) -> str | None:
    return None if text is None else clean(text.replace("\r\n", "\n").replace("\r", "\n"))


def _shown_ids(source: str | None) -> frozenset[str]:
    """Content ids that the HTML shows."""
    if not source or "cid:" not in source.lower():
        return frozenset()
    return frozenset(unquote(html.unescape(match[1])).lower() for match in _CID.finditer(source))


def _file(name: str, kind: str, content: bytes, inline: bool) -> File:
    attachment = Attachment(
        name=name, content_type=kind, size=len(content), sha256=hashlib.sha256(content).hexdigest(), inline=inline
    )
    return File(attachment, content)
