"""The Date of a mail: RFC 5322, section 3.3, its obsolete form (section 4.3), and what the standard library reads.

Nothing is decided by it: it is shown, and travels with the mail. So no other form is read (docs/adr/0016-dates.md).
"""

import re
from datetime import UTC, datetime
from functools import cache

_MONTH = {name: i + 1 for i, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split())}
# Unknown names and military letters say nothing: they are UTC, as the standard has it.
_HOURS = {"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7}
_FORM = re.compile(
    r"(?:[^\W\d]{2,9}\.? ?, ?)?(\d{1,2}) ([A-Za-z]{3}) (\d{2,4}) (\d{1,2}) ?: ?(\d{2})(?: ?: ?(\d{2}))?"
    r"(?: (?:([+-])(\d{2})(\d{2})|([A-Za-z]{1,5})))?"
)
_COMMENT = re.compile(r"\([^()]*\)")
_MAX = 200
_DAY = 24 * 60  # minutes


def parse_date(text: str) -> str | None:
    """ISO 8601 with offset; without a zone UTC is taken, as for `-0000`; None where it has another form."""
    match = _FORM.fullmatch(text)  # as nearly all are written
    if match is None:
        text = " ".join(_without_comments(text[:_MAX]).split())
        match = _FORM.fullmatch(text)
    month = _MONTH.get(match[2].lower()) if match else None
    if match is None or month is None:
        return _other_form(text)
    day, _, year, hour, minute, second, sign, hours, minutes, name = match.groups()
    offset = int(hours) * 60 + int(minutes) if hours else 60 * _HOURS.get((name or "").upper(), 0)
    if offset >= _DAY:
        return None
    try:
        moment = datetime(
            _year(year),
            month,
            int(day),
            int(hour),
            int(minute),
            min(int(second or 0), 59),  # a leap second
        )
    except ValueError:
        return None
    return f"{moment.isoformat()}{_zone(-offset if sign == '-' else offset)}"


@cache
def _zone(offset: int) -> str:
    """Minutes east of UTC, fewer than a day has, as ISO 8601 writes them."""
    hours, minutes = divmod(abs(offset), 60)
    return f"{'-' if offset < 0 else '+'}{hours:02}:{minutes:02}"


def _other_form(text: str) -> str | None:
    """ISO 8601, as scripts write it, and ctime's form, as cron of an old Unix does."""
    for read in (datetime.fromisoformat, _ctime):
        try:
            moment = read(text).replace(microsecond=0)
        except ValueError:
            continue
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()
    return None


def _ctime(text: str) -> datetime:
    return datetime.strptime(text, "%a %b %d %H:%M:%S %Y")


def _without_comments(text: str) -> str:
    """Comments nest (RFC 5322, section 3.2.2): the innermost go first."""
    found = text.count("(")
    while found:
        text, found = _COMMENT.subn(" ", text)
    return text


def _year(digits: str) -> int:
    """Two and three digits: RFC 5322, section 4.3."""
    year = int(digits)
    if len(digits) == 2:
        return year + (2000 if year < 50 else 1900)
    return year + 1900 if len(digits) == 3 else year
