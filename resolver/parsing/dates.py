"""Dates of mails: RFC 5322 with its obsolete forms, and the other forms that programs write."""

import re
from datetime import UTC, datetime, timedelta, timezone

_MONTHS = (
    "jan ene gen янв яну січ јан led sij tammi oca ian ιαν jaa",
    "feb fév fev févr фев лют феб lut úno vel helmi şub φεβ vee",
    "mar mär mrz már mart мар бер bře ožu maalis μαρ μάρ",
    "apr avr abr ápr апр кві kwi dub tra huhti nis απρ",
    "may mai mei mag maj máj май мая мај тра kvě svi touko μαΐ μαϊ μάι",
    "jun jui_n juin giu jún июн юни чер јун cze čer lip_ kesä haz iun ιουν juuni",
    "jul juil lug júl июл юли лип јул lip čvc srp_ heinä tem iul ιουλ juuli",
    "aug aoû aou ago avg agu авг сер sie srp kol elo ağu αυγ αύγ",
    "sep set сен сеп вер wrz zář ruj syys eyl sze σεπ",
    "oct okt ott out окт жов paź říj lis_ loka eki οκτ",
    "nov ноя ное нов лис lis stu marras kas noi νοε",
    "dec déc dez dic des дек гру дец gru pro joulu ara det δεκ",
)
_MONTH = {name: i + 1 for i, names in enumerate(_MONTHS) for name in names.split() if not name.endswith("_")}
_ZONES = {
    "UT": 0, "UTC": 0, "GMT": 0, "Z": 0, "WET": 0, "EST": -300, "EDT": -240, "CST": -360, "CDT": -300, "MST": -420,
    "MDT": -360,
    "PST": -480, "PDT": -420, "AKST": -540, "AKDT": -480, "HST": -600, "AST": -240, "ADT": -180, "NST": -210,
    "NDT": -150,
    "BRT": -180, "ART": -180, "BST": 60, "WEST": 60, "CET": 60, "MET": 60, "MEZ": 60, "CEST": 120, "MEST": 120,
    "MESZ": 120,
    "EET": 120, "EEST": 180, "SAST": 120, "MSK": 180, "MSD": 240, "IST": 330, "PKT": 300, "ICT": 420, "WIB": 420,
    "HKT": 480,
    "SGT": 480, "AWST": 480, "JST": 540, "KST": 540, "ACST": 570, "AEST": 600, "AEDT": 660, "NZST": 720, "NZDT": 780,
}  # fmt: skip
_TIME = (
    r"(?P<hour>\d{1,2})[:.](?P<minute>\d{1,2})(?:[:.](?P<second>\d{1,2})(?:[.,]\d{1,9})?)?"
    r"(?:\s*(?P<half>[AaPp])\.?[Mm]\b\.?)?"
)
_ZONE = r"(?:\s*(?P<zone>[+-]\s?\d{1,2}:?\d{0,2}\b|(?:GMT|UTC)\s?[+-]\d{1,2}:?\d{0,2}\b|[A-Za-z]{1,5}\b))?"
_DAY = r"(?:[^\W\d]+\.?,?\s*)?"
_PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        # Mon, 02 Jan 2006 15:04:05 +0100; 2-Jan-06 15:04 EST; Mo., 2. Januar 2006 um 15:04
        rf"{_DAY}(?P<day>\d{{1,2}})\.?[\s-]*(?:de\s+)?(?P<month>[^\W\d]{{3,12}})\.?,?[\s-]*(?:de\s+)?(?P<year>\d{{2,4}}),?"
        rf"\s+(?:[^\W\d]{{1,4}}\s+)?{_TIME}{_ZONE}",
        # Mon Jan  2 15:04:05 CET 2006 (asctime, Unix date)
        rf"{_DAY}(?P<month>[^\W\d]{{3,12}})\.?\s+(?P<day>\d{{1,2}}),?\s+{_TIME}(?:\s+(?P<zone>[A-Za-z]{{1,5}}|"
        rf"(?:GMT|UTC)?[+-]\d{{2}}:?\d{{2}}))?"
        r"\s+(?P<year>\d{4})(?:\s+(?P<late>[+-]\d{4}|[A-Z]{2,5}))?",
        # Jan 2, 2006 3:04 PM
        rf"{_DAY}(?P<month>[^\W\d]{{3,12}})\.?\s+(?P<day>\d{{1,2}})(?:st|nd|rd|"
        rf"th)?,?\s+(?P<year>\d{{4}}),?\s+(?:at\s+)?{_TIME}{_ZONE}",
        # 2006-01-02T15:04:05Z, 2006/01/02 15:04
        rf"{_DAY}(?P<year>\d{{4}})[-/.]\s?(?P<number>\d{{1,2}})[-/.]\s?(?P<day>\d{{1,2}})\.?(?:[T\s]\s*{_TIME}{_ZONE})?",
        # 02.01.2006 15:04
        rf"{_DAY}(?P<day>\d{{1,2}})\.(?P<number>\d{{1,2}})\.(?P<year>\d{{2,4}}),?(?:\s+{_TIME}{_ZONE})?",
        # 1/2/2006 3:04 PM: the month first, as in the USA, unless it cannot be one
        rf"{_DAY}(?P<number>\d{{1,2}})[/-](?P<day>\d{{1,2}})[/-](?P<year>\d{{2,4}}),?(?:\s+{_TIME}{_ZONE})?",
        # Mon, 2 1 2006 15:04, 2 1월 2006 15:04: a program whose language has no names for months
        rf"{_DAY}(?P<day>\d{{1,2}})\s+(?P<number>\d{{1,2}})[월月]?\s+(?P<year>\d{{4}})\s+{_TIME}{_ZONE}",
        # Mon, 02 Jan 2006 without a time
        rf"{_DAY}(?P<day>\d{{1,2}})\.?[\s-]+(?P<month>[^\W\d]{{3,12}})\.?,?[\s-]+(?P<year>\d{{2,4}})\s*$",
    )
)
_USUAL = re.compile(r"(?:[^\W\d]{3}, )?(\d{1,2}) (?P<month>[^\W\d]{3}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) ([+-]\d{4})\Z")
_COMMENT = re.compile(r"\([^()]*\)")
_SPREAD_COLON = re.compile(r"(?<=\d) ?: ?(?=\d)")
_EAST_ASIAN = str.maketrans({"年": "-", "月": "-", "日": " ", "时": ":", "時": ":", "分": ":", "秒": " "})
_OFFSET = re.compile(r"([+-])\s?(\d{1,2}):?(\d{0,2})$")
_MAX = 200


def parse_date(text: str) -> str | None:
    """ISO 8601 with offset; without a zone UTC is taken (RFC 5322, section 3.3: `-0000`); None if unreadable."""
    if "年" in text:
        text = text.translate(_EAST_ASIAN)
    text = " ".join(_without_comments(text[:_MAX]).split())
    if " :" in text or ": " in text:
        text = _SPREAD_COLON.sub(":", text)
    text = text.strip("\"' ")
    usual = _usual(text)
    if usual:
        return usual
    for pattern in _PATTERNS:
        match = pattern.match(text)
        if match:
            try:
                return _moment(match.groupdict()).isoformat()
            except (ValueError, OverflowError):
                continue
    return None


def _usual(text: str) -> str | None:
    """The form that RFC 5322 asks for, at a third of the cost of all the others: most dates have it."""
    match = _USUAL.match(text)
    month = _MONTH.get(match["month"].lower()) if match else None
    if match is None or month is None:
        return None
    day, _, year, hour, minute, second, zone = match.groups()
    try:
        return datetime(
            int(year), month, int(day), int(hour), int(minute), min(int(second), 59), tzinfo=_zone(zone)
        ).isoformat()
    except (ValueError, OverflowError):
        return None


def _without_comments(text: str) -> str:
    """Comments nest (RFC 5322, section 3.2.2): the innermost go first."""
    found = text.count("(")
    while found:
        text, found = _COMMENT.subn(" ", text)
    return text


def _moment(fields: dict[str, str | None]) -> datetime:
    """Raises `ValueError` where the numbers are no date."""
    month = _month(fields["month"]) if fields.get("month") else int(fields["number"] or 0)
    day = int(fields["day"] or 0)
    if "number" in fields and month > 12 >= day:
        month, day = day, month
    hour, minute, second = (int(fields.get(name) or 0) for name in ("hour", "minute", "second"))
    half = (fields.get("half") or "").lower()
    if half and hour <= 12:
        hour = hour % 12 + (12 if half == "p" else 0)
    zone = _zone(fields.get("zone") or fields.get("late"))
    return datetime(_year(fields["year"] or "0"), month, day, hour, minute, min(second, 59), tzinfo=zone)


def _month(name: str | None) -> int:
    word = (name or "").lower()
    for length in (6, 5, 4, 3):
        if word[:length] in _MONTH:
            return _MONTH[word[:length]]
    raise ValueError("no month")


def _year(digits: str) -> int:
    """Two and three digits: RFC 5322, section 4.3."""
    year = int(digits)
    if len(digits) == 2:
        return year + (2000 if year < 50 else 1900)
    return year + 1900 if len(digits) == 3 else year


def _zone(text: str | None) -> timezone:
    if not text:
        return UTC
    match = _OFFSET.search(text)
    if not match:
        # Unknown names and military letters say nothing (RFC 5322, section 4.3).
        return _fixed(_ZONES.get(text.upper(), 0))
    minutes = int(match[2]) * 60 + int(match[3] or 0)
    return _fixed(0 if minutes >= 24 * 60 else (-minutes if match[1] == "-" else minutes))


def _fixed(minutes: int) -> timezone:
    return timezone(timedelta(minutes=minutes)) if minutes else UTC
