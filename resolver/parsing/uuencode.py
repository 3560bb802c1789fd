"""uuencoded files inside a text, as mail had them before MIME."""

import re

from resolver.parsing.transfer import decode_uu_lines
from schemas.mail import Defect

_BEGIN = re.compile(r"^begin(?:-base64)? ([0-7]{3,4}) ([^\n]{1,255})$", re.MULTILINE)
_MAX_FILES = 500


def extract_uuencoded(text: str, found: set[Defect]) -> tuple[str, list[tuple[str, bytes]]]:
    """(text without the blocks, files as (name, content)). A block that is not whole stays in the text."""
    kept: list[str] = []
    files: list[tuple[str, bytes]] = []
    position = 0
    for match in _BEGIN.finditer(text):
        if match.start() < position or len(files) >= _MAX_FILES:
            continue
        block_end = text.find("\nend", match.end())
        if block_end < 0:
            if _looks_uuencoded(text[match.end() + 1 : match.end() + 100]):
                found.add(Defect.BAD_UUENCODE)
            break
        lines = text[match.end() + 1 : block_end + 4].encode("ascii", "replace").split(b"\n")
        content, _, whole = decode_uu_lines(lines)
        if not whole:
            if _looks_uuencoded(text[match.end() + 1 : match.end() + 100]):
                found.add(Defect.BAD_UUENCODE)
            continue
        files.append((match[2].strip(), content))
        kept.append(text[position : match.start()])
        position = min(block_end + 5, len(text))
    kept.append(text[position:])
    return "".join(kept) if files else text, files


def _looks_uuencoded(text: str) -> bool:
    line = text.partition("\n")[0]
    return len(line) > 4 and all(" " <= c <= "`" for c in line) and (len(line) - 1) // 4 * 3 >= (ord(line[0]) - 32) & 63
