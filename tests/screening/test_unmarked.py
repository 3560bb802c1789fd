"""Programs that set no mark: as mlmmj 1.3.0, vacation 3.3.3, formail 3.22 and fetchmail 6.4.37 (Debian 12) write them,
each with what a person writes that looks nearly the same.
"""

import pytest

from resolver.parsing import parse
from resolver.screening import answerable, screen
from schemas.mail import Screening
from schemas.reasons import Reason

OWN = frozenset({"desk@example.com"})
MIME = "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
OUR_ID = "<mailcall.00112233445566778899aabbccddeeff@desk.example.com>"
ANSWERS = f"References: {OUR_ID}\nIn-Reply-To: {OUR_ID}\n"
LIST_ID = "Message-ID: <1795945731-7684-mlmmj-5bcfbb8b@lists.example>\n"
BEN = "From: ben@firm.example (Ben Bo)\n"


def mlmmj(
    from_: str = "staff+help", path: str = "staff+bounces-help", subject: str = "Welcome to staff", rest: str = ""
) -> str:
    return_path = f"Return-Path: <{path}@lists.example>\n" if path else ""
    return (
        f"{return_path}Subject: {subject}\nFrom: {from_}@lists.example\nTo: desk@example.com\n{MIME}{rest}\n"
        "Hi, this is the Mlmmj program managing the <staff@lists.example> mailing\nlist.\n"
    )


def vacation(
    subject: str = "away from my mail", text: str = 'Your mail concerning "Lunch"\nwill be read.', rest: str = ""
) -> str:
    return f"Return-Path: <ben@firm.example>\n{BEN}To: desk@example.com\nSubject: {subject}\n{rest}\n{text}\n"


def formail(rest: str, from_: str = BEN, subject: str = "Re: [C-000123] Printer") -> str:
    return f"{from_}To: desk@example.com\nSubject: {subject}\n{rest}\nI received your mail.\n"


def fetchmail(subject: str, from_: str = "FETCHMAIL-DAEMON@mx.firm.example") -> str:
    return f"Return-Path: <{from_}>\nFrom: {from_}\nTo: desk@example.com\n{MIME}Subject: {subject}\n\nSome text.\n"


MACHINES = {
    "mlmmj welcomes": mlmmj(),
    "mlmmj says goodbye in German": mlmmj(subject="Auf Wiedersehen bei staff@lists.example"),
    "mlmmj asks to confirm": mlmmj(
        path="staff+bounces-confsub-1ae9b14d0c9260b9-desk=example.com",
        rest="Reply-To: staff+confsub-1ae9b14d0c9260b9-desk=example.com@lists.example\n",
    ),
    "mlmmj probes": mlmmj("staff+owner", "staff+bounces-probe-desk=example.com", "Bouncing messages from staff"),
    "mlmmj denies a post": mlmmj("staff+owner", subject="Post to staff denied: [C-000123] Printer"),
    "mlmmj asks a moderator": mlmmj("staff+owner", "staff+owner", "Please moderate staff: x", LIST_ID),
    "mlmmj, no envelope sender kept": mlmmj(path="", rest=LIST_ID),
    "mlmmj with another delimiter": mlmmj("staff-help", "staff-bounces-help", rest=LIST_ID),
    "vacation as it comes": vacation(text="I will not be reading my mail for a while.\nIt will be read when I return."),
    "vacation as it comes, through a gateway": vacation(rest=MIME),
    "vacation, another text": vacation(text="Ich bin in Rom."),
    "vacation, other words about our mail": vacation("Urlaub", 'Ihre Mail "[C-000123] Printer" lese ich am Montag.'),
    "vacation, about an answer to our mail": vacation(
        "Out", 'I am on vacation. "Re: [C-000123.20783.abcdefghijklmnop] Printer" has to wait.'
    ),
    "formail answers": formail(f"{ANSWERS}X-Loop: ben@firm.example\n"),
    "formail answers with MIME": formail(f"{ANSWERS}X-Loop: Ben@Firm.example\n{MIME}"),
    "formail answers, two marks": formail(f"{ANSWERS}X-Loop: list@lists.example\nX-Loop: <ben@firm.example>\n"),
    "fetchmail cannot log in": fetchmail("fetchmail authentication failed on ben@pop.example"),
    "fetchmail in German": fetchmail("fetchmail-Authentifikation fehlgeschlagen"),
    "fetchmail in small letters": fetchmail("Fetchmail oversized-messages warning", "fetchmail-daemon@mx.firm.example"),
}

PERSONS = {
    "a list's owner writes": mlmmj("staff+owner", "ann", "Your subscription"),
    "a list's owner writes from there": mlmmj("staff+owner", "staff+owner", "Your subscription"),
    "a help desk with an address for bounces": mlmmj("acme-help", "acme-bounces", "Your order"),
    "another list's path": mlmmj("staff+help", "sales+bounces-help"),
    "through mlmmj": mlmmj("ann", "staff+bounces-1-desk=example.com", "Printer"),
    "a plus tag": mlmmj("ann+help", "ann", "Help"),
    "a digest": "Return-Path: <staff+bounces-digest-desk=example.com@lists.example>\nFrom: staff+help@lists.example\n"
    "MIME-Version: 1.0\nContent-Type: multipart/digest; boundary=B\nSubject: Digest of staff\n\n--B\n\n"
    "From: ann@example.org\nSubject: Printer\n\nIt is broken.\n--B--\n",
    "tells of an absence without a mail program": vacation("Away from Monday", "I am away from my mail. Ask Ann."),
    "tells of an absence under that subject": vacation(text="I am away from Monday. Please ask Ann.", rest=MIME),
    "asks about vacation's words": vacation("vacation", 'What does "Your mail concerning "$SUBJECT"" mean?', MIME),
    "quotes our subject": vacation("Printer", 'You wrote "[C-000123] Printer". It is still broken.'),
    "quotes our subject and is on holiday": vacation("Printer", 'On holiday. "[C-000123] Printer" is solved.', MIME),
    "answers, passed on by formail": formail(f"{ANSWERS}X-Loop: ann@client.example\n{MIME}"),
    "passed on by formail": formail(f"X-Loop: ben@firm.example\n{MIME}"),
    "answers with a mail program that sets X-Loop": formail(
        f"{ANSWERS}X-Loop: ben@firm.example\n{MIME}User-Agent: Mutt/2.2.9\n"
    ),
    "an X-Loop that names nobody": formail(f"{ANSWERS}X-Loop: yes\n{MIME}"),
    "a mail that lost its headers": fetchmail("Headerless mail from ben's mailbox on pop.example"),
    "asks about fetchmail": fetchmail("fetchmail authentication failed", "ben@firm.example"),
    "a daemon by name": fetchmail("Printer", "daemon@firm.example"),
}


def judge(raw: str) -> Screening:
    return screen(parse(raw.encode()), OWN)


@pytest.mark.parametrize("name", MACHINES)
def test_what_a_program_answers_is_known_by_how_it_is_built(name: str) -> None:
    judged = judge(MACHINES[name])
    assert (judged.verdict, judged.reason) == ("rejected", Reason.AUTO_REPLY)
    assert judged.evidence


@pytest.mark.parametrize("name", PERSONS)
def test_a_person_who_writes_nearly_the_same_is_a_person(name: str) -> None:
    assert judge(PERSONS[name]) == Screening(verdict="person")


@pytest.mark.parametrize(
    "raw",
    [
        PERSONS["a digest"],
        PERSONS["a mail that lost its headers"],
        PERSONS["through mlmmj"],
        PERSONS["answers, passed on by formail"],
        PERSONS["an X-Loop that names nobody"],
        f"From: staff+confsub-1ae9-a=b.example@lists.example\n{MIME}\nx",
        f"From: staff+bounces-7@lists.example\n{MIME}\nx",
        f"From: FETCHMAIL-DAEMON\n{MIME}\nx",
        f"Return-Path: <staff-return-12-desk=example.com@lists.example>\n{BEN}{MIME}\nx",
        f"Return-Path: <staff-bounces+desk=example.com@lists.example>\n{BEN}{MIME}\nx",
    ],
)
def test_whatever_a_program_may_have_sent_is_not_answered(raw: str) -> None:
    assert not answerable(parse(raw.encode()))


@pytest.mark.parametrize(
    "headers",
    [
        "From: ann+help-me@client.example\n",
        "From: ann@client.example\nX-Loop: ben@firm.example\n",
        "From: ann@client.example\nReturn-Path: <bounces+123-desk=example.com@mailer.example>\n",
        "From: ann@client.example\nReturn-Path: <ann-return@client.example>\n",
        "From: ann@client.example\nReturn-Path: <prvs=1234abcd=ann@client.example>\n",
    ],
)
def test_a_person_is_answered_all_the_same(headers: str) -> None:
    assert answerable(parse(f"{headers}{MIME}Subject: Printer\n\nIt is broken.".encode()))
