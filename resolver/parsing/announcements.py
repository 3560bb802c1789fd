"""Which lines are an attribution line, `On ... wrote:`, of up to four lines, wrapped at any blank.

The verb is known by its language (`quote_words.py`); without it the address of somebody whom the mail goes to, beside
a date and above a marked quotation, tells the same in any language.
"""

import re
from collections.abc import Sequence

from resolver.parsing.attribution_lines import BRACKETED, DASHED_END, DATE_AND_NAME, DATED, QUOTING, START, WROTE
from resolver.parsing.reply_context import ReplyContext
from resolver.parsing.wrapped_announcements import (
    DATE_DIGITS,
    DAY_DIGITS,
    DIGIT,
    MAX_ANNOUNCED,
    MAX_LINES,
    NUMERIC_DATE,
    TIME,
    ends_sentence,
    first_line,
    line_at,
)

_VERB = 60  # characters at the end of a dashed line in which its verb must stand
_REST = 4  # words of a last line that is no more than the rest of a name or a zone

_MESSAGE_ID = re.compile(r"(?:\w{1,20} )?<[^<>\s]{1,250}@[^<>\s]{1,250}>:")
_DATE_LAST = re.compile(r"(.{3,200}?)[:：] (\(?\d[^()]{6,60}\)?)")  # wrote: (17 November 2026 14:05)


def ends_announcing(line: str, certain: bool) -> bool:
    """Whether a closer look is worth it. Above a quotation with marks some programs leave out the colon."""
    if len(line) > MAX_ANNOUNCED:
        return False
    if line.rstrip("*_)]>| \t\xa0\u3000").endswith((":", "：", "---")):
        return line.count("(") <= line.count(")")
    return certain and len(DIGIT.findall(line)) >= DATE_DIGITS and not ends_sentence(line.rstrip())


def announcement_start(
    lines: Sequence[str], quoted: Sequence[bool], last: int, certain: bool, asked: ReplyContext
) -> int | None:
    """The first line of an announcement that ends at line `last`; None where there is none.

    `certain`: a quotation with marks stands below.
    """
    line = line_at(lines, last)
    if BRACKETED.match(line) or (last and quoted[last - 1] and _MESSAGE_ID.fullmatch(line)):
        return last
    dashed = line.endswith("---")
    joined = line = line if dashed else _with_colon(line)
    for first in range(last, max(last - MAX_LINES, -1), -1):
        if first < last:
            above = line_at(lines, first)
            if quoted[first] or not above or ends_sentence(above) or len(above) + len(joined) > MAX_ANNOUNCED:
                break
            if certain and first == last - 1 and len(line.split()) <= _REST and _says_all(above, line):
                return first_line(lines, quoted, first, last, asked.answered)
            joined = f"{above}{joined}" if above[-1] in "<([" else f"{above} {joined}"
        if dashed:
            if joined.startswith("---") and joined != line[-3:]:
                return first if DIGIT.search(joined) and DASHED_END.search(joined[-_VERB:].lower()) else None
        elif QUOTING.match(joined):
            return first
        elif _announces(joined, first == last, certain, asked):
            return first_line(lines, quoted, first, last, asked.answered)
    if _wrote(line) and (certain or _tells_when(line, certain)):
        return first_line(lines, quoted, last, last, asked.answered)
    return None


def _says_all(above: str, line: str) -> bool:
    """Whether the last line is no more than the rest of a name, a time or a zone."""
    dated = len(DIGIT.findall(above)) >= DAY_DIGITS and TIME.search(f"{above} {line}")
    return bool(dated) and _wrote(f"{above}:")


def _with_colon(line: str) -> str:
    """With its colon at the end: some programs put it first, written from the right, or before the date.

    A line without any ends in a full stop from here on.
    """
    if line.startswith(":"):
        return f"{line[1:].strip()}:"
    dated = _DATE_LAST.fullmatch(line)
    if dated:
        return f"{dated[1]} {dated[2]}:"
    return line if line.rstrip("*_)]>| ").endswith((":", "：")) else f"{line}."


def _wrote(line: str) -> bool:
    """Whether it holds the verb and ends in a colon; or, behind a date at its beginning, ends in the verb."""
    if not line.endswith("."):
        return bool(WROTE.search(line.lower()))
    if not NUMERIC_DATE.match(line):
        return False
    verb = WROTE.search(f"{line[:-1].lower()}:")
    return bool(verb and not verb["rest"].strip())


def _announces(joined: str, alone: bool, certain: bool, asked: ReplyContext) -> bool:
    """Whether these lines are an announcement that lacks nothing but, maybe, its beginning."""
    digits = len(DIGIT.findall(joined))
    low = joined.lower()
    anchored = START.match(low)
    if anchored and _is_dated(joined, certain):
        return True
    if (digits >= DATE_DIGITS or (anchored and digits >= 3)) and _wrote(joined):
        dated = "@" in joined or TIME.search(joined) or NUMERIC_DATE.search(joined)
        return bool(alone or (dated and (anchored or "@" in joined))) and _tells_when(joined, certain)
    if not certain or digits < DATE_DIGITS or not TIME.search(joined):
        return False
    if joined.endswith("."):
        before = [low.partition(address)[0].strip(' "<(') for address in asked.answered.addresses if address in low]
        return any(name in ("", *asked.answered.names) or low[0] == '"' for name in before)
    if any(address in low for address in asked.answered.addresses):
        return True
    return bool(DATE_AND_NAME.match(joined)) or (low[0].isdigit() and low.rstrip(":： ").endswith(asked.answered.names))


def _is_dated(announcement: str, certain: bool) -> bool:
    """A time, and an address in brackets at the end: `2025-01-06 9:14 Anna <anna@example.org>:`"""
    address = DATED.search(announcement)
    if not address or not (certain or address[0].startswith("<")):
        return False
    return bool(TIME.search(announcement, 0, address.start()))


def _tells_when(announcement: str, certain: bool) -> bool:
    """Whether an address or a date stands in it. A whole date, where no marks below show that it announces a mail:
    `On Monday 10:00 the service wrote:` is a sentence."""
    return "@" in announcement or len(DIGIT.findall(announcement)) >= (1 if certain else DATE_DIGITS)
