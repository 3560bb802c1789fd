"""What the author of a mail wrote now: less the quoted mail, the line that announces it, and a signature.

Lines are sorted into quoted, announcing and own ones,
    each looked at a bounded number of times; then the shape of the mail
decides (`_Shape`). In doubt more is kept: the journal of a call rather shows a quotation than loses an answer.
"""

import re
from dataclasses import dataclass

from resolver.parsing.quote_words import (
    ARROWS,
    BRACKETED,
    DASHED_END,
    DATED,
    FORWARD_SUBJECT,
    FORWARDED,
    ORIGINAL,
    QUOTING,
    START,
    WROTE,
    label_kind,
)
from schemas.reply_marker import REPLY_MARKER

MAX_LINES = 20_000  # what stands further below is not looked at
_MAX_LINE = 1_000
_MAX_ANNOUNCEMENT = 4  # lines
_MAX_ANNOUNCED = 500  # characters
_MAX_LOOKS = 200  # at lines that end as one does: each can cost a millisecond and more
_VERB = 60  # characters at the end of such a line in which its verb must stand
_DATE_DIGITS = 6  # 6/1/25 9:14
_HEADER_BLOCK = 9  # lines in which its labels must stand
_SIGNATURE_LINES = 15  # a separator that lost its blank may be a divider: what follows must be short

_QUOTED = re.compile(r"^\s{0,3}>")
_DIGIT = re.compile(r"\d")
_WORDS = re.compile(r"\w")
_RULE = re.compile(r"^\s*+[_\-=*─—]{5,}+\s*+$")
_FOOTER = re.compile(r"^_{20,}\s*$")
_FOOTER_LINES = 8
# Marks of writing direction that programs put about names and addresses.
_INVISIBLE = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_RULES = frozenset("-\u2010\u2011\u2013\u2014_=*")
# A text without any of these is its author's throughout: quotations, announcements, separators and signatures have one.
_CUTTING = _RULES | frozenset(">:：")
_MARKER = re.compile(re.escape(REPLY_MARKER.strip("- ")), re.IGNORECASE)


def reply_of(text: str, subject: str = "") -> str:
    """The author's own words; the whole text where none can be told apart. Never empty for a text with words."""
    if not text:
        return ""
    lines = text.split("\n")
    if len(lines) <= MAX_LINES and not any(sign in text for sign in _CUTTING):
        return text.strip("\n").rstrip() or text.strip("\n")
    head = lines[:MAX_LINES]
    marked = not text.isascii() and _INVISIBLE.search(text)
    seen = [_INVISIBLE.sub("", line[:_MAX_LINE]) if marked else line[:_MAX_LINE] for line in head]
    kept = _own_lines(seen, bool(FORWARD_SUBJECT.match(subject)))
    if kept is None:
        return text.strip("\n")
    chosen = [head[i] for i in kept]
    reply = "\n".join(chosen).strip("\n").rstrip()
    return reply if _WORDS.search(reply) else text.strip("\n")


@dataclass(slots=True)
class _Shape:
    """What each line is.

    `end`: the line at which the part ends that is looked at: a quotation without marks begins there,
        or a forwarded mail.
    `forwarded`: that it is a forwarded mail, which is kept.
    """

    lines: list[str]
    quoted: list[bool]
    announcing: list[bool]
    end: int
    forwarded: bool = False


def _own_lines(lines: list[str], forwarding: bool) -> list[int] | None:
    """The numbers of the lines to keep; None: all of them."""
    shape = _shape(lines, forwarding)
    if not any(_is_own(shape, i) for i in range(shape.end)):
        return None
    kept = _own_part(shape)
    if kept is None:
        return None
    return [*kept, *range(shape.end, len(lines))] if shape.forwarded else list(kept)


def _own_part(shape: _Shape) -> range | None:
    """The lines to keep before `shape.end`: written above the quotation, below it, or between (then all of it)."""
    quotes = [i for i in range(shape.end) if shape.quoted[i] or shape.announcing[i]]
    first_quote, below = (quotes[0], quotes[-1] + 1) if quotes else (shape.end, 0)
    end = _signature_start(shape, below, shape.end)
    first_own = next((i for i in range(end) if _is_own(shape, i)), None)
    if first_own is None:
        return None
    last_own = next(i for i in range(end - 1, -1, -1) if _is_own(shape, i))
    if last_own < first_quote:
        top = _signature_start(shape, 0, min(first_quote, end))
        return range(top if shape.forwarded and not quotes and top == end else _trim(shape.lines, top))
    if first_own >= below:
        return range(first_own, _trim(shape.lines, end))
    return range(_trim(shape.lines, end))


def _shape(lines: list[str], forwarding: bool) -> _Shape:
    shape = _Shape(lines, [bool(_QUOTED.match(line)) for line in lines], [False] * len(lines), len(lines))
    looked = 0
    for i, line in enumerate(lines):
        if shape.quoted[i] and ARROWS.match(line) and not (i and shape.quoted[i - 1]):
            shape.end = i
            break
        if shape.quoted[i] or not _may_announce(line):
            continue
        carried = ORIGINAL.match(line) or _is_header_block(lines, i)
        if FORWARDED.match(line) or (carried and forwarding):
            shape.end, shape.forwarded = i, True
            break
        if _MARKER.search(line) or carried:
            shape.end = i
            break
        if looked == _MAX_LOOKS or not _ends_announcing(line):
            continue
        looked += 1
        start = _announcement_start(shape, i)
        if start is None:
            continue
        shape.announcing[start : i + 1] = [True] * (i + 1 - start)
        if not _is_quoted_below(shape, i + 1):
            shape.end = start
            break
    return shape


def _may_announce(line: str) -> bool:
    """Whether a closer look is worth it: every line that announces or separates has a colon or begins with a rule."""
    return ":" in line or "：" in line or line.lstrip()[:1] in _RULES


def _ends_announcing(line: str) -> bool:
    return len(line) <= _MAX_ANNOUNCED and line.rstrip().endswith((":", "：", ":*", ":_", "---"))


def _announcement_start(shape: _Shape, last: int) -> int | None:
    """The first line of an announcement that ends at line `last`; None where there is none."""
    line = shape.lines[last].rstrip()
    if line.endswith("---"):
        return (
            last
            if line.lstrip().startswith("---") and _DIGIT.search(line) and DASHED_END.search(line[-_VERB:])
            else None
        )
    if QUOTING.match(line) or BRACKETED.match(line):
        return last
    certain = _is_quoted_below(shape, last + 1)
    joined = ""
    for first in range(last, max(last - _MAX_ANNOUNCEMENT, -1), -1):
        if shape.quoted[first] or not shape.lines[first].strip():
            break
        joined = f"{shape.lines[first].strip()} {joined}".strip()
        if len(joined) > _MAX_ANNOUNCED:
            break
        verb = WROTE.search(joined)
        if (verb or DATED.search(joined)) and START.match(joined) and _tells_when(joined, certain):
            return first
    verb = WROTE.search(line)
    told = _tells_when(line, certain)
    if (verb and (certain or told)) or DATED.search(line):
        return last
    return None


def _tells_when(announcement: str, certain: bool) -> bool:
    """Whether an address or a date stands in it. A whole date, where no marks below show that it announces a mail:
    `On Monday 10:00 the service wrote:` is a sentence."""
    return "@" in announcement or len(_DIGIT.findall(announcement)) >= (1 if certain else _DATE_DIGITS)


def _is_quoted_below(shape: _Shape, start: int) -> bool:
    """Whether the next line that is not blank is a quoted one."""
    for i in range(start, min(start + 4, len(shape.lines))):
        if shape.lines[i].strip():
            return shape.quoted[i]
    return False


def _is_header_block(lines: list[str], start: int) -> bool:
    """`From: ... Sent: ... To: ... Subject: ...` in any order: a sender and two more labels within a few lines.

    A subject or an address must be among them: a form that is filled in has `From`, `To` and `Date`, too.
    """
    if label_kind(lines[start]) is None:
        return False
    kinds: set[str] = set()
    address = False
    for line in lines[start : start + _HEADER_BLOCK]:
        kind = label_kind(line)
        if kind:
            kinds.add(kind)
            address |= kind == "from" and "@" in line
    return "from" in kinds and len(kinds - {"cc"}) >= 3 and ("subject" in kinds or address)


def _is_own(shape: _Shape, i: int) -> bool:
    return not shape.quoted[i] and not shape.announcing[i] and bool(_WORDS.search(shape.lines[i]))


def _signature_start(shape: _Shape, start: int, stop: int) -> int:
    """Where a signature or a mailing list's footer begins between two lines; `stop` without one."""
    for i in range(start, stop):
        line = shape.lines[i]
        if shape.quoted[i] or not line.startswith(("-", "_")):
            continue
        separator = line == "-- " or (line.rstrip() == "--" and _words_below(shape, i) <= _SIGNATURE_LINES)
        footer = _FOOTER.match(line) and stop - i <= _FOOTER_LINES
        if (separator or footer) and any(_is_own(shape, k) for k in range(i)):
            return i
    return stop


def _words_below(shape: _Shape, start: int) -> int:
    """Own lines from `start` to the next quotation."""
    count = 0
    for i in range(start + 1, shape.end):
        if shape.quoted[i] or shape.announcing[i]:
            break
        count += bool(_WORDS.search(shape.lines[i]))
    return count


def _trim(lines: list[str], end: int) -> int:
    """Steps back over blank lines and rules (`______`) that lead over to the quoted mail."""
    whole = end == len(lines)
    while end > 0 and (not lines[end - 1].strip() or (not whole and _RULE.match(lines[end - 1]))):
        end -= 1
    return end
