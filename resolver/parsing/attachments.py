"""The files of a message: attachments under safe names, the contents of a winmail.dat, calendars.

A trusted name looks like what it is: no directory, nothing invisible, the extension kept.
"""

import hashlib
import html
import re
from urllib.parse import unquote

from resolver.file import File
from resolver.parsing.alternatives import Place
from resolver.parsing.encoded_words import IGNORABLE, clean_line
from resolver.parsing.headers import split_headers
from resolver.parsing.part import Part
from resolver.parsing.text_parts import unix_line_ends
from resolver.parsing.tnef import TnefError, read_tnef
from schemas.mail import Attachment, Defect

# What Exchange calls a text that stood behind a picture or file, which has no name of its own.
NAMED_BY_EXCHANGE = re.compile(r"ATT\d{5,6}\.(?:txt|html?)")
_TNEF = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
_CALENDAR = frozenset({"text/calendar", "text/x-vcalendar", "application/ics"})
_CID = re.compile(r"\bcid:([^\"'\s<>)]+)", re.IGNORECASE)
_MAX_NAME = 255
# Joiners shape the letters of Persian, Hindi and others, and emoji; next to a Latin letter they only hide.
_JOINER = re.compile("(?<![^\x00-\x7f])[\u200c\u200d]+|[\u200c\u200d]+(?![^\x00-\x7f])")
_FILE_NAME = re.compile(r"[^/\\]\.[A-Za-z][A-Za-z0-9]{1,4}\Z")

FoundFile = tuple[str, str, bytes, bool, str]  # name, type, content, inline, content id


class FileCollector:
    """The files met while a body is read, in their order, and what of them may stand for a body."""

    def __init__(self, found: set[Defect]) -> None:
        self.files: list[FoundFile] = []
        self.tnef_places: list[Place] = []
        self.calendars: list[Part] = []
        self._found = found

    @property
    def is_empty(self) -> bool:
        return not (self.files or self.tnef_places or self.calendars)

    def add(self, part: Part, name: str = "") -> FoundFile | None:
        """Puts a file aside; `name` where the part has none. None: it was unpacked, and is not there any more."""
        name = base_name(declared_name(part) or name or described_name(part))
        content = part.content(self._found)
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

    def add_appledouble(self, part: Part) -> None:
        """A file of a Macintosh in two parts (RFC 1740): what every program can read, and what only its own can."""
        forks = [child for child in part.children if child.content_type != "application/applefile"]
        name = next(filter(None, map(declared_name, part.children)), "")
        if not any(fork.content(self._found) for fork in forks):
            forks = part.children
        for fork in forks:
            self.add(fork, name)

    def _unpack_tnef(self, content: bytes) -> bool:
        """Whether all of it stands now among texts and files; a damaged one is kept besides what could be read."""
        try:
            unpacked = read_tnef(content)
        except TnefError:
            self._found.add(Defect.BAD_TNEF)
            return False
        if unpacked.html is not None or unpacked.text is not None:
            self.tnef_places.append(Place(text=unix_line_ends(unpacked.text), html=unix_line_ends(unpacked.html)))
        for name, kind, data, cid in unpacked.files:
            self.files.append((base_name(name), kind, data, False, cid.strip("<> ").lower()))
        if unpacked.damaged:
            self._found.add(Defect.BAD_TNEF)
        return not unpacked.damaged

    def add_content(self, name: str, content: bytes) -> None:
        """A file that is no part of its own, such as a uuencoded one."""
        self.files.append((base_name(name), "application/octet-stream", content, False, ""))

    def drop(self, identities: set[int]) -> None:
        """Files that are text instead, by `id()`."""
        self.files = [file for file in self.files if id(file) not in identities]

    def collected(self, shown_html: str | None) -> list[File]:
        """All of them; those that the body's HTML shows are inline."""
        shown = _shown_ids(shown_html) if any(cid for *_, cid in self.files) else frozenset()
        return [
            _file(name, kind, content, inline or (cid != "" and cid in shown))
            for name, kind, content, inline, cid in _without_double_invitations(self.files)
        ]


def _without_double_invitations(files: list[FoundFile]) -> list[FoundFile]:
    """Calendar programs send an invitation twice, as a view of the body and as a file with a name: it is one file."""
    named = {content.replace(b"\r", b"") for name, kind, content, _, _ in files if name and kind in _CALENDAR}
    return [f for f in files if f[0] or f[1] not in _CALENDAR or f[2].replace(b"\r", b"") not in named]


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


def declared_name(part: Part) -> str:
    """The name that a part gives itself; empty where it gives none."""
    return part.disposition_params.get("filename") or part.params.get("name") or part.params.get("filename") or ""


def described_name(part: Part) -> str:
    """What a part's description or location says, if that is a file's name: it has an extension."""
    for header in ("content-description", "content-location"):
        told = (part.headers.get(header) or "").partition("?")[0]
        if _FILE_NAME.search(told):
            return told
    return ""


def base_name(name: str) -> str:
    """A file name without directories, control characters, direction marks and other invisible ones; at most 255
    characters, its extension kept. `invoice_<U+202E>fdp.exe` shows as `invoice_exe.pdf`: it becomes `invoice_fdp.exe`.
    """
    name = clean_line(name)
    if not name.isascii():
        name = _JOINER.sub("", IGNORABLE.sub("", name))
    name = name.replace("\\", "/").rstrip("/").rpartition("/")[2].strip()
    if len(name) > 2 and name[0] == name[-1] and name[0] in "\"'":
        name = name[1:-1].strip()
    if name.strip(".") == "":
        return ""
    if len(name) <= _MAX_NAME:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension) > 20:
        return name[:_MAX_NAME]
    return f"{stem[: _MAX_NAME - len(extension) - 1]}.{extension}"


def mail_name(content: bytes) -> str:
    """What an attached mail without a name is called: by its subject."""
    headers, _ = split_headers(content, set())
    subject = headers.get("subject")
    return base_name(f"{subject.replace('/', '-')[:200]}.eml") if subject else ""
