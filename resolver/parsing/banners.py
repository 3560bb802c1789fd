"""Banners that a mail gateway put above the text: `[EXTERNAL]`, `CAUTION: This email originated from outside ...`.

A banner tells where a mail came from and warns of its links and files. It opens with a word of warning, a mark, or
`This mail`, and all of that must be there: people write about banners, too.
"""

import re
from collections.abc import Sequence

from resolver.parsing.banner_words import (
    CARE,
    FILES,
    FIRST_CONTACT,
    FIRST_PERSON,
    MAIL,
    MARK,
    OPENING,
    ORIGIN,
    OUTSIDE,
    THIS,
    WARNING,
)

_MAX_BANNERS = 4  # one above the other
_MAX_LINES = 12
_MAX_CHARACTERS = 1_500
_FRAME = "\u200b\u200e\u200f\u202a\u202b\u2066\u2067\ufeff \t\xa0|*_=-~+─━│┃┌┐└┘├┤╔╗╚╝║═—–!⚠\ufe0f🛑🚨"
_BRACKETS = "[](){}【】<>"
_PROOFPOINT = ("zjqcmqryfpfptbannerstart", "zjqcmqryfpfptbannerend")
_FIRST_CONTACT_LINK = "aka.ms/learnaboutsenderidentification"
_SENTENCE_END = (".", "!", "。", "！", "]", ")", "।")
_LONGEST_MARK = 40
_LONGEST_GREETING = 24
_FIRST_LETTERS = 200
_MARK_END = re.compile(r"\s?(?:[\])】:.!|–—-]|$)")


def banner_end(lines: Sequence[str]) -> int:
    """The number of lines at the top that are banners, with blank lines and rules about them; 0 without one."""
    end = 0
    for _ in range(_MAX_BANNERS):
        found = _one_banner(lines, end)
        if found is None:
            break
        end = found
    return end


def may_open_a_banner(text: str) -> bool:
    """Whether a closer look is worth it: the words of most mails begin with a short line, a greeting."""
    line = text[:_FIRST_LETTERS].lstrip("\n").partition("\n")[0]
    if line.isascii() and line[:1].isalpha():
        if len(line) < _LONGEST_GREETING and ":" not in line:
            return line[:4].isupper()
        return bool(OPENING.match(line.lower())) or _FIRST_CONTACT_LINK in line.lower()
    return _opens(line) if line.strip(_FRAME) else True


def _one_banner(lines: Sequence[str], start: int) -> int | None:
    """Where the banner ends that begins at this line or below blank lines and rules."""
    first = start
    while first < min(len(lines), start + _MAX_LINES) and not lines[first].strip(_FRAME):
        first += 1
    if first >= len(lines) or not _opens(lines[first]):
        return None
    if lines[first].strip().lower() == _PROOFPOINT[0]:
        return next(
            (i + 1 for i in range(first, min(len(lines), first + _MAX_LINES)) if _PROOFPOINT[1] in lines[i].lower()),
            None,
        )
    text, added, end = "", "", None
    framed = first > start and bool(lines[first - 1].strip())
    for i in range(first, min(len(lines), first + _MAX_LINES)):
        line = lines[i].strip(_FRAME)
        if not line:
            if framed and not lines[i].strip():
                continue
            break
        text, added = f"{text} {line}".strip(), f"{added} {line}".strip()
        if len(text) > _MAX_CHARACTERS:
            break
        ends = _ends(lines, i)
        if end is not None:
            belongs = ends and _goes_on(added)
        else:
            belongs = _is_mark(text, lines[i], framed) or (ends and _is_banner(text, framed))
        if belongs:
            end, added = i + 1, ""
    if end is None:
        return None
    while end < len(lines) and not lines[end].strip(_FRAME):
        end += 1
    return end


def _ends(lines: Sequence[str], i: int) -> bool:
    """Whether a sentence ends with a line, as far as that can be seen: the next one does not go on with a small
    letter."""
    following = lines[i + 1].strip(_FRAME) if i + 1 < len(lines) else ""
    return lines[i].rstrip(_FRAME).endswith(_SENTENCE_END) or not following[:1].islower()


def _opens(line: str) -> bool:
    """Whether a banner can begin with this line."""
    text = _lower(line.strip(_FRAME).lstrip(_BRACKETS))
    return bool(OPENING.match(text)) or _FIRST_CONTACT_LINK in text


def _lower(text: str) -> str:
    """In small letters, each as long as it was (the Turkish I with a dot becomes two)."""
    return text.lower().replace("i\u0307", "i")


def _is_mark(text: str, line: str, framed: bool) -> bool:
    """`[EXTERNAL]`, `*** External email ***`, `CAUTION: external sender`, and nothing else."""
    bare, warned = _without_warning(text)
    mark = MARK.match(_lower(bare))
    if not mark or len(text) > _LONGEST_MARK or bare[mark.end() :].strip(_FRAME + _BRACKETS + ".:"):
        return False
    written = bare[: mark.end()]
    return framed or warned or line.strip() != written or (written.isupper() and " " in written)


def _is_banner(text: str, framed: bool) -> bool:
    """Whether the lines of a text, joined, are a banner as a whole."""
    if FIRST_PERSON.search(text):
        return False
    low = _lower(text)
    if FIRST_CONTACT.match(low) or _FIRST_CONTACT_LINK in low:
        return "@" in low
    bare, warned = _without_warning(text)
    low_bare = _lower(bare)
    marked = _is_marked(bare, low_bare, warned or bare != text)
    if (warned or marked or framed) and ORIGIN.fullmatch(low_bare):
        return True
    if not (marked or THIS.match(low_bare)):
        return False
    return bool(
        (marked or OUTSIDE.search(low)) and MAIL.search(low) and FILES.search(low_bare) and CARE.search(low_bare)
    )


def _is_marked(bare: str, low: str, opened: bool) -> bool:
    """Whether a banner's text begins with `EXTERNAL EMAIL:`, in capitals, behind a bracket or a word of warning."""
    mark = MARK.match(low)
    if not mark:
        return False
    written = bare[: mark.end()]
    return written.partition(" ")[0].isupper() or bool(
        (opened or written.istitle()) and _MARK_END.match(bare, mark.end())
    )


def _without_warning(text: str) -> tuple[str, bool]:
    bare = text.lstrip(_BRACKETS)
    warning = WARNING.match(_lower(bare))
    return (bare[warning.end() :].lstrip(_FRAME + _BRACKETS) if warning else bare), bool(warning)


def _goes_on(text: str) -> bool:
    """Whether a further sentence in the same paragraph still belongs to it."""
    low = _lower(text)
    return bool(FILES.search(low) and CARE.search(low) and not FIRST_PERSON.search(text))
