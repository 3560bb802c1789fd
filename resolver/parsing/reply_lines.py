"""What each line of a text is: the author's own, quoted, or an attribution line."""

import re
from dataclasses import dataclass

from resolver.parsing.announcements import announcement_start, ends_announcing
from resolver.parsing.attribution_lines import ARROWS, FORWARDED
from resolver.parsing.header_blocks import begins_original, is_forwarded
from resolver.parsing.reply_context import ReplyContext
from schemas.reply_marker import REPLY_MARKER

_MAX_LOOKS = 200  # at lines that end as one does: each can cost a millisecond and more

_QUOTED = re.compile(r"^\s{0,3}>")
WORDS = re.compile(r"\w")
MANGLED = ">From "  # written so by mail systems that deliver into a file of many mails (mbox)
_RULES = frozenset("-\u2010\u2011\u2013\u2014_=*")
_MARKER = REPLY_MARKER.strip("- ").lower()


@dataclass(slots=True)
class SortedLines:
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


def sort_lines(lines: list[str], asked: ReplyContext) -> SortedLines:
    quoted = [">" in line[:4] and bool(_QUOTED.match(line)) for line in lines]
    shape = SortedLines(lines, quoted, [False] * len(lines), len(lines))
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


def restore_mangled(shape: SortedLines) -> None:
    """`>From ` without a quotation beside it, or an announcement above it, is what its author wrote."""
    mangled: set[int] = set()
    run: list[int] = []
    above = announced = False  # what stands above the run is a quotation, or announces one
    for i, line in enumerate([*shape.lines, ""]):
        if line.startswith(MANGLED):
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


def _is_quoted_below(shape: SortedLines, start: int) -> bool:
    """Whether the next line that is not blank is a quoted one."""
    for i in range(start, min(start + 4, len(shape.lines))):
        if shape.lines[i].strip():
            return shape.quoted[i]
    return False


def is_own(shape: SortedLines, i: int) -> bool:
    return not shape.quoted[i] and not shape.announcing[i] and bool(WORDS.search(shape.lines[i]))
