"""What the author of a mail wrote now: less the quoted mail, the line that announces it, and a signature.

Lines are sorted into quoted, announcing and own ones,
    each looked at a bounded number of times; then the shape of the mail
decides (`_Shape`). In doubt more is kept: the journal of a call rather shows a quotation than loses an answer.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from resolver.parsing.announcements import announcement_start, ends_announcing
from resolver.parsing.asked import Asked
from resolver.parsing.attribution_lines import ARROWS, FORWARDED
from resolver.parsing.banners import banner_end, may_open_a_banner
from resolver.parsing.header_blocks import begins_original, is_forwarded
from schemas.mail import Mailbox
from schemas.reply_marker import REPLY_MARKER

MAX_LINES = 20_000  # what stands further below is not looked at
_MAX_LINE = 1_000
_MAX_LOOKS = 200  # at lines that end as one does: each can cost a millisecond and more
_SIGNATURE_LINES = 15  # a separator that lost its blank may be a divider: what follows must be short

_QUOTED = re.compile(r"^\s{0,3}>")
_WORDS = re.compile(r"\w")
_RULE = re.compile(r"^\s*+[_\-=*─—]{5,}+\s*+$")
_MANGLED = ">From "  # written so by mail systems that deliver into a file of many mails (mbox)
_FOOTER = re.compile(r"^_{20,}\s*$")
_FOOTER_LINES = 8
# Marks of writing direction that programs put about names and addresses.
_INVISIBLE = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_RULES = frozenset("-\u2010\u2011\u2013\u2014_=*")
_RARE_SIGNS = "\u2010\u2011\u2013\u2014："
_MARKER = REPLY_MARKER.strip("- ").lower()


def reply_of(text: str, subject: str = "", recipients: Sequence[Mailbox] = ()) -> str:
    """The author's own words; the whole text where none can be told apart. Never empty for a text with words.

    `recipients`: to whom the mail goes: what they wrote is what it may quote.
    """
    if not text:
        return ""
    may_open = may_open_a_banner(text)
    if not may_open and not _may_be_cut(text) and text.count("\n") < MAX_LINES:
        return text.strip("\n").rstrip() or text.strip("\n")
    head = _first_lines(text)
    marked = not text.isascii() and _INVISIBLE.search(text)
    seen = [_INVISIBLE.sub("", line[:_MAX_LINE]) if marked else line[:_MAX_LINE] for line in head]
    top = banner_end(seen) if may_open else 0
    shape = _shape(seen[top:], Asked(subject, recipients))
    if _MANGLED in text:
        _restore_mangled(shape)
    kept = _own_lines(shape)
    if kept is None:
        return text.strip("\n")
    chosen = [head[top + i][1:] if i in shape.mangled else head[top + i] for i in kept]
    reply = "\n".join(chosen).strip("\n").rstrip()
    return reply if _WORDS.search(reply) else text.strip("\n")


def _first_lines(text: str) -> list[str]:
    """Up to `MAX_LINES`; the rest of a large text is not copied."""
    end = -1
    for _ in range(MAX_LINES if text.count("\n") >= MAX_LINES else 0):
        end = text.find("\n", end + 1)
    return (text[:end] if end >= 0 else text).split("\n")


def _may_be_cut(text: str) -> bool:
    """A text without any of these is its author's throughout: all that is cut off has one."""
    if ":" in text or "-" in text or ">" in text or "_" in text or "*" in text or "=" in text:
        return True
    return not text.isascii() and any(sign in text for sign in _RARE_SIGNS)


@dataclass(slots=True)
class _Shape:
    """What each line is.

    `end`: the line at which the part ends that is looked at: a quotation without marks begins there,
        or a forwarded mail.
    `forwarded`: that it is a forwarded mail, which is kept.
    `mangled`: own lines before which a mail system put `>`, because they begin with `From `.
    """

    lines: list[str]
    quoted: list[bool]
    announcing: list[bool]
    end: int
    forwarded: bool = False
    mangled: frozenset[int] = frozenset()


def _own_lines(shape: _Shape) -> list[int] | None:
    """The numbers of the lines to keep; None: all of them."""
    if not any(_is_own(shape, i) for i in range(shape.end)):
        return None
    kept = _own_part(shape)
    if kept is None:
        return None
    return [*kept, *range(shape.end, len(shape.lines))] if shape.forwarded else list(kept)


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


def _shape(lines: list[str], asked: Asked) -> _Shape:
    quoted = [">" in line[:4] and bool(_QUOTED.match(line)) for line in lines]
    shape = _Shape(lines, quoted, [False] * len(lines), len(lines))
    looked = 0
    for i, line in enumerate(lines):
        if quoted[i] and ARROWS.match(line) and not (i and quoted[i - 1]):
            shape.end = i
            break
        if quoted[i] or not (_may_announce(line) or ("@" in line and True in quoted[i + 1 : i + 2])):
            continue
        carried = begins_original(lines, i, asked)
        if FORWARDED.match(line) or (carried and is_forwarded(lines, i, asked)):
            shape.end, shape.forwarded = i, True
            break
        if _MARKER in line.lower() or carried:
            shape.end = i
            break
        if looked == _MAX_LOOKS:
            continue
        certain = _is_quoted_below(shape, i + 1)
        if not ends_announcing(line, certain):
            continue
        looked += 1
        start = announcement_start(lines, quoted, i, certain, asked)
        if start is None:
            continue
        shape.announcing[start : i + 1] = [True] * (i + 1 - start)
        if not certain:
            shape.end = start
            break
    return shape


def _restore_mangled(shape: _Shape) -> None:
    """`>From ` without a quotation beside it, or an announcement above it, is what its author wrote."""
    mangled: set[int] = set()
    run: list[int] = []
    above = announced = False  # what stands above the run is a quotation, or announces one
    for i, line in enumerate([*shape.lines, ""]):
        if line.startswith(_MANGLED):
            run.append(i)
            continue
        quoted = i < len(shape.lines) and shape.quoted[i]
        if not (above or quoted):
            mangled.update(run)
        run.clear()
        announced = i < len(shape.lines) and (shape.announcing[i] or (announced and not line.strip()))
        above = quoted or announced
    for i in mangled:
        shape.quoted[i] = False
    shape.mangled = frozenset(mangled)


def _may_announce(line: str) -> bool:
    """Whether a closer look is worth it: lines that announce or separate have a colon, or begin or end with a rule."""
    return ":" in line or "：" in line or line.lstrip()[:1] in _RULES or line[-1:] == "-"


def _is_quoted_below(shape: _Shape, start: int) -> bool:
    """Whether the next line that is not blank is a quoted one."""
    for i in range(start, min(start + 4, len(shape.lines))):
        if shape.lines[i].strip():
            return shape.quoted[i]
    return False


def _is_own(shape: _Shape, i: int) -> bool:
    return not shape.quoted[i] and not shape.announcing[i] and bool(_WORDS.search(shape.lines[i]))


def _signature_start(shape: _Shape, start: int, stop: int) -> int:
    """Where a signature or a mailing list's footer begins between two lines; `stop` without one."""
    first_own: int | None = None  # this and the next are looked for once, and only where a line needs them
    below: list[int] | None = None
    for i in range(start, stop):
        line = shape.lines[i]
        if shape.quoted[i] or not line.startswith(("-", "_")):
            continue
        if line == "-- ":
            ends = True
        elif line.rstrip() == "--":
            below = below or _own_below(shape)
            ends = below[i] <= _SIGNATURE_LINES
        else:
            ends = stop - i <= _FOOTER_LINES and bool(_FOOTER.match(line))
        if ends:
            if first_own is None:
                first_own = next((k for k in range(stop) if _is_own(shape, k)), stop)
            if first_own < i:
                return i
    return stop


def _own_below(shape: _Shape) -> list[int]:
    """For each line how many own ones stand between it and the next quotation."""
    below = [0] * shape.end
    count = 0
    for i in range(shape.end - 1, -1, -1):
        below[i] = count
        count = 0 if shape.quoted[i] or shape.announcing[i] else count + bool(_WORDS.search(shape.lines[i]))
    return below


def _trim(lines: list[str], end: int) -> int:
    """Steps back over blank lines and rules (`______`) that lead over to the quoted mail."""
    whole = end == len(lines)
    while end > 0 and (not lines[end - 1].strip() or (not whole and _RULE.match(lines[end - 1]))):
        end -= 1
    return end
