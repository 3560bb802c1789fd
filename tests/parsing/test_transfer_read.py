"""Transfer encodings and wide charsets that lie: what was sent is read as its author meant it."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resolver.parsing import parse
from resolver.parsing.base64_text import decode_base64
from resolver.parsing.charsets import decode
from schemas.mail import Defect, ParsedMail
from tests.examples import examples

HEAD = b"From: anna@example.org\r\nSubject: x\r\nMIME-Version: 1.0\r\n"


def mail(body: bytes, encoding: str = "base64", kind: str = "text/plain; charset=utf-8") -> ParsedMail:
    header = f"Content-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode()
    return parse(HEAD + header + body).mail


SENT_AS_THEY_ARE = [
    "Hello", "Test", "Mail", "Printer", "bitte", "TEST", "PDF", "iPhone", "1234", "C-000123", "Test Mail", "No.", "n",
    "Принтер", "Принтер не работает", "Grüße", "プリンターが動きません", "打印机坏了。",
    "Hello,\n\nthe printer on floor 3 does not print.\n\nClara", "Please help me", "VPN geht nicht",
    "Mein iPhone findet das WLAN im HomeOffice nicht", "printer_on_floor_3", "DruckerImDrittenStockGehtNicht",
    "https://portal.example/tickets/4711", '{"a": 1, "b": [1, 2, 3]}', "a;b;c\n1;2;3",
    "2026-11-24 09:14:00 ERROR Printer offline\n2026-11-24 09:15:00 ERROR Printer offline",
    "glorp nishful swunk zarple dremp frust\nploost smohl cregs smoosk premst griptas",
    "> Is it broken?\n\nYes",
]  # fmt: skip


@pytest.mark.parametrize("text", SENT_AS_THEY_ARE)
def test_text_that_was_never_base64_stays_as_it_was_sent(text: str) -> None:
    parsed = mail(text.encode())
    assert parsed.text == text
    assert Defect.BAD_BASE64 in parsed.defects


def test_a_page_and_a_file_that_were_never_base64_stay_as_they_were_sent() -> None:
    assert mail(b"<p>Printer</p>", kind="text/html").text == "Printer"
    log = b"09:14:00 ERROR Printer offline\r\n09:15:00 WARN retry\r\n"
    for content in (log, b"%PDF-1.7\r\n" + bytes(range(256)), b'<?xml version="1.0"?><order/>'):
        header = b"Content-Type: application/octet-stream; name=a.log\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        assert [file.content for file in parse(HEAD + header + content).files] == [content]
    first_line = b"Printer01\r\nis offline since 9:14\r\n"
    assert decode_base64(first_line, False, set()) == first_line


TEXTS = ["Hello", "Der Drucker druckt nicht. Grüße\r\n", "Привет", "印刷できません", "x" * 300, "Ja, bitte! " * 90]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data.replace(b"=", b""),
        lambda data: data.replace(b"\n", b"\r\n\r\n"),
        lambda data: b"> " + data.strip().replace(b"\n", b"\n> "),
        lambda data: b">" + data.strip().replace(b"\n", b"\n>"),
        lambda data: data.translate(bytes.maketrans(b"+/", b"-_")),
        lambda data: data.translate(bytes.maketrans(b"+/", b"-_"), b"="),
        lambda data: data.replace(b"\n", b" "),
        lambda data: b" ".join(data[i : i + 4] for i in range(0, len(data), 4)),
        lambda data: data.replace(b"\n", b"\n   "),
        lambda data: data[:5] + b"*" + data[5:],
        lambda data: data + b"\n_________________\nstaff mailing list\nstaff@lists.example\n",
        lambda data: data + b"\nhttps://lists.example/staff\n",
        lambda data: data + b"\nThis mail was scanned and is clean\n",
        lambda data: data + b"-- \nYou received this message because you are subscribed.\n",
        lambda data: data + "\nこのメールはウイルス検査済みです\n".encode(),
    ],
)
def test_damaged_base64_is_decoded(text: str, damage) -> None:  # type: ignore[no-untyped-def]  # bytes to bytes
    assert decode_base64(damage(base64.encodebytes(text.encode())), True, set()) == text.encode()


@given(content=st.binary(min_size=30, max_size=3_000), at=st.integers(0, 2_000))
@settings(max_examples=examples(100))
def test_a_file_in_base64_keeps_every_byte(content: bytes, at: int) -> None:
    found: set[Defect] = set()
    whole = base64.encodebytes(content)
    assert (decode_base64(whole, False, found), found) == (content, set())
    assert decode_base64(whole.rstrip(b"=\n"), False, found) == content
    junk = whole[: at % len(whole)] + b"!" + whole[at % len(whole) :]
    if len(set(content)) > 20:  # of few different bytes any text may be made
        assert decode_base64(junk, False, found) == content


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r\n\t", b" \n", b"\r\r\n", b"\n\n"])
@pytest.mark.parametrize("length", [1, 2, 60, 76, 998])
def test_a_large_file_keeps_every_byte_however_its_lines_end(length: int, end: bytes) -> None:
    content = bytes(range(256)) * 40
    coded = base64.b64encode(content)
    lines = [coded[at : at + length] for at in range(0, len(coded), length)]
    even, found = end.join(lines), set[Defect]()
    shorter = end.join([lines[0][:-1], *lines[1:]])
    assert decode_base64(even, False, found) == content
    assert decode_base64(even + end, False, found) == content
    for at in (0, len(even) // 2, len(even) - 1):
        for blank in (b"\r", b"\n", b" ", b"\t"):
            assert decode_base64(even[:at] + blank + even[at:], False, found) == content
    assert found == set()
    assert decode_base64(shorter, False, found) != content and found == {Defect.BAD_BASE64}


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_one_long_line_below_a_short_one_keeps_all_its_letters(end: bytes) -> None:
    content = bytes(range(256)) * 40
    lines = base64.b64encode(content)
    assert decode_base64(lines[:76] + end + lines[76:], False, set()) == content


@given(content=st.one_of(st.binary(max_size=300), st.text(max_size=100).map(str.encode)), is_text=st.booleans())
@settings(max_examples=examples(300))
def test_any_bytes_said_to_be_base64_are_decoded_or_kept(content: bytes, is_text: bool) -> None:
    decoded = decode_base64(content, is_text, set())
    assert decoded == content or len(decoded) * 4 <= len(content) * 3


QUOTED_PRINTABLE = [
    ('<table width=50 class="a" id="b"><tr><td style="x">Hello</table>', "text/html", "Hello"),
    (
        "see https://desk.example/?id=4711&name=Anna&x=y",
        "text/plain",
        "see https://desk.example/?id=4711&name=Anna&x=y",
    ),
    ("Gr=C3=BC=C3=9Fe, 100=% and =\r\nmore", "text/plain", "Grüße, 100=% and more"),
    ("one=\rtwo\r\nthree", "text/plain", "one=\ntwo\nthree"),
]


@pytest.mark.parametrize(("body", "kind", "text"), QUOTED_PRINTABLE)
def test_text_that_was_never_quoted_printable_stays_as_it_was_sent(body: str, kind: str, text: str) -> None:
    parsed = mail(body.encode(), "quoted-printable", f"{kind}; charset=utf-8")
    assert parsed.text == text
    assert Defect.BAD_QUOTED_PRINTABLE in parsed.defects


WIDE = ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]
ANY_LANGUAGE = [
    "Grüße aus Köln, der Drucker druckt nicht.\nClara", "Привет, принтер не печатает.", "Ο εκτυπωτής δεν εκτυπώνει",
    "המדפסת לא עובדת, תודה", "الطابعة لا تعمل، شكرا", "เครื่องพิมพ์ ไม่ทำงาน ครับ", "प्रिंटर काम नहीं कर रहा है",
    "Máy in không hoạt động", "პრინტერი არ მუშაობს", "打印机坏了。\n请帮忙。\n第3层",
    "プリンターが動きません。\n3階です。\n",
    "프린터가 작동하지 않습니다. 도와주세요", "<html><body><p>打印机坏了</p></body></html>", "Hi",
    "a\nb\nc\n",
]  # fmt: skip


@pytest.mark.parametrize("text", ANY_LANGUAGE)
@pytest.mark.parametrize("codec", WIDE)
@pytest.mark.parametrize("label", [None, "us-ascii", "utf-8", "iso-8859-1", "gb2312", "unicode", "utf-16", "x-unknown"])
def test_wide_text_is_told_by_its_bytes(text: str, codec: str, label: str | None) -> None:
    found: set[Defect] = set()
    data = text.encode(codec)
    assert decode("\ufeff".encode(codec) + data, label, None, found) == text
    assert decode(data, label, None, found) == text
    assert decode("\ufeff".encode(codec) + data + b"\n", label, None, found) == text  # cut in its last character
    if label not in ("unicode", "utf-16", None):
        assert found & {Defect.WRONG_CHARSET, Defect.UNKNOWN_CHARSET}


@pytest.mark.parametrize("text", ["打印机坏了。", "プリンターが動きません。", "프린터"])
@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("label", ["utf-16", "unicode", "ucs-2"])
def test_wide_text_without_a_nul_is_told_by_its_label(text: str, codec: str, label: str) -> None:
    data = text.encode(codec)
    assert b"\0" not in data
    assert decode(data, label, None, set()) == text


NARROW = [
    ("Grüße aus Köln", "utf-8"), ("Grüße aus Köln", "cp1252"), ("Hello", "ascii"),
    ("Привет, принтер не печатает", "koi8-r"), ("Привет, принтер", "cp1251"), ("打印机坏了。" * 1_500, "utf-8"),
    ("打印机坏了。", "gb18030"), ("プリンターが動きません", "cp932"),
    ("プリンター", "iso-2022-jp"), ("프린터가 작동하지 않습니다", "cp949"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "codec"), NARROW)
@pytest.mark.parametrize("label", ["utf-16", "unicode", "utf-16be", "utf-32", "ISO-10646-UCS-2"])
def test_text_that_is_not_wide_is_read_whatever_its_label_says(text: str, codec: str, label: str) -> None:
    found: set[Defect] = set()
    assert decode(text.encode(codec), label, None, found) == text
    assert Defect.WRONG_CHARSET in found


@pytest.mark.parametrize("data", [b"Hello\0World", b"Hello\0", b"a\0b", b"\0\0\0\0", b"Hello\0\0\0you\0"])
@pytest.mark.parametrize("label", [None, "utf-8", "us-ascii"])
def test_a_stray_nul_makes_no_text_wide(data: bytes, label: str | None) -> None:
    assert decode(data, label, None, set()) == data.decode()


def test_a_byte_order_mark_of_utf_8_comes_before_the_label() -> None:
    for label in ("windows-1251", "gb2312", "cp874", None):
        assert decode(b"\xef\xbb\xbf" + "Grüße 打印".encode(), label, None, set()) == "\ufeffGrüße 打印"


def test_a_subject_in_wide_characters_is_read() -> None:
    for charset, codec in (("utf-16", "utf-16-be"), ("unicode", "utf-16-le"), ("unicode", "utf-8")):
        word = base64.b64encode("Drucker kaputt".encode(codec)).decode()
        assert parse(f"Subject: =?{charset}?B?{word}?=\n\n".encode()).mail.subject == "Drucker kaputt"
    assert parse(b"Subject: =?unicode?Q?Test?=\n\n").mail.subject == "Test"


def test_text_that_was_never_uuencoded_stays_as_it_was_sent() -> None:
    parsed = mail(b"Hello,\r\n\r\nthe printer is broken.\r\n", "x-uuencode")
    assert (parsed.text, parsed.defects) == ("Hello,\n\nthe printer is broken.", (Defect.BAD_UUENCODE,))
    assert mail(b"begin 644 x\r\n%2&5L;&\\\r\n", "x-uuencode").text == "Hello"
