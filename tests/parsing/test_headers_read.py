"""Headers as they are really written: each row is a header value and what it says."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resolver.parsing import parse
from resolver.parsing.addresses import parse_addresses
from resolver.parsing.dates import parse_date
from resolver.parsing.encoded_words import clean_line, header_text
from resolver.parsing.headers import split_headers
from resolver.parsing.message_ids import all_ids, first_id
from resolver.parsing.parameters import parse_parameters
from schemas.mail import Defect
from tests.examples import examples

SUBJECTS: list[tuple[bytes, str]] = [
    (b"Printer", "Printer"),
    (b"  Printer \t broken ", "Printer   broken"),
    (b"Printer\r\n broken", "Printer broken"),
    (b"Printer\n\t\tbroken", "Printer broken"),
    (b"=?utf-8?Q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
    (b"=?UTF-8?B?R3LDvMOfZQ==?=", "Grüße"),
    (b"=?iso-8859-1?Q?Gr=FC=DFe?= aus =?iso-8859-1?q?K=F6ln?=", "Grüße aus Köln"),
    (b"=?utf-8?Q?Gr=C3=BC?= =?utf-8?Q?=C3=9Fe?=", "Grüße"),
    (b"=?utf-8?Q?Gr=C3=BC=C3?=\r\n =?utf-8?Q?=9Fe?=", "Grüße"),  # cut inside a character
    (b"=?UTF-8?B?R3LDvMO?= =?UTF-8?B?fZQ==?=", "Grüße"),  # cut inside a base64 quantum
    (b"=?UTF-8?B?R3LDvMOfZQ?=", "Grüße"),  # padding missing
    (b"=?UTF-8?B?R3LD vMOf\r\n ZQ==?=", "Grüße"),  # blanks inside
    (b"=?utf-8?Q?Gr=C3=BC=C3=9Fe aus Wien?=", "Grüße aus Wien"),
    (b"=?utf-8?Q?Gr=C3=BC=C3=9Fe=?= aus Wien", "Grüße= aus Wien"),
    (b"=?utf-8?Q?Was?=20ist=20das=3F?=", "Was? ist das?"),
    (b"Re: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=!", "Re: Grüße!"),
    (b"Re:=?utf-8?Q?_Gr=C3=BC=C3=9Fe?=", "Re: Grüße"),
    (b"=?utf-8*de?Q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
    (b"=?utf8?q?Gr=c3=bc=c3=9fe?=", "Grüße"),
    (b'=?"utf-8"?Q?Gr=C3=BC=C3=9Fe?=', "Grüße"),
    (b"=?us-ascii?Q?Gr=C3=BC=C3=9Fe?=", "Grüße"),  # a lying charset
    (b"=?iso-8859-1?Q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
    (b"=?iso-8859-1?Q?=80_100_=96_now?=", "€ 100 – now"),  # cp1252, really
    (b"=?gb2312?B?1tDOxA==?=", "中文"),
    (b"=?gb2312?B?lUmLRQ==?=", "昇嬊"[:0] or bytes.fromhex("95498b45").decode("gb18030")),  # GBK, really
    (b"=?ks_c_5601-1987?B?x9Gxug==?=", "한국"[:0] or bytes.fromhex("c7d1b1ba").decode("cp949")),
    (b"=?iso-2022-jp?B?GyRCRnxLXDhsGyhC?=", "日本語"),
    (b"=?ISO-2022-JP?B?GyRCLSEtIhsoQg==?=", "①②"),  # NEC row 13, no part of the standard
    (b"=?x-sjis?B?k/qWe4zq?=", "日本語"),
    (b"=?shift_jis?B?k/qWe4zq?=", "日本語"),
    (b"=?big5?B?pKSk5Q==?=", "中文"),
    (b"=?koi8-r?B?8NLJ18XU?=", "Привет"),
    (b"=?windows-1251?B?z/Do4uXy?=", "Привет"),
    (b"=?cp1251?Q?=CF=F0=E8=E2=E5=F2?=", "Привет"),
    (b"=?utf-7?Q?Gr+APw-+AN8-e?=", "Grüße"),
    (b"=?unknown-8bit?Q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
    (b"=?unknown-8bit?Q?Gr=FC=DFe_aus_M=FCnchen?=", "Grüße aus München"),
    (b"=?utf8mb4?Q?=F0=9F=98=80?=", "😀"),
    (b"=?utf-8?Q??=", ""),
    (b"=?utf-8?X?abc?=", "=?utf-8?X?abc?="),
    (b"=?utf-8?Q?never closed", "=?utf-8?Q?never closed"),
    (b"50% =? what", "50% =? what"),
    ("Grüße aus München".encode(), "Grüße aus München"),
    ("Grüße aus München".encode("cp1252"), "Grüße aus München"),
    ("Ошибка в программе".encode("koi8-r"), "Ошибка в программе"),
    ("Ошибка в программе".encode("cp1251"), "Ошибка в программе"),
    ("打印机不能工作".encode("gb18030"), "打印机不能工作"),
    ("プリンターが動きません".encode("cp932"), "プリンターが動きません"),
    ("프린터가 작동하지 않습니다".encode("cp949"), "프린터가 작동하지 않습니다"),
    ("Ο εκτυπωτής δεν λειτουργεί".encode("cp1253"), "Ο εκτυπωτής δεν λειτουργεί"),
    (b"\x1b$BF|K\\8l\x1b(B", "日本語"),
    (b"a\x00b", "a\ufffdb"),
    (b"=?utf-8?Q?a=00b=0D=0AX-Evil:_1?=", "a\ufffdb X-Evil: 1"),
    (b"a\rb", "a b"),
    (b"bell\x07", "bell"),
    (b"=?utf-8?Q?=ED=A0=BD=ED=B8=80?=", "😀"),  # CESU-8
    (b"=?utf-8?Q?=ED=A0=BD_x?=", None),  # type: ignore[list-item]  # a lone surrogate: only valid Unicode is asked
]


@pytest.mark.parametrize(("value", "expected"), SUBJECTS)
def test_subject(value: bytes, expected: str | None) -> None:
    text = clean_line(header_text(value, None, set()))
    text.encode()
    if expected is not None:
        assert text == expected


def test_the_charset_of_the_body_is_a_hint_for_raw_headers() -> None:
    raw = b"From: a@example.org\nSubject: \xf0\xd2\xc9\xd7\xc5\xd4\nContent-Type: text/plain; charset=koi8-r\n\nx\n"
    assert parse(raw).mail.subject == "Привет"


ADDRESSES: list[tuple[bytes, list[tuple[str, str]]]] = [
    (b"anna@example.org", [("anna@example.org", "")]),
    (b"Anna <anna@example.org>", [("anna@example.org", "Anna")]),
    (b'"Example, Anna" <anna@example.org>', [("anna@example.org", "Example, Anna")]),
    (b'"Anna \\"A\\" Example" <anna@example.org>', [("anna@example.org", 'Anna "A" Example')]),
    (b"anna@example.org (Anna Example)", [("anna@example.org", "Anna Example")]),
    (b"Anna (in room (4)) Example <anna@example.org>", [("anna@example.org", "Anna Example")]),
    (b"<anna@example.org>", [("anna@example.org", "")]),
    (b"< anna@example.org >", [("anna@example.org", "")]),
    (b"<<anna@example.org>>", [("anna@example.org", "")]),
    (b"Anna <anna@example.org", [("anna@example.org", "Anna")]),
    (b"Anna anna@example.org", [("anna@example.org", "Anna")]),
    (b"a@example.org, b@example.org", [("a@example.org", ""), ("b@example.org", "")]),
    (b"a@example.org; B <b@example.org>;", [("a@example.org", ""), ("b@example.org", "B")]),
    (b"a@example.org b@example.org", [("a@example.org", ""), ("b@example.org", "")]),
    (b"a@example.org,, ,b@example.org,", [("a@example.org", ""), ("b@example.org", "")]),
    (b"undisclosed-recipients:;", []),
    (b"Undisclosed recipients: ;", []),
    (b"", []),
    (
        b"Team: a@example.org, B <b@example.org>; c@example.org",
        [("a@example.org", ""), ("b@example.org", "B"), ("c@example.org", "")],
    ),
    (b"MAILER-DAEMON", [("MAILER-DAEMON", "")]),
    (b"Mail System <MAILER-DAEMON>", [("MAILER-DAEMON", "Mail System")]),
    (b"MAILER-DAEMON (Mail Delivery System)", [("MAILER-DAEMON", "Mail Delivery System")]),
    (b"=?utf-8?Q?J=C3=B6rg?= <j@example.org>", [("j@example.org", "Jörg")]),
    (b'"=?utf-8?Q?J=C3=B6rg?=" <j@example.org>', [("j@example.org", "Jörg")]),
    (b"=?utf-8?Q?M=C3=BCller,_J=C3=B6rg?= <j@example.org>", [("j@example.org", "Müller, Jörg")]),
    (b"=?utf-8?Q?J=C3=B6rg,?= =?utf-8?Q?_M?= <j@example.org>", [("j@example.org", "Jörg, M")]),
    (b"=?utf-8?Q?M=C3=BCller, J=C3=B6rg?= <j@example.org>", [("j@example.org", "Müller, Jörg")]),
    (b"=?utf-8?B?SsO2cmcgPGpAZXhhbXBsZS5vcmc+?=", [("j@example.org", "Jörg")]),
    ("Jörg <j@example.org>".encode("cp1252"), [("j@example.org", "Jörg")]),
    ("Jörg <jörg@exämple.org>".encode(), [("jörg@exämple.org", "Jörg")]),
    (b"j@xn--exmple-cua.org", [("j@xn--exmple-cua.org", "")]),
    (b"Anna <@relay.example,@other.example:anna@example.org>", [("anna@example.org", "Anna")]),
    (b"Anna <mailto:anna@example.org>", [("anna@example.org", "Anna")]),
    (b"Anna <anna @ example . org>", [("anna@example.org", "Anna")]),
    (b"anna . example @ example . org", [("anna.example@example.org", "")]),
    (b'"anna example"@example.org', [('"anna example"@example.org', "")]),
    (b'<"anna example"@example.org>', [('"anna example"@example.org', "")]),
    (b'"anna@example.org"', [("anna@example.org", "")]),
    (b"'anna@example.org' <anna@example.org>", [("anna@example.org", "'anna@example.org'")]),
    (b"anna@example.org <anna@example.org>", [("anna@example.org", "anna@example.org")]),
    (b"anna@home@example.org", [("anna@home@example.org", "")]),
    (b'"Anna <anna@example.org>, "Bob" <bob@example.org>', [("anna@example.org", "Anna"), ("bob@example.org", "Bob")]),
    (b'"Anna Example <anna@example.org>', [("anna@example.org", "Anna Example")]),
    (b"anna@[192.0.2.1]", [("anna@[192.0.2.1]", "")]),
    (b"anna@[IPv6:2001:db8::1]", [("anna@[IPv6:2001:db8::1]", "")]),
    (b"Anna [Example Ltd] <anna@example.org>", [("anna@example.org", "Anna [Example Ltd]")]),
    (b"Anna: Desk <anna@example.org>", [("anna@example.org", "Desk")]),
    (b"Anna\r\n Example\r\n <anna@example.org>", [("anna@example.org", "Anna Example")]),
    (b"Anna Example", [("", "Anna Example")]),
    (b"<>", []),
    (b"Anna <>", [("", "Anna")]),
    # Notes names without quotes: one address, never its middle.
    (b"CN=Anna Ek/OU=Sales/O=Firm@example.org", [('"CN=Anna Ek/OU=Sales/O=Firm"@example.org', "Anna Ek")]),
    (b"<cn=Anna Ek/o=Firm @ example.org>", [('"cn=Anna Ek/o=Firm"@example.org', "Anna Ek")]),
    (b'"Ek, Anna" <CN=Anna Ek/O=Firm@example.org>', [('"CN=Anna Ek/O=Firm"@example.org', "Ek, Anna")]),
    (b"CN=Anna/O=Firm@example.org (Anna Ek)", [("CN=Anna/O=Firm@example.org", "Anna Ek")]),
    (b"CN=Anna Ek/O=Firm@FIRM@example.org", [('"CN=Anna Ek/O=Firm@FIRM"@example.org', "Anna Ek")]),
    (
        b"Anna Ek/R and D/Firm@example.org, CN=Bo Ek/O=Firm@example.org",
        [('"Anna Ek/R and D/Firm"@example.org', "Anna Ek"), ('"CN=Bo Ek/O=Firm"@example.org', "Bo Ek")],
    ),
    (b"=?utf-8?Q?CN=3DJ=C3=B6rg_Ek/O=3DFirm?=@example.org", [('"CN=J\u00f6rg Ek/O=Firm"@example.org', "J\u00f6rg Ek")]),
    # Signs that look alike, and are none.
    (b"Anna Ek/Sales anna@example.org", [("anna@example.org", "Anna Ek/Sales")]),
    (b"Anna Ek/Sales <anna@example.org>", [("anna@example.org", "Anna Ek/Sales")]),
    (b"Anna Ek <anna/sales@example.org>", [("anna/sales@example.org", "Anna Ek")]),
    (b"/G=Anna/S=Ek/O=Firm/@example.org", [("/G=Anna/S=Ek/O=Firm/@example.org", "")]),
    # Names with a comma, whose quotes were forgotten.
    (b"Ek, Anna <anna@example.org>", [("anna@example.org", "Ek, Anna")]),
    (b"Anna Ek, Ph. D., Sales <anna@example.org>", [("anna@example.org", "Anna Ek, Ph. D., Sales")]),
    (b'"Ek", Anna <anna@example.org>', [("anna@example.org", "Ek, Anna")]),
    (
        b"b@example.org, Ek, Anna <anna@example.org>, Yu, Bo <bo@example.org>",
        [("b@example.org", ""), ("anna@example.org", "Ek, Anna"), ("bo@example.org", "Yu, Bo")],
    ),
    (b"root; Anna <anna@example.org>", [("root", ""), ("anna@example.org", "Anna")]),
    (b"root, <anna@example.org>", [("root", ""), ("anna@example.org", "")]),
    (b"root (Charlie), Anna <anna@example.org>", [("root", "Charlie"), ("anna@example.org", "Anna")]),
    # Comments inside an address (RFC 5322, appendix A.5), brackets of the wrong kind.
    (b"Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", [("pete@silly.test", "Pete")]),
    (b"Anna [anna@example.org]", [("anna@example.org", "Anna")]),
]


@pytest.mark.parametrize(("value", "expected"), ADDRESSES)
def test_addresses(value: bytes, expected: list[tuple[str, str]]) -> None:
    assert [(box.address, box.name) for box in parse_addresses((value,), None, set())] == expected


DATES: list[tuple[str, str | None]] = [
    ("Mon, 06 Jan 2025 09:14:00 +0100", "2025-01-06T09:14:00+01:00"),
    ("Mon, 6 Jan 2025 09:14:00 +0100 (CET)", "2025-01-06T09:14:00+01:00"),
    ("6 Jan 2025 09:14 +0100", "2025-01-06T09:14:00+01:00"),
    ("Mon, 06 Jan 2025 09:14:00 GMT", "2025-01-06T09:14:00+00:00"),
    ("Mon, 06 Jan 2025 09:14:00 EST", "2025-01-06T09:14:00-05:00"),
    ("Mon, 06 Jan 2025 09:14:00 PDT", "2025-01-06T09:14:00-07:00"),
    ("Mon, 06 Jan 2025 09:14:00 Z", "2025-01-06T09:14:00+00:00"),
    ("Mon, 06 Jan 2025 09:14:00 A", "2025-01-06T09:14:00+00:00"),
    ("Mon, 06 Jan 2025 09:14:00 -0000", "2025-01-06T09:14:00+00:00"),
    ("Mon, 06 Jan 2025 09:14:00 +0545", "2025-01-06T09:14:00+05:45"),
    ("Mon, 06 Jan 2025 09:14:00 -0330", "2025-01-06T09:14:00-03:30"),
    ("Mon, 06 Jan 2025 09:14:00 -2359", "2025-01-06T09:14:00-23:59"),
    ("Mon, 06 Jan 2025 09:14:00", "2025-01-06T09:14:00+00:00"),
    ("Mon, 06 Jan 2025 09:14:00 UT", "2025-01-06T09:14:00+00:00"),
    ("Mon, 06 Jan 25 09:14:00 +0100", "2025-01-06T09:14:00+01:00"),
    ("Mon, 06 Jan 97 09:14:00 +0100", "1997-01-06T09:14:00+01:00"),
    ("Mon, 06 Jan 103 09:14:00 +0100", "2003-01-06T09:14:00+01:00"),
    ("Mon, 06 Jan 2025 09:14:60 +0100", "2025-01-06T09:14:59+01:00"),
    ("Mon,06 Jan 2025 09:14:00 +0100", "2025-01-06T09:14:00+01:00"),
    ("Mo, 06 Jan 2025 09:14:00 +0100", "2025-01-06T09:14:00+01:00"),
    ("Пн, 06 Jan 2025 09:14:00 +0300", "2025-01-06T09:14:00+03:00"),
    ("Mon, 6 Jan 2025 09(comment (in it)):   14  :  06 +0100", "2025-01-06T09:14:06+01:00"),
    ("Mon Jan  6 09:14:00 2025", "2025-01-06T09:14:00+00:00"),
    ("2025-01-06T09:14:00Z", "2025-01-06T09:14:00+00:00"),
    ("2025-01-06T09:14:00.123+01:00", "2025-01-06T09:14:00+01:00"),
    ("2025-01-06 09:14", "2025-01-06T09:14:00+00:00"),
    # Other forms, and none.
    ("Mon, 06 Jan 2025 09:14:00 +9999", None),
    ("Mon, 06 Jan 2025 09:14:00 -2400", None),
    ("Monday, January 06, 2025 9:14 PM", None),
    ("06.01.2025 09:14", None),
    ("Mo, 06 Mai 2024 09:14:00 +0200", None),
    ("2025年1月6日 09:14:00", None),
    ("Mon, 31 Feb 2025 09:14:00 +0100", None),
    ("Mon, 06 Jan 2025 29:14:00 +0100", None),
    ("yesterday", None),
    ("", None),
    ("0", None),
]


@pytest.mark.parametrize(("value", "expected"), DATES)
def test_dates(value: str, expected: str | None) -> None:
    assert parse_date(value) == expected


IDS: list[tuple[str, str | None]] = [
    ("<a@example.org>", "<a@example.org>"),
    (" < a@example.org > ", "<a@example.org>"),
    ("<a\r\n b@example.org>", "<ab@example.org>"),
    ("a@example.org", "<a@example.org>"),
    ("<a@example.org", "<a@example.org>"),
    ("a@example.org>", "<a@example.org>"),
    ("<a@example.org> (comment)", "<a@example.org>"),
    ("<1234>", "<1234>"),
    ("1234", "<1234>"),
    ("<>", None),
    ("", None),
]


@pytest.mark.parametrize(("value", "expected"), IDS)
def test_message_id(value: str, expected: str | None) -> None:
    assert first_id(value, set()) == expected


REFERENCES: list[tuple[str, tuple[str, ...]]] = [
    ("<a@x> <b@x>", ("<a@x>", "<b@x>")),
    ("<a@x><b@x>", ("<a@x>", "<b@x>")),
    ("<a@x>,\n <b@x>", ("<a@x>", "<b@x>")),
    ("<a@x> <a@x>", ("<a@x>",)),
    ('Your message of "Mon, 6 Jan 2025" <a@x>', ("<a@x>",)),
    ("a@x b@x", ("<a@x>", "<b@x>")),
    ("Your message of Monday", ()),
    ("", ()),
]


@pytest.mark.parametrize(("value", "expected"), REFERENCES)
def test_references(value: str, expected: tuple[str, ...]) -> None:
    assert all_ids((value,)) == expected


PARAMETERS: list[tuple[bytes, str, dict[str, str]]] = [
    (b"text/plain", "text/plain", {}),
    (b'TEXT/Plain; Charset="UTF-8"', "text/plain", {"charset": "UTF-8"}),
    (b"text/plain; charset = utf-8 ; format=flowed", "text/plain", {"charset": "utf-8", "format": "flowed"}),
    (b'x/y; name="a;b.txt"; size=3', "x/y", {"name": "a;b.txt", "size": "3"}),
    (b'x/y; name="never closed', "x/y", {"name": "never closed"}),
    (b"x/y; name=my file.txt; size=3", "x/y", {"name": "my file.txt", "size": "3"}),
    (b'x/y; name="C:\\temp\\new.txt"', "x/y", {"name": "C:\\temp\\new.txt"}),
    (b"attachment; filename*=utf-8''Gr%C3%BC%C3%9Fe.txt", "attachment", {"filename": "Grüße.txt"}),
    (b"attachment; filename*=iso-8859-1'de'Gr%FC%DFe.txt", "attachment", {"filename": "Grüße.txt"}),
    (b"attachment; filename*0=a; filename*1=b.txt", "attachment", {"filename": "ab.txt"}),
    (b"attachment; filename*1*=%C3%9Fe.txt; filename*0*=utf-8''Gr%C3%BC", "attachment", {"filename": "Grüße.txt"}),
    (b"attachment; filename*0*=utf-8''Gr%C3; filename*1*=%BC.txt", "attachment", {"filename": "Grü.txt"}),
    (b"attachment; filename=x.txt; filename*=utf-8''y.txt", "attachment", {"filename": "y.txt"}),
    (b'attachment; filename="=?utf-8?Q?Gr=C3=BC=C3=9Fe.txt?="', "attachment", {"filename": "Grüße.txt"}),
    (
        b'attachment; filename="=?utf-8?Q?Gr=C3=BC?=\r\n =?utf-8?Q?=C3=9Fe.txt?="',
        "attachment",
        {"filename": "Grüße.txt"},
    ),
    (b"attachment; filename==?utf-8?Q?Gr=C3=BC=C3=9Fe.txt?=", "attachment", {"filename": "Grüße.txt"}),
    ('attachment; filename="Grüße.txt"'.encode("cp1252"), "attachment", {"filename": "Grüße.txt"}),
    (b"text/plain (really); charset=utf-8 (comment)", "text/plain", {"charset": "utf-8"}),
    (b";;;= ; =; a", "", {}),
    # The semicolon forgotten, or too many; all in one encoded word; blanks about the slash.
    (b'attachment filename="a b.txt"', "attachment", {"filename": "a b.txt"}),
    (b"text/plain charset=utf-8; format=flowed", "text/plain", {"charset": "utf-8", "format": "flowed"}),
    (b"attachment, filename=a.txt", "attachment", {"filename": "a.txt"}),
    (b"multipart/mixed boundary=a=b", "multipart/mixed", {"boundary": "a=b"}),
    (b"attachment; filename=a;b.txt; size=3", "attachment", {"filename": "a;b.txt", "size": "3"}),
    (b"attachment; filename=a.txt;; size=3;", "attachment", {"filename": "a.txt", "size": "3"}),
    (b"=?utf-8?Q?attachment;_filename=3D=22=C3=BC.txt=22?=", "attachment", {"filename": "ü.txt"}),
    (b" text / plain; charset=utf-8", "text/plain", {"charset": "utf-8"}),
    # A name as RFC 2231 writes it, but for the star; and one that only has a percent sign.
    (b"attachment; filename=UTF-8''Gr%C3%BC.txt", "attachment", {"filename": "Grü.txt"}),
    (b"attachment; filename=\"iso-8859-1'de'Gr%FC.txt\"", "attachment", {"filename": "Grü.txt"}),
    (b"attachment; filename=at 'best' 50% off.txt", "attachment", {"filename": "at 'best' 50% off.txt"}),
    # A boundary ends with its brackets; a comment stands apart.
    (b"multipart/mixed; boundary=a(1)", "multipart/mixed", {"boundary": "a(1)"}),
    (b"multipart/mixed; boundary=a (1)", "multipart/mixed", {"boundary": "a"}),
]


@pytest.mark.parametrize(("value", "main", "parameters"), PARAMETERS)
def test_parameters(value: bytes, main: str, parameters: dict[str, str]) -> None:
    assert parse_parameters(value, None, set()) == (main, parameters)


def test_what_was_read_before_changes_nothing_of_the_next_mail() -> None:
    for _ in range(2):
        found: set[Defect] = set()
        main, parameters = parse_parameters(b"text/plain; charset==?utf-8?Q?never", None, found)
        assert (main, parameters) == ("text/plain", {"charset": "=?utf-8?Q?never"})
        parameters.clear()
        parse_addresses([b"=?utf-8?Q?never <ann@example.org>"], None, found)
        assert found == {Defect.BAD_ENCODED_WORD}
        again: set[Defect] = set()
        parse_addresses([b"=?utf-8?Q?never <ann@example.org>"], None, again)
        assert again == {Defect.BAD_ENCODED_WORD}
    raw = '"Борис" <boris@example.org>'
    for charset in ("koi8-r", "cp866", "koi8-r"):
        found = set()
        [box] = parse_addresses([raw.encode(charset)], charset, found)
        assert (box.name, found) == ("Борис", {Defect.RAW_8BIT_HEADER})


_LINES = (
    "From: ann@example.org",
    "SUBJECT:a",
    "Subject: b",
    " folded",
    "\tand on",
    "X-Empty:",
    "X:a:b",
    "To : x",
    "junk",
)


@given(lines=st.lists(st.sampled_from(_LINES), max_size=12), end=st.sampled_from(("\n", "\r\n")))
@settings(max_examples=examples(300))
def test_a_block_that_is_taken_apart_at_once_says_what_its_fields_say_one_by_one(lines: list[str], end: str) -> None:
    """A blank before a colon is the obsolete form: a block that holds one is read field by field."""
    block = end.join(("X-First: 1", *lines, "", "text"))
    obsolete = block.replace("X-First:", "X-First :")
    (at_once, found), (one_by_one, expected) = (_read(one.encode()) for one in (block, obsolete))
    assert at_once == one_by_one and found == expected


def _read(raw: bytes) -> tuple[dict[str, tuple[bytes, ...]], tuple[set[Defect], bytes, tuple[bytes, ...]]]:
    found: set[Defect] = set()
    headers, start = split_headers(raw, found)
    fields = {name: headers.raw_all(name) for name in headers}
    assert all(headers.raw(name) == values[0] for name, values in fields.items())
    return fields, (found, raw[start:], headers.raw_above("from", "subject"))
