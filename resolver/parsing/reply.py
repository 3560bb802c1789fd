"""The reply: what the author wrote now, without quoted text, its attribution line, banner and signature.

Lines are sorted into quoted, announcing and own ones,
    each looked at a bounded number of times; then the shape of the mail
decides (`_Shape`). In doubt more is kept: the journal of a call rather shows a quotation than loses an answer.
"""

import re
from collections.abc import Sequence

from resolver.parsing.banners import banner_end, may_open_a_banner
from resolver.parsing.reply_context import ReplyContext
from resolver.parsing.reply_lines import MANGLED, WORDS, SortedLines, is_own, restore_mangled, sort_lines
from schemas.mail import Mailbox

MAX_LINES = 20_000  # what stands further below is not looked at
_MAX_LINE = 1_000
_SIGNATURE_LINES = 15  # a separator that lost its blank may be a divider: what follows must be short
_RULE = re.compile(r"^\s*+[_\-=*─—]{5,}+\s*+$")
_FOOTER = re.compile(r"^_{20,}\s*$")
_FOOTER_LINES = 8
# Marks of writing direction that programs put about names and addresses.
_INVISIBLE = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_RARE_SIGNS = "\u2010\u2011\u2013\u2014："


def reply_of(text: str, subject: str = "", recipients: Sequence[Mailbox] = ()) -> str:
    """The author's own words; the whole text where none can be told apart. Never empty for a text with words.

    `recipients`: to whom the mail goes: what they wrote is what it may quote.
    """
    if not text:
        return ""
    may_open = may_open_a_banner(text)
    if not may_open and not _may_be_cut(text) and (len(text) < MAX_LINES or text.count("\n") < MAX_LINES):
        return text.strip("\n").rstrip() or text.strip("\n")
    head = _first_lines(text)
    marked = not text.isascii() and _INVISIBLE.search(text)
    seen = [_INVISIBLE.sub("", line[:_MAX_LINE]) if marked else line[:_MAX_LINE] for line in head]
    top = banner_end(seen) if may_open else 0
    shape = sort_lines(seen[top:], ReplyContext(subject, recipients))
    if MANGLED in text:
        restore_mangled(shape)
    kept = _own_lines(shape)
    if kept is None:
        return text.strip("\n")
    chosen = [head[top + i][1:] if i in shape.mangled else head[top + i] for i in kept]
    reply = "\n".join(chosen).strip("\n").rstrip()
    return reply if WORDS.search(reply) else text.strip("\n")


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
    return not text.isascii() and any(map(text.__contains__, _RARE_SIGNS))


def _own_lines(shape: SortedLines) -> list[int] | None:
    """The numbers of the lines to keep; None: all of them."""
    if not any(is_own(shape, i) for i in range(shape.end)):
        return None
    kept = _own_part(shape)
    if kept is None:
        return None
    return [*kept, *range(shape.end, len(shape.lines))] if shape.forwarded else list(kept)


def _own_part(shape: SortedLines) -> range | None:
    """The lines to keep before `shape.end`: written above the quotation, below it, or between (then all of it)."""
    quotes = [i for i in range(shape.end) if shape.quoted[i] or shape.announcing[i]]
    first_quote, below = (quotes[0], quotes[-1] + 1) if quotes else (shape.end, 0)
    end = _signature_start(shape, below, shape.end)
    first_own = next((i for i in range(end) if is_own(shape, i)), None)
    if first_own is None:
        return None
    last_own = next(i for i in range(end - 1, -1, -1) if is_own(shape, i))
    if last_own < first_quote:
        top = _signature_start(shape, 0, min(first_quote, end))
        return range(top if shape.forwarded and not quotes and top == end else _trim(shape.lines, top))
    if first_own >= below:
        return range(first_own, _trim(shape.lines, end))
    return range(_trim(shape.lines, end))


def _signature_start(shape: SortedLines, start: int, stop: int) -> int:
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
                first_own = next((k for k in range(stop) if is_own(shape, k)), stop)
            if first_own < i:
                return i
    return stop


def _own_below(shape: SortedLines) -> list[int]:
    """For each line how many own ones stand between it and the next quotation."""
    below = [0] * shape.end
    count = 0
    for i in range(shape.end - 1, -1, -1):
        below[i] = count
        count = 0 if shape.quoted[i] or shape.announcing[i] else count + bool(WORDS.search(shape.lines[i]))
    return below


def _trim(lines: list[str], end: int) -> int:
    """Steps back over blank lines and rules (`______`) that lead over to the quoted mail."""
    whole = end == len(lines)
    while end > 0 and (not lines[end - 1].strip() or (not whole and _RULE.match(lines[end - 1]))):
        end -= 1
    return end
