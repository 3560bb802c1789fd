"""What parsing gives back: the mail, its files with their content, and what screening looks at."""

from dataclasses import dataclass

from resolver.parsing.headers import Headers
from resolver.parsing.part import Part
from schemas.mail import Attachment, ParsedMail


@dataclass(frozen=True, slots=True)
class File:
    """One attached file with its decoded content."""

    attachment: Attachment
    content: bytes


@dataclass(frozen=True, slots=True)
class Parsed:
    """`files` stand in the order of `mail.attachments`; `root` is the tree of parts, for screening."""

    mail: ParsedMail
    files: tuple[File, ...]
    headers: Headers
    root: Part
