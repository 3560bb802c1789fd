"""The text of a mail that is all calendar."""

import pytest

from resolver.parsing import parse
from resolver.parsing.calendars import MAX_ENTRIES
from tests.parsing.test_bodies_read import HEAD, TEXT, multipart, names


def calendar(*lines: str, method: str = "REQUEST", entry: str = "VEVENT") -> bytes:
    body = "\n".join(("BEGIN:VCALENDAR", f"METHOD:{method}", f"BEGIN:{entry}", *lines, f"END:{entry}", "END:VCALENDAR"))
    return f"Content-Type: text/calendar; charset=utf-8; method={method}\n\n{body}\n".encode()


WHEN: list[tuple[list[str], str]] = [
    (["DTSTART:20251201T090000Z", "DTEND:20251201T100000Z"], "2025-12-01 09:00 - 10:00 UTC"),
    (["DTSTART:20251201T090000", "DTEND:20251201T100000"], "2025-12-01 09:00 - 10:00"),
    (["DTSTART:20251201T220000Z", "DURATION:PT2H30M"], "2025-12-01 22:00 - 2025-12-02 00:30 UTC"),
    (["DTSTART;TZID=Asia/Tokyo:20251201T090000"], "2025-12-01 09:00 Asia/Tokyo"),
    (
        ['DTSTART;TZID="Zone: A;B":20251201T090000', 'DTEND;TZID="Zone: A;B":20251201T093000'],
        "2025-12-01 09:00 - 09:30 Zone: A;B",
    ),
    (
        ["DTSTART;TZID=Asia/Tokyo:20251201T090000", "DTEND:20251201T090000Z"],
        "2025-12-01 09:00 Asia/Tokyo",
    ),
    (
        ["DTSTART;TZID=Asia/Tokyo:20251201T090000", "DTEND:20251201T100000Z"],
        "2025-12-01 09:00 Asia/Tokyo - 2025-12-01 10:00 UTC",
    ),
    (["DTSTART;VALUE=DATE:20251201"], "2025-12-01"),
    (["DTSTART;VALUE=DATE:20251201", "DTEND;VALUE=DATE:20251202"], "2025-12-01"),
    (["DTSTART;VALUE=DATE:20251201", "DTEND;VALUE=DATE:20251204"], "2025-12-01 - 2025-12-03"),
    (["DTSTART;VALUE=DATE:20251201", "DURATION:P1W"], "2025-12-01 - 2025-12-07"),
    (["DUE:20251201T090000Z"], "due 2025-12-01 09:00 UTC"),
    (["DTSTART:20251201T080000Z", "DUE:20251201T090000Z"], "2025-12-01 08:00 - 09:00 UTC"),
    (["DTSTART:20251301T080000Z"], ""),
    (["DTSTART:tomorrow", "DTEND:99999999T999999Z"], ""),
    (["DTSTART:99991231T230000Z", "DURATION:P9999W"], "9999-12-31 23:00 UTC"),
]


@pytest.mark.parametrize(("lines", "when"), WHEN)
def test_when_an_entry_is(lines: list[str], when: str) -> None:
    assert parse(HEAD + calendar("SUMMARY:Lift", *lines)).mail.text == f"Lift\n{when}".rstrip()


SAID: list[tuple[str, list[str], str]] = [
    ("REQUEST", ["SUMMARY:Lift", "X-ALT-DESC;FMTTYPE=text/html:<p>Bring <b>it</b>.</p>"], "Lift\n\nBring it."),
    ("REQUEST", ["SUMMARY:Lift", "DESCRIPTION:Bring it.", "X-ALT-DESC;FMTTYPE=text/html:<p>No"], "Lift\n\nBring it."),
    ("PUBLISH", ["SUMMARY;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:Gr=C3=BC=C3=9Fe"], "Grüße"),
    ("PUBLISH", ["SUMMARY;CHARSET=ISO-8859-1;ENCODING=quoted-printable:Gr=FC=DFe"], "Grüße"),
    ("REQUEST", ["SUMMARY:Lift", "LOCATION:Room 3", "DESCRIPTION:Bring it."], "Lift\nRoom 3\n\nBring it."),
    ("REQUEST", ["summary;language=de:Auf\\, ab\\; \\\\x", "DESCRIPTION:a\\nb\\Nc"], "Auf, ab; \\x\n\na\nb\nc"),
    ("REQUEST", ["SUMMARY:Lift in buil", " ding 3", "LOCATION:Ro", "\tom"], "Lift in building 3\nRoom"),
    ("REQUEST", ["SUMMARY:Lift", "BEGIN:VALARM", "DESCRIPTION:Reminder", "END:VALARM", "LOCATION:A"], "Lift\nA"),
    ("REQUEST", ["SUMMARY:Lift", "ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:a@x.example"], "Lift"),
    ("CANCEL", ["SUMMARY:Lift"], "Cancelled: Lift"),
    ("REQUEST", ["SUMMARY:Lift", "STATUS:CANCELLED"], "Cancelled: Lift"),
    ("COUNTER", ["SUMMARY:Lift", "COMMENT:Later?"], "Proposed: Lift\n\nLater?"),
    ("REPLY", ["SUMMARY:Lift", "ATTENDEE;PARTSTAT=TENTATIVE:MAILTO:a@x.example"], "Lift\na@x.example: tentative"),
    ("REPLY", ['ATTENDEE;CN="Bell; A: B";PARTSTAT=DECLINED:mailto:a@x.example'], "Bell; A: B: declined"),
    ("CANCEL", [], "Cancelled"),
    ("REQUEST", ["no property", ":", "X;Y", 'SUMMARY;X="open:Lift', "SUMMARY:Lift"], "Lift"),
]


@pytest.mark.parametrize(("method", "lines", "words"), SAID)
def test_what_an_entry_says(method: str, lines: list[str], words: str) -> None:
    mail = parse(HEAD + calendar(*lines, method=method)).mail
    assert (mail.text, names(mail)) == (words, [""])


def test_a_zone_is_no_entry_and_a_task_is_one() -> None:
    zone = ("BEGIN:VTIMEZONE", "TZID:A", "BEGIN:STANDARD", "DTSTART:16010101T030000", "END:STANDARD", "END:VTIMEZONE")
    task = ("END:VTODO", "BEGIN:VTODO", "SUMMARY:Two")
    body = calendar("SUMMARY:One", *task, entry="VTODO").replace(
        b"BEGIN:VTODO", "\n".join(zone).encode() + b"\nBEGIN:VTODO", 1
    )
    assert parse(HEAD + body).mail.text == "One\n\nTwo"


def test_a_calendar_beside_words_adds_none() -> None:
    view = calendar("SUMMARY:Lift")
    for kind in ("alternative", "mixed"):
        assert parse(HEAD + multipart(kind, TEXT, view)).mail.text == "Hello"
    for empty in (b"\n \n", b"Content-Type: text/html\n\n<div><br></div>\n", b"\n.\n"):
        assert parse(HEAD + multipart("alternative", empty, view)).mail.text.endswith("Lift")


def test_an_invitation_that_comes_twice_is_told_once() -> None:
    view = calendar("SUMMARY:Lift")
    assert (
        parse(HEAD + multipart("mixed", view, view.replace(b"text/calendar", b"application/ics; name=a.ics"))).mail.text
        == "Lift"
    )


def test_no_more_than_a_number_of_entries_is_told() -> None:
    lines = [f"SUMMARY:{i}\nEND:VEVENT\nBEGIN:VEVENT" for i in range(MAX_ENTRIES + 5)]
    assert parse(HEAD + calendar(*lines)).mail.text.split() == [str(i) for i in range(MAX_ENTRIES)]
