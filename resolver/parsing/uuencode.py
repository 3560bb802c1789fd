"""uuencoded files inside a text, as mail had them before MIME."""

import re

from resolver.parsing.transfer_encoding import decode_uu_lines
from schemas.mail import Defect

MAX_FILES = 500

_BEGIN = re.compile(r"begin [0-7]{3,4} (\S.{0,254})\Z")


def extract_uuencoded(text: str, found: set[Defect]) -> tuple[str, list[tuple[str, bytes]]]:
    """(text without the blocks, files as (name, content)). A block that is not whole stays in the text."""
    lines = text.split("\n")
    kept: list[str] = []
    files: list[tuple[str, bytes]] = []
    i = 0
    while i < len(lines):
        match = _BEGIN.match(lines[i]) if lines[i].startswith("begin ") and len(files) < MAX_FILES else None
        if match is None:
            kept.append(lines[i])
            i += 1
            continue
        content, used, whole = decode_uu_lines(lines, i + 1)
        if whole:
            files.append((match[1].strip(), content))
        elif used > i + 1:
            found.add(Defect.BAD_UUENCODE)
        kept += [] if whole else lines[i:used]
        i = used
    return ("\n".join(kept), files) if files else (text, files)
