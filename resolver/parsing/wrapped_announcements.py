"""Where a wrapped attribution line begins: which lines above can only be its beginning."""

import re
from collections.abc import Sequence

from resolver.parsing.attribution_lines import DAY, OPENER, OPENING_ONLY, START, WROTE
from resolver.parsing.reply_context import PossibleAuthors

MAX_ANNOUNCED = 500  # characters
MAX_LINES = 4
DATE_DIGITS = 6  # 6/1/25 9:14
DAY_DIGITS = 5  # 6 Jan 2025
_WHOLE_DATE_DIGITS = 8  # 6 Jan 2025 9:14
_FRAGMENT = 6  # words of a line that is the beginning of an announcement
_MIDDLE = 3  # words of a line in the midst of one
_AT = ("于", "於", "在")

DIGIT = re.compile(r"\d")
TIME = re.compile(r"\d{1,2}[:.∶٫時时시]\s?\d{2}")
NUMERIC_DATE = re.compile(r"\W{0,3}\d{1,4}[./-] ?\d{1,2}[./-] ?\d{2,4}")
_COMPLETE_DATE = re.compile(
    r"\W{0,3}(?:\d{1,4}[./-] ?\d{1,2}[./-] ?\d{2,4}|\d{1,2}\.? [^\W\d]+[.,]{0,2} (?:de )?\d{4}|\d{4} ?[年년])"
)
_YEAR_OR_TIME = re.compile(r"\d{1,2}[:.∶٫時时시]\s?\d{2}|[12۱۲१२]\d{3}")
_FIRST_OF_DATE = re.compile(r"[^\W\d]\S{0,12}\s+\d")  # Nov 24
_ADDRESS = re.compile(r"[<(\[]?[^<>()\[\]\s]{1,120}@[^<>()\[\]\s]{3,120}[>)\]]")
_ENDS_SENTENCE = re.compile(r"[.!?…:：;。！？]$")
_ABBREVIATION = re.compile(r"(?:\d|\d\.? (?:de )?\w{1,10}|\b\w)\.$")  # 24. / 24. Nov. / p.m.


def first_line(lines: Sequence[str], quoted: Sequence[bool], first: int, last: int, answered: PossibleAuthors) -> int:
    """The true first line of an announcement that stands in the lines from `first` to `last`."""
    paragraph = first
    while paragraph > max(last - MAX_LINES + 1, 0) and not quoted[paragraph - 1]:
        above = line_at(lines, paragraph - 1)
        if not above or len(above) > MAX_ANNOUNCED or ends_sentence(above):
            break
        paragraph -= 1
    top = paragraph == 0 or quoted[paragraph - 1] or not lines[paragraph - 1].strip()
    higher = first - 1
    while higher >= paragraph:
        if _begins(line_at(lines, higher), line_at(lines, first), top and higher == paragraph, answered):
            first = higher
        elif len(lines[higher].split()) > _MIDDLE and not DIGIT.search(lines[higher]):
            break
        higher -= 1
    return first


def line_at(lines: Sequence[str], i: int) -> str:
    """A line with ordinary blanks inside, and none about it."""
    return lines[i].strip().replace("\xa0", " ").replace("\u202f", " ")


def ends_sentence(line: str) -> bool:
    """Whether a sentence ends here: no bracket is open, and the full stop is not that of a date."""
    if not _ENDS_SENTENCE.search(line) or line.count("(") > line.count(")"):
        return False
    return not (_ABBREVIATION.search(line) or OPENING_ONLY.match(line.lower()))


def _begins(above: str, line: str, top: bool, answered: PossibleAuthors) -> bool:
    """Whether an announcement that was wrapped before `line` begins in the line `above`.

    Directly above, or with some short lines between, which then belong to it as well. `top`: that its paragraph begins
    there.
    """
    low_above, low, sign = above.lower(), line.lower(), line[0]
    if sign in "<([" or above[-1] in "<([":
        return len(above.split()) <= 2 * _FRAGMENT
    address = _ADDRESS.search(above)
    if address and "@" not in line:
        rest = above[address.end() :].strip(" )")
        if not (sign.isupper() or sign.isdigit()) or rest[:1] == "," or rest in _AT or DIGIT.search(rest):
            return True
        if OPENING_ONLY.match(rest.rpartition(" ")[2].lower()):
            return True
    if _opens(line, low):
        return False
    goes_on = (sign.isalnum() and not sign.isupper()) or sign == "+" or bool(_FIRST_OF_DATE.match(line))
    if OPENING_ONLY.match(low_above):
        letter = len(above) == 1 and above.isascii()
        return bool(goes_on or START.match(low)) and not (letter and _COMPLETE_DATE.match(line))
    verb = WROTE.search(low)
    if top and verb and not verb.start() and not verb["rest"].strip():
        return len(above.split()) <= _FRAGMENT
    return _begins_date(above, line, top, goes_on) or any(
        low_above.endswith(name[:at].rstrip()) and low.startswith(name[at:].lstrip())
        for name in answered.names
        for at, letter in enumerate(name)
        if letter == " "
    )


def _opens(line: str, low: str) -> bool:
    """Whether an announcement begins with this line itself: `On ...`, not `on ...` or `AM`."""
    if line[0].islower() or line.startswith("AM ") or not OPENER.match(low):
        return False
    return line[0].isupper() or len(DIGIT.findall(line)) >= _WHOLE_DATE_DIGITS


def _begins_date(above: str, line: str, top: bool, goes_on: bool) -> bool:
    """Whether a date was divided between two lines."""
    words, digits, digits_below = len(above.split()), len(DIGIT.findall(above)), len(DIGIT.findall(line))
    if digits_below >= _WHOLE_DATE_DIGITS and DAY.match(line.lower()):
        return False
    begins = START.match(above.lower())
    if not digits:
        if not begins or words > _MIDDLE or not goes_on or NUMERIC_DATE.match(line):
            return False
        return above.endswith((",", "،")) or (line[0].isalnum() and not _COMPLETE_DATE.match(line))
    if _COMPLETE_DATE.match(line) or not (words <= _FRAGMENT or digits >= DAY_DIGITS):
        return False
    if digits >= DAY_DIGITS and digits_below < DATE_DIGITS and begins and _YEAR_OR_TIME.search(above):
        return True
    return bool(begins or top) and goes_on
