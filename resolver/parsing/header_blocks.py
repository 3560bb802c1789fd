"""The header block above quoted text without marks: `From: ... Sent: ... To: ... Subject: ...`, and the line above it.

In known languages its labels tell; in any other, who is in it: its first address is of somebody whom the mail goes
to, a line holds a date with a time, and one the subject. A form that somebody filled in names its own author first.
"""

import re
from collections.abc import Sequence

from resolver.parsing.attribution_lines import LABEL, ORIGINAL, label_kind
from resolver.parsing.reply_context import PossibleAuthors, ReplyContext
from resolver.parsing.wrapped_announcements import DATE_DIGITS, DIGIT, TIME

_KNOWN_BLOCK = 9  # lines in which its labels must stand
_BLOCK = 7  # lines of one whose labels are not known
_FEWEST = 3
_BELOW_TITLE = 5  # lines below `--- Original Message ---` in which the address must stand
_MIN_SUBJECT = 3
_LONG = 50  # characters of a line that may have been wrapped

_TITLE = re.compile(r"^\s*+[-‐‑–—_=*]{2,}+\s*+[^\W_][^\n]{2,40}[-‐‑–—_=*]{2,}\s*$")
_RULES = frozenset("-‐‑–—_=*")
_RULE_SIGNS = "_-=*─—\u2010\u2011 \t\xa0"


def begins_original(lines: Sequence[str], start: int, asked: ReplyContext) -> bool:
    """Whether a mail that is carried below begins at this line."""
    line = lines[start]
    if line.lstrip()[:1] in _RULES and (ORIGINAL.match(line) or _is_title(lines, start, asked)):
        return True
    return bool(LABEL.match(line)) and (_is_known_block(lines, start) or _is_block(lines, start, asked))


def is_forwarded(lines: Sequence[str], start: int, asked: ReplyContext) -> bool:
    """Whether the mail that begins here was handed on: `FW:`, and not `Re: FW:` above a mail of whom it goes to."""
    if not asked.handed_on:
        return False
    return not (asked.answered_too and _is_of_answered(lines[start : start + _KNOWN_BLOCK], asked.answered))


def _is_known_block(lines: Sequence[str], start: int) -> bool:
    """A sender and two more labels within a few lines, in any order.

    A subject or an address must be among them: a form that is filled in has `From`, `To` and `Date`, too. A sentence
    ends it: what stands above that is its author's, such as `To: all of you`.
    """
    if label_kind(lines[start]) is None:
        return False
    kinds: set[str] = set()
    address = False
    before = ""
    for line in lines[start : start + _KNOWN_BLOCK]:
        kind = label_kind(line)
        if kind:
            kinds.add(kind)
            address |= kind == "from" and "@" in line
        elif line.strip() and not (LABEL.match(line) or _goes_on(before, line)):
            break
        before = line
    return "from" in kinds and len(kinds - {"cc"}) >= 3 and ("subject" in kinds or address)


def _goes_on(before: str, line: str) -> bool:
    """Whether a line of a header block goes on with the one above, which was wrapped."""
    return line[0].isspace() or len(before) >= _LONG or before.rstrip().endswith((",", ";"))


def _is_block(lines: Sequence[str], start: int, asked: ReplyContext) -> bool:
    """`Label: value` in each line of a paragraph: whoever is answered, a date, the subject."""
    block = lines[start : start + _BLOCK]
    if len(block) < _FEWEST or not all(LABEL.match(line) for line in block[1:_FEWEST]):
        return False
    if (start and lines[start - 1].strip(_RULE_SIGNS)) or not any("@" in line for line in block):
        return False
    if len(asked.subject) < _MIN_SUBJECT or not asked.answered.addresses:
        return False
    seen = addresses = 0
    dated = titled = False
    plain = not (start and lines[start - 1].strip())  # no rule above, and no name beside the address
    for line in block:
        if not line.strip():
            break
        label = LABEL.match(line)
        if label is None or DIGIT.search(label[1]):
            return False
        value = line[label.end() :].strip(" \t*_").lower()
        seen += 1
        if "@" in value:
            addresses += 1
            plain &= addresses > 1 or "<" not in value
            if addresses == 1 and not _names(value, asked.answered):
                return False
        elif value.endswith(asked.subject):
            titled = True
        elif len(DIGIT.findall(value)) >= DATE_DIGITS and TIME.search(value):
            dated = True
        elif seen == 1:
            return False
    return seen >= _FEWEST + plain and addresses > 0 and dated and titled


def _is_title(lines: Sequence[str], start: int, asked: ReplyContext) -> bool:
    """`------ Original Message ------` in any language, above whoever is answered."""
    if not _TITLE.match(lines[start]):
        return False
    return _is_of_answered(lines[start + 1 : start + 1 + _BELOW_TITLE], asked.answered)


def _is_of_answered(block: Sequence[str], answered: PossibleAuthors) -> bool:
    """Whether the first address is of somebody whom the mail goes to."""
    first = next((line for line in block if "@" in line), "")
    return _names(first.lower(), answered)


def _names(value: str, answered: PossibleAuthors) -> bool:
    return any(address in value for address in answered.addresses)
