"""File names that can be trusted to look like what they are: no directory, nothing invisible, the extension kept."""

import re

from resolver.parsing.encoded_words import IGNORABLE, clean_line
from resolver.parsing.headers import split_headers
from resolver.parsing.part import Part

_MAX_NAME = 255
# Joiners shape the letters of Persian, Hindi and others, and emoji; next to a Latin letter they only hide.
_JOINER = re.compile("(?<![^\x00-\x7f])[\u200c\u200d]+|[\u200c\u200d]+(?![^\x00-\x7f])")

_FILE_NAME = re.compile(r"[^/\\]\.[A-Za-z][A-Za-z0-9]{1,4}\Z")


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
