"""A calendar (RFC 5545) as text: for each entry what, when, where, and its author's words."""

import re
from binascii import a2b_qp
from datetime import datetime, timedelta

from resolver.parsing.charsets import decode
from resolver.parsing.encoded_words import clean
from resolver.parsing.html_text import html_to_text

MAX_ENTRIES = 20

_FOLD = re.compile(r"\n[ \t]")
_LINE = re.compile(r'([\w-]{1,60})((?:;[^":]*+(?:"[^"]*+"[^":]*+)*+)?):(.*)')
_PARAMETER = re.compile(r';([\w-]{1,60})=(?:"([^"]*+)"|([^;"]*+))')
_ESCAPED = re.compile(r"\\([nN,;\\])")
_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(?:\d\d)?(Z?))?", re.IGNORECASE)
_DURATION = re.compile(r"\+?P(?:(\d{1,4})W)?(?:(\d{1,4})D)?(?:T(?:(\d{1,4})H)?(?:(\d{1,4})M)?(?:\d{1,4}S)?)?\Z", re.I)
_ENTRIES = frozenset({"VEVENT", "VTODO", "VJOURNAL"})
_MARKS = {"CANCEL": "Cancelled: ", "CANCELLED": "Cancelled: ", "COUNTER": "Proposed: "}  # by method or status

_Values = dict[str, list[tuple[dict[str, str], str]]]  # by property: (parameters, value)


def calendar_text(source: str) -> str:
    """The text of the first entries of a calendar, blocks with a blank line between; empty where there are none."""
    method, entries = _read(_FOLD.sub("", source))
    return "\n\n".join(dict.fromkeys(filter(None, (_entry_text(entry, method) for entry in entries))))


def _read(unfolded: str) -> tuple[str, list[_Values]]:
    """(the calendar's METHOD, its entries). What stands in a part of an entry, such as an alarm, is passed over."""
    method = ""
    inside: list[str] = []
    entries: list[_Values] = []
    for match in map(_LINE.match, unfolded.split("\n")):
        if match is None:
            continue
        name, value = match[1].upper(), match[3].strip()
        if name == "BEGIN":
            inside.append(value.upper())
            if inside[-1] in _ENTRIES:
                if len(entries) == MAX_ENTRIES:
                    break
                entries.append({})
        elif name == "END":
            if inside and inside[-1] == value.upper():
                inside.pop()
        elif inside and inside[-1] in _ENTRIES:
            given = {found[1].upper(): found[2] or found[3] or "" for found in _PARAMETER.finditer(match[2])}
            if given.get("ENCODING", "").upper() == "QUOTED-PRINTABLE":  # vCalendar 1.0
                data = a2b_qp(value.encode("ascii", "replace"))
                value = clean(decode(data, given.get("CHARSET"), None, set()))
            entries[-1].setdefault(name, []).append((given, value))
        elif name == "METHOD":
            method = value.upper()
    return method, entries


def _entry_text(entry: _Values, method: str) -> str:
    summary = _first(entry, "SUMMARY")
    mark = _MARKS.get(method) or _MARKS.get(_first(entry, "STATUS").upper(), "")
    head = [mark + summary if summary else mark.rstrip(": "), _when(entry), _first(entry, "LOCATION")]
    if method == "REPLY":
        head += [_answer(*attendee) for attendee in entry.get("ATTENDEE", ())]
    words = [_unescaped(value) for name in ("COMMENT", "DESCRIPTION") for _, value in entry.get(name, ())]
    if "DESCRIPTION" not in entry and "X-ALT-DESC" in entry:  # Outlook's, as HTML
        words.append(html_to_text(_first(entry, "X-ALT-DESC"))[0])
    blocks = ["\n".join(line for line in head if line), *words]
    return "\n\n".join(block.strip("\n") for block in blocks if block.strip())


def _first(entry: _Values, name: str) -> str:
    return _unescaped(entry[name][0][1]) if name in entry else ""


def _unescaped(value: str) -> str:
    return _ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], value).strip()


def _answer(given: dict[str, str], value: str) -> str:
    """`Anna Bell: accepted`"""
    who = given.get("CN") or re.sub(r"\Amailto:", "", value, flags=re.IGNORECASE)
    return f"{who}: {given['PARTSTAT'].lower()}" if "PARTSTAT" in given else ""


def _when(entry: _Values) -> str:
    """`2025-12-01 09:00 - 10:00 UTC`; in the entry's own zone, which no reader has to guess."""
    start, whole_day, zone = _time(entry, "DTSTART")
    due, _, due_zone = _time(entry, "DUE")
    if start is None:
        return f"due {due:%Y-%m-%d %H:%M} {due_zone}".rstrip() if due else ""
    end, end_whole_day, end_zone = _time(entry, "DTEND")
    if end is None and due is not None:
        end, end_zone = due, due_zone
    elif end is None:
        end, end_whole_day, end_zone = _after(start, _first(entry, "DURATION")), whole_day, zone
    if end is not None and end_whole_day:
        end -= timedelta(days=1)  # it names the day behind the last one (RFC 5545, section 3.6.1)
    form = "%Y-%m-%d" if whole_day else "%Y-%m-%d %H:%M"
    text = start.strftime(form)
    if end is not None and end > start:
        same_day = end.date() == start.date() and zone == end_zone
        text += f" {zone}" if zone and zone != end_zone else ""
        text += f" - {end.strftime('%H:%M' if same_day else form)}"
        zone = end_zone
    return f"{text} {zone}".rstrip()


def _after(start: datetime, duration: str) -> datetime | None:
    match = _DURATION.match(duration)
    if match is None:
        return None
    weeks, days, hours, minutes = (int(number or 0) for number in match.groups())
    try:
        return start + timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes)
    except OverflowError:
        return None


def _time(entry: _Values, name: str) -> tuple[datetime | None, bool, str]:
    """(time, whether it is a whole day, name of its zone); no time where none can be read."""
    given, value = entry.get(name, [({}, "")])[0]
    match = _TIME.match(value)
    if match is None:
        return None, False, ""
    year, month, day, hour, minute, utc = match.groups()
    try:
        time = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0))
    except ValueError:
        return None, False, ""
    return time, hour is None, "UTC" if utc else given.get("TZID", "") if hour else ""
