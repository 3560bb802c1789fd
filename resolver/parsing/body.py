"""From the tree of parts to a text, an HTML body and files."""

from dataclasses import dataclass, field
from operator import is_

from resolver.file import File
from resolver.parsing.alternatives import Place, merge_twins
from resolver.parsing.attachments import NAMED_BY_EXCHANGE, FileCollector, FoundFile, declared_name
from resolver.parsing.calendars import calendar_text
from resolver.parsing.part import Part
from resolver.parsing.rtf import rtf_to_body
from resolver.parsing.text_parts import HTML, enriched_to_html, read_text, unflow, unix_line_ends
from resolver.parsing.transfer_encoding import extract_uuencoded
from schemas.mail import Defect

# Text types that are read as part of the body. Any other text (calendar, csv, vcard, a bounce's headers) is a file.
_PLAIN = frozenset({"text/plain", "text/markdown", "text/x-markdown", "text/x-web-markdown", "text/*", "text/text"})
_ENRICHED = frozenset({"text/enriched", "text/richtext"})
_TEXTS = _PLAIN | _ENRICHED | HTML
_NO_WORDS = frozenset({"text/rfc822-headers", "text/vcard", "text/x-vcard", "text/directory", "text/css"})
_RTF = frozenset({"text/rtf", "application/rtf"})  # a file, and the text where there is no other
# Other views of the same body, for programs that can show them: neither text nor file.
_OTHER_VIEWS = frozenset({"text/x-amp-html", "text/watch-html"})
_SHOWN = ("", "inline")  # dispositions of what is no file


@dataclass(slots=True, eq=False)
class _FileText(Place):
    """A text that is a file beside a body, and the body where there is no other."""

    part: Part = field(kw_only=True)
    file: FoundFile = field(kw_only=True)


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
        self.files = FileCollector(found)

    def collect(self, root: Part) -> Body:
        places = self._places(root, shown=True)
        if len(places) == 1 and places[0].is_plain and self.files.is_empty:  # as most mails have it
            text = (places[0].text or "").strip("\n")
            return Body(text, text)
        places = merge_twins(self._body_places(places))
        htmls = [place.html for place in places if place.html is not None]
        body = Body(html="\n".join(htmls) if htmls else None)
        read = [place.read() for place in places]
        texts, quoted = [text for text, _ in read], [text for _, text in read]
        del places, read
        body.text = _joined(texts)
        # Large texts that are the same are not joined twice.
        body.quoted_text = body.text if all(map(is_, texts, quoted)) else _joined(quoted)
        del texts, quoted
        body.files = self.files.collected(body.html)
        return body

    def _body_places(self, places: list[Place]) -> list[Place]:
        """The places of the body. Where they say nothing: what a winmail.dat says, else the texts that would be files
        beside a body, else the calendars."""
        body = [place for place in places if not isinstance(place, _FileText) and not place.is_empty]
        files = self.files
        fallback = files.tnef_places or files.calendars or any(isinstance(place, _FileText) for place in places)
        if not fallback or any(place.says_something() for place in body):
            return body
        if files.tnef_places:
            return body + files.tnef_places
        used = self._with_file_texts(places, body)
        if len(used) == len(body):
            read = (read_text(part, self.hint, self.found) for part in files.calendars)
            texts = dict.fromkeys(map(calendar_text, read))
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
        self.files.drop(read)
        return used

    def _places(self, part: Part, shown: bool = False) -> list[Place]:
        """The body places under a part; files met on the way are put aside. `shown`: a file name says nothing here."""
        if part.content_type == "multipart/alternative":
            return self._alternatives(part)
        if part.content_type == "multipart/appledouble":
            self.files.add_appledouble(part)
            return []
        if part.children:
            root_first = part.content_type == "multipart/related"  # RFC 2387, section 3.2
            return [p for i, child in enumerate(part.children) for p in self._places(child, root_first and i == 0)]
        if part.is_multipart:
            return []
        if part.content_type in _OTHER_VIEWS and part.disposition != "attachment":
            return []
        is_text = part.content_type in _TEXTS
        if is_text and part.disposition in _SHOWN and (shown or not declared_name(part)):
            return [self._body_place(part)]
        name = declared_name(part)
        file = self.files.add(part)
        if is_text and NAMED_BY_EXCHANGE.fullmatch(name):
            return [self._body_place(part)]
        may_be_body = is_text or part.content_type in _RTF or (not name and _may_be_read(part))
        may_be_body = may_be_body and part not in self.files.calendars[-1:]
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
            return Place(text=unix_line_ends(rtf_to_body(part.content(self.found).lstrip())[0]))
        text = read_text(part, self.hint, self.found)
        if part.content_type in HTML:
            return Place(html=text)
        if part.content_type in _ENRICHED:
            return Place(enriched=enriched_to_html(text, elder=part.content_type == "text/richtext"))
        if part.params.get("format", "").lower() == "flowed":
            text = unflow(text, part.params.get("delsp", "").lower() == "yes")
        if "begin " in text:
            text, blocks = extract_uuencoded(text, self.found)
            for name, content in blocks:
                self.files.add_content(name, content)
        return Place(text=text)


def _may_be_read(part: Part) -> bool:
    """Whether a part of an unknown text type may be words: they are read as plain text (RFC 2046, section 4.1.4)."""
    return part.content_type.startswith("text/") and part.content_type not in _NO_WORDS


def _joined(texts: list[str]) -> str:
    if len(texts) == 1:  # as most mails have it
        return texts[0].strip("\n")
    return "\n".join([text.rstrip("\n") for text in texts]).strip("\n")
