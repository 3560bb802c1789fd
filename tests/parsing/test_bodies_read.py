"""Bodies and files: small mails, each with what a reader of it would say."""

import base64
import binascii
import hashlib
import struct
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resolver.parsing import html_text, parse
from resolver.parsing.html_text import html_to_text
from schemas.mail import Defect, ParsedMail
from tests.examples import examples

HEAD = b"From: anna@example.org\r\nSubject: x\r\nMIME-Version: 1.0\r\n"


def mail(rest: bytes) -> ParsedMail:
    """A mail with these headers and body, written with line feeds."""
    return parse(HEAD + rest.replace(b"\n", b"\r\n")).mail


def multipart(kind: str, *parts: bytes, close: bool = True) -> bytes:
    body = b"".join(b"--B\n" + part + b"\n" for part in parts)
    return f'Content-Type: multipart/{kind}; boundary="B"\n\n'.encode() + body + (b"--B--\n" if close else b"")


def names(parsed: ParsedMail) -> list[str]:
    return [attachment.name for attachment in parsed.attachments]


TEXT = b"Content-Type: text/plain; charset=utf-8\n\nHello\n"
HTML = b"Content-Type: text/html; charset=utf-8\n\n<p>Hello <b>you</b></p>\n"
PDF = (
    b'Content-Type: application/pdf; name="a.pdf"\nContent-Transfer-Encoding: base64\n'
    b'Content-Disposition: attachment; filename="a.pdf"\n\nJVBERg==\n'
)


def test_plain_text_in_each_charset() -> None:
    for charset, text in [
        ("us-ascii", "Hello"),
        ("utf-8", "Grüße"),
        ("iso-8859-1", "Grüße"),
        ("windows-1252", "Preis: 5 €"),
        ("koi8-r", "Привет"),
        ("windows-1251", "Привет"),
        ("iso-8859-2", "Zażółć"),
        ("gb2312", "打印机"),
        ("gb18030", "打印机"),
        ("big5", "印表機"),
        ("iso-2022-jp", "プリンター"),
        ("shift_jis", "プリンター"),
        ("euc-jp", "プリンター"),
        ("euc-kr", "프린터"),
        ("utf-7", "Grüße"),
        ("utf-16", "Grüße"),
        ("iso-8859-15", "5 €"),
        ("windows-1250", "Žluťoučký"),
        ("windows-1253", "Εκτυπωτής"),
        ("windows-1255", "מדפסת"),
        ("windows-1256", "طابعة"),
        ("tis-620", "เครื่องพิมพ์"),
        ("macintosh", "Grüße"),
        ("hz-gb-2312", "打印机"),
        ("iso-8859-8-i", "מדפסת"),
    ]:
        python = {"macintosh": "mac_roman", "hz-gb-2312": "hz", "iso-8859-8-i": "iso8859-8"}.get(charset, charset)
        encoded = base64.encodebytes(text.encode(python))
        parsed = mail(
            f"Content-Type: text/plain; charset={charset}\nContent-Transfer-Encoding: base64\n\n".encode() + encoded
        )
        assert (parsed.text, parsed.defects) == (text, ()), charset


LIES: list[tuple[str, bytes, str]] = [
    ("us-ascii", "Grüße aus Wien".encode(), "Grüße aus Wien"),
    ("us-ascii", "Grüße aus Wien".encode("cp1252"), "Grüße aus Wien"),
    ("iso-8859-1", "Grüße aus Wien".encode(), "Grüße aus Wien"),
    ("utf-8", "Grüße aus Wien, schöne Tage".encode("cp1252"), "Grüße aus Wien, schöne Tage"),
    ("utf-8", "Ошибка в программе".encode("cp1251"), "Ошибка в программе"),
    ("gb2312", "打印机不能工作".encode(), "打印机不能工作"),
    ("x-unknown", "Grüße aus Wien".encode(), "Grüße aus Wien"),
    ("rot13", "Grüße aus Wien".encode(), "Grüße aus Wien"),
    ("zlib_codec", "Grüße aus Wien".encode(), "Grüße aus Wien"),
    ("us-ascii", b"\x1b$B%W%j%s%?!<\x1b(B", "プリンター"),
    ("us-ascii", b"\x1b$)A\x0e4rS!;z\x0f", "打印机"),
    ("utf-8", "Grüße aus Köln, schöne Stra".encode() + b"\xdfe", "Grüße aus Köln, schöne Straße"),
    (
        "utf-8",
        "Größere Grüße aus Köln, schöne Tage für ältere Gäste\n".encode() + b"-- \n\xcb\xe8\xf1\xf2",
        "Größere Grüße aus Köln, schöne Tage für ältere Gäste\n-- \nЛист",
    ),
    ("us-ascii", "Größere Grüße aus Köln, schöne Stra".encode() + b"\xdfe", "Größere Grüße aus Köln, schöne Straße"),
    ("us-ascii", "המדפסת לא עובדת".encode("cp1255"), "המדפסת לא עובדת"),
    ("euc-jp", "日本①".encode("euc_jis_2004"), "日本①"),
    ("utf-8", b"Thanks \xed\xa0\xbd\xed\xb8\x80 f\xc3\xbcr", "Thanks 😀 für"),  # CESU-8, as Java and Oracle write
    ("us-ascii", b"word " * 1_000 + b"Gr\xfc\xdfe aus Wien", "word " * 1_000 + "Grüße aus Wien"),  # all letters late
    ("utf-8", "ü\n".encode() * 9 + b"word " * 1_000 + b"gr\xfc\xdfe", "ü\n" * 9 + "word " * 1_000 + "grüße"),
]


@pytest.mark.parametrize(("charset", "body", "text"), LIES)
def test_a_charset_that_lies_is_seen_through(charset: str, body: bytes, text: str) -> None:
    parsed = mail(f"Content-Type: text/plain; charset={charset}\n\n".encode() + body)
    assert parsed.text == text
    assert set(parsed.defects) & {Defect.WRONG_CHARSET, Defect.UNKNOWN_CHARSET}


BODIES: list[tuple[str, bytes, str, list[str]]] = [
    ("no body", b"", "", []),
    ("no blank line at the end", b"X: y", "", []),
    ("plain", b"\nHello\n", "Hello", []),
    (
        "quoted-printable",
        b"Content-Transfer-Encoding: quoted-printable\n\nGr=C3=BC=C3=9Fe =\nto you\n",
        "Grüße to you",
        [],
    ),
    (
        "quoted-printable, damaged",
        b"Content-Transfer-Encoding: quoted-printable\n\n100=% =ZZ =C3=BC=\n",
        "100=% =ZZ ü",
        [],
    ),
    ("quoted-printable, blank after soft break", b"Content-Transfer-Encoding: quoted-printable\n\na= \nb\n", "ab", []),
    ("base64 without padding", b"Content-Transfer-Encoding: base64\n\nSGVsbG8\n", "Hello", []),
    ("base64 with junk", b"Content-Transfer-Encoding: base64\n\nSGV*sb\n!G8=\n", "Hello", []),
    (
        "base64 with a footer",
        b"Content-Transfer-Encoding: base64\n\nSGVsbG8h\n\n____\nThis is a list footer\n",
        "Hello!",
        [],
    ),
    ("base64 in two pieces", b"Content-Transfer-Encoding: base64\n\nSGVsbG8=\nSGVsbG8=\n", "HelloHello", []),
    ("unknown transfer encoding", b"Content-Transfer-Encoding: snake\n\nHello\n", "Hello", []),
    ("transfer encoding with a comment", b"Content-Transfer-Encoding: BASE64 (really)\n\nSGVsbG8=\n", "Hello", []),
    ("html only", HTML, "Hello you", []),
    ("alternative", multipart("alternative", TEXT, HTML), "Hello", []),
    ("alternative the wrong way round", multipart("alternative", HTML, TEXT), "Hello", []),
    (
        "alternative with an empty text",
        multipart("alternative", b"Content-Type: text/plain\n\n\n", HTML),
        "Hello you",
        [],
    ),
    ("mixed", multipart("mixed", TEXT, PDF), "Hello", ["a.pdf"]),
    ("mixed of texts", multipart("mixed", TEXT, PDF, TEXT), "Hello\nHello", ["a.pdf"]),
    (
        "html with a text footer",
        multipart("mixed", HTML, b"Content-Type: text/plain\n\n-- list footer\n"),
        "Hello you\n-- list footer",
        [],
    ),
    (
        "text file",
        multipart("mixed", TEXT, b"Content-Disposition: attachment; filename=a.txt\n\nfile\n"),
        "Hello",
        ["a.txt"],
    ),
    (
        "text file shown inline",
        multipart("mixed", TEXT, b"Content-Disposition: inline; filename=a.txt\n\nfile\n"),
        "Hello",
        ["a.txt"],
    ),
    (
        "text by name only",
        multipart("mixed", TEXT, b"Content-Type: text/plain; name=a.log\n\nfile\n"),
        "Hello",
        ["a.log"],
    ),
    ("attachment without a name", multipart("mixed", TEXT, b"Content-Type: image/png\n\nxx\n"), "Hello", [""]),
    ("one text that has a name", b"Content-Type: text/plain; name=body.txt\n\nHello\n", "Hello", []),
    ("the whole mail is a file", PDF, "", ["a.pdf"]),
    (
        "attached mail",
        multipart("mixed", TEXT, b"Content-Type: message/rfc822\n\nSubject: the lift\n\ninside\n"),
        "Hello",
        ["the lift.eml"],
    ),
    (
        "attached mail with a name",
        multipart("mixed", TEXT, b"Content-Type: message/rfc822; name=m.eml\n\nSubject: y\n\ninside\n"),
        "Hello",
        ["m.eml"],
    ),
    ("digest", multipart("digest", b"\nSubject: one\n\na\n", b"\nSubject: two\n\nb\n"), "", ["one.eml", "two.eml"]),
    (
        "invitation",
        multipart("alternative", TEXT, b"Content-Type: text/calendar; method=REQUEST\n\nBEGIN:VCALENDAR\n"),
        "Hello",
        [""],
    ),
    (
        "other views",
        multipart("alternative", TEXT, b"Content-Type: text/x-amp-html\n\n<html amp>\n", HTML),
        "Hello",
        [],
    ),
    (
        "signed",
        multipart("signed", TEXT, b'Content-Type: application/pkcs7-signature; name="smime.p7s"\n\nxx\n'),
        "Hello",
        ["smime.p7s"],
    ),
    (
        "encrypted",
        multipart(
            "encrypted",
            b"Content-Type: application/pgp-encrypted\n\nVersion: 1\n",
            b"Content-Type: application/octet-stream; name=encrypted.asc\n\nxx\n",
        ),
        "",
        ["", "encrypted.asc"],
    ),
    ("closing boundary missing", multipart("mixed", TEXT, PDF, close=False), "Hello", ["a.pdf"]),
    (
        "boundary not declared",
        b"Content-Type: multipart/mixed\n\n--Q\nContent-Type: text/plain\n\nHello\n--Q--\n",
        "Hello",
        [],
    ),
    (
        "boundary declared wrongly",
        b"Content-Type: multipart/mixed; boundary=Z\n\n--Q\nContent-Type: text/plain\n\nHello\n--Q--\n",
        "Hello",
        [],
    ),
    ("no boundary at all", b"Content-Type: multipart/mixed; boundary=Z\n\nHello\n", "Hello", []),
    (
        "boundary with blanks behind",
        b'Content-Type: multipart/mixed; boundary="B "\n\n--B  \n\nHello\n--B--  \n',
        "Hello",
        [],
    ),
    (
        "preamble and epilogue",
        b"Content-Type: multipart/mixed; boundary=B\n\nnot shown\n--B\n\nHello\n--B--\nnot shown\n",
        "Hello",
        [],
    ),
    ("part without headers", multipart("mixed", b"\nHello\n"), "Hello", []),
    ("part without a blank line", multipart("mixed", b"Content-Type: text/plain"), "", []),
    (
        "boundaries that begin alike",
        b"Content-Type: multipart/mixed; boundary=B\n\n--B\n"
        b"Content-Type: multipart/alternative; boundary=B1\n\n--B1\n\nHello\n--B1--\n--B\n\nthere\n--B--\n",
        "Hello\nthere",
        [],
    ),
    (
        "inner multipart not closed",
        b"Content-Type: multipart/mixed; boundary=B\n\n--B\n"
        b"Content-Type: multipart/mixed; boundary=C\n\n--C\n\nHello\n--B\n\nthere\n--B--\n",
        "Hello\nthere",
        [],
    ),
    ("content type without a slash", b"Content-Type: text\n\nHello\n", "Hello", []),
    ("content type is nonsense", b"Content-Type: =?!\n\nHello\n", "Hello", []),
    ("content type html", b"Content-Type: html\n\n<p>Hello</p>\n", "Hello", []),
    (
        "flowed",
        b"Content-Type: text/plain; format=flowed\n\nHello \nyou\n> a \n> b\n-- \nAnna\n",
        "Hello you\n> a b\n-- \nAnna",
        [],
    ),
    ("flowed with delsp", b"Content-Type: text/plain; format=flowed; delsp=yes\n\nHel \nlo\n", "Hello", []),
    ("stuffed", b"Content-Type: text/plain; format=flowed\n\n >no quote\n From here\n", ">no quote\nFrom here", []),
    ("enriched", b"Content-Type: text/enriched\n\n<bold>Hello</bold> <<you>\n", "Hello <you>", []),
    ("uuencoded file", b"\nHello\n\nbegin 644 a.txt\n%:&5L;&\\\n`\nend\nBye\n", "Hello\n\nBye", ["a.txt"]),
    ("uuencoded file alone", b"\nbegin 644 a.txt\n%:&5L;&\\\n`\nend\n", "", ["a.txt"]),
    (
        "words that begin like a file",
        b"\nHello\nbegin 644 files today\nend of text\n",
        "Hello\nbegin 644 files today\nend of text",
        [],
    ),
    ("byte order mark", b"Content-Type: text/plain; charset=utf-8\n\n\xef\xbb\xbfHello\n", "Hello", []),
    (
        "rich text alone",
        b"Content-Type: text/rtf\n\n{\\rtf1\\ansi Hello \\b you\\b0 .\\par Bye}\n",
        "Hello you.\nBye",
        [""],
    ),
    ("rich text beside a text", multipart("mixed", TEXT, b"Content-Type: text/rtf\n\n{\\rtf1 Hi}\n"), "Hello", [""]),
    (
        "encoding in two words",
        b"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: Quoted Printable\n\nf=C3=BCr\n",
        "für",
        [],
    ),
    (
        "name in the description",
        multipart("mixed", TEXT, b"Content-Type: application/pdf\nContent-Description: Plan 7.pdf\n\nx\n"),
        "Hello",
        ["Plan 7.pdf"],
    ),
    (
        "name in the location",
        multipart("mixed", TEXT, b"Content-Type: image/gif\nContent-Location: https://a.example/b/c.gif?d=1\n\nx\n"),
        "Hello",
        ["c.gif"],
    ),
    (
        "description that is no name",
        multipart("mixed", TEXT, b"Content-Type: image/gif\nContent-Description: Version 1.2\n\nx\n"),
        "Hello",
        [""],
    ),
    (
        "boundary of the multipart about it",
        multipart("mixed", multipart("alternative", TEXT, HTML), PDF),
        "Hello",
        ["a.pdf"],
    ),
    (
        "boundary of a multipart two layers up",
        multipart(
            "mixed",
            b"Content-Type: multipart/x; boundary=C\n\n--C\n" + multipart("related", HTML, PDF) + b"\n--C--\n",
            TEXT.replace(b"Hello", b"Regards"),
        ),
        "Hello you\nRegards",
        ["a.pdf"],
    ),
    (
        "boundary that inner quotes belie",
        multipart("mixed", multipart("alternative", TEXT, HTML).replace(b"--B", b"--C").replace(b'"B"', b"'C'"), PDF),
        "Hello",
        ["a.pdf"],
    ),
    (
        "words behind a picture, by way of Exchange",
        multipart(
            "mixed",
            TEXT,
            PDF,
            b"Content-Type: text/plain\nContent-Disposition: attachment; filename=ATT00001.txt\n\nBye\n",
        ),
        "Hello\nBye",
        ["a.pdf", "ATT00001.txt"],
    ),
    ("markdown", b"Content-Type: text/x-web-markdown\n\nHello\n", "Hello", []),
    ("unknown text alone", b"Content-Type: text/x-notes\n\nHello\n", "Hello", [""]),
    ("unknown text beside a text", multipart("mixed", TEXT, b"Content-Type: text/x-notes\n\nBye\n"), "Hello", [""]),
    ("vcard alone", b"Content-Type: text/vcard\n\nBEGIN:VCARD\n", "", [""]),
    (
        "a blank line inside the headers",
        b"\nMIME-Version: 1.0\n" + multipart("mixed", TEXT, PDF),
        "Hello",
        ["a.pdf"],
    ),
    ("words like headers", b"\nContent-Type: what is that?\n\nHello\n", "Content-Type: what is that?\n\nHello", []),
    ("multipart without Content-Type", b"\n" + multipart("mixed", TEXT, PDF).split(b"\n\n", 1)[1], "Hello", ["a.pdf"]),
    (
        "two Content-Types, the first of which is no multipart",
        b"Content-Type: text/plain\n" + multipart("mixed", TEXT, PDF),
        "Hello",
        ["a.pdf"],
    ),
    (
        "two Content-Types, the second of which is not used",
        b"Content-Type: text/plain\nContent-Type: multipart/mixed; boundary=C\n\nHello\n",
        "Hello",
        [],
    ),
    (
        "blank at the end of a boundary",
        multipart("mixed", TEXT, PDF).replace(b'"B"', b'"B "').replace(b"--B--", b"--B --"),
        "Hello",
        ["a.pdf"],
    ),
    ("nul", b"\na\x00b\n", "a\ufffdb", []),
    ("bare cr", b"\na\rb\n", "a\nb", []),
]


@pytest.mark.parametrize(("rest", "text", "files"), [row[1:] for row in BODIES], ids=[row[0] for row in BODIES])
def test_text_and_files(rest: bytes, text: str, files: list[str]) -> None:
    parsed = mail(rest)
    assert (parsed.text, names(parsed)) == (text, files)
    assert parsed.from_ is not None
    assert Defect.UNPARSED not in parsed.defects


JUNK: list[tuple[str, bytes]] = [
    ("mbox line", b"From anna@example.org Mon Jan  6 09:14:00 2025\n"),
    ("quoted mbox line", b">From anna@example.org Mon Jan  6 09:14:00 2025\n"),
    ("blank lines", b"\n\r\n  \n"),
    ("byte order mark", b"\xef\xbb\xbf"),
    ("a server's answer", b"+OK 1234 octets\n"),
]


@pytest.mark.parametrize("junk", [row[1] for row in JUNK], ids=[row[0] for row in JUNK])
def test_junk_before_the_headers(junk: bytes) -> None:
    parsed = parse(junk + b"From: anna@example.org\nSubject: x\n\nHello\n").mail
    assert (parsed.from_ and parsed.from_.address, parsed.subject, parsed.text) == ("anna@example.org", "x", "Hello")


@pytest.mark.parametrize(
    "junk",
    [b"what is this\n", b"From bob@example.org Mon Jan  6 09:14:00 2025\n", b"*****\n", b": no name\n", b"\xff\xfe\n"],
)
def test_junk_inside_the_headers(junk: bytes) -> None:
    parsed = parse(b"From: anna@example.org\n" + junk + b"Subject: x\n\nHello\n").mail
    assert (parsed.from_ and parsed.from_.address, parsed.subject, parsed.text) == ("anna@example.org", "x", "Hello")


def test_text_that_begins_without_a_blank_line() -> None:
    parsed = parse(b"From: anna@example.org\nSubject: x\nHello Desk,\nthe printer: it is broken.\n\nAnna\n").mail
    assert (parsed.subject, parsed.text) == ("x", "Hello Desk,\nthe printer: it is broken.\n\nAnna")


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r", b"\r\r\n"])
def test_line_ends(end: bytes) -> None:
    parsed = parse(b"From: anna@example.org\nSubject: a\n b\n\nHello\nyou\n".replace(b"\n", end)).mail
    assert (parsed.from_ and parsed.from_.address, parsed.subject) == ("anna@example.org", "a b")
    assert parsed.text.split() == ["Hello", "you"]


def test_no_headers() -> None:
    parsed = parse(b"Hello, this is no mail.\nBye\n").mail
    assert (parsed.from_, parsed.text) == (None, "Hello, this is no mail.\nBye")
    assert {Defect.NO_HEADERS, Defect.NO_FROM} <= set(parsed.defects)


def test_files_are_whole() -> None:
    content = bytes(range(256)) * 300
    part = b"Content-Type: application/zip; name=a.zip\nContent-Transfer-Encoding: base64\n\n" + base64.encodebytes(
        content
    )
    parsed = parse(HEAD + multipart("mixed", TEXT, part).replace(b"\n", b"\r\n"))
    [file] = parsed.files
    assert file.content == content
    assert file.attachment == parsed.mail.attachments[0]
    assert (file.attachment.size, file.attachment.sha256) == (len(content), hashlib.sha256(content).hexdigest())


def test_an_attached_mail_is_kept_byte_for_byte() -> None:
    inner = b"Subject: y\r\n\r\ninside \r\n"
    parsed = parse(
        HEAD
        + b"Content-Type: multipart/mixed; boundary=B\r\n\r\n--B\r\nContent-Type: message/rfc822\r\n\r\n"
        + inner
        + b"\r\n--B--\r\n"
    )
    assert parsed.files[0].content == inner


INLINE: list[tuple[bytes, bytes, bool]] = [
    (b"Content-Disposition: inline", b"", True),
    (b"Content-Disposition: attachment", b"", False),
    (b"Content-ID: <pic@x>", b'<img src="cid:pic@x">', True),
    (b"Content-ID: <pic@x>\nContent-Disposition: attachment", b"<img src=CID:pic%40x>", True),
    (b"Content-ID: <pic@x>", b'<img src="cid:other@x">', False),
]


@pytest.mark.parametrize(("header", "tag", "inline"), INLINE)
def test_inline(header: bytes, tag: bytes, inline: bool) -> None:
    image = b"Content-Type: image/png; name=a.png\n" + header + b"\n\nxx\n"
    parsed = mail(multipart("related", b"Content-Type: text/html\n\n<p>Hello</p>" + tag, image))
    assert [(a.name, a.inline) for a in parsed.attachments] == [("a.png", inline)]


NAMES: list[tuple[bytes, str]] = [
    (b"../../etc/passwd", "passwd"),
    (b"C:\\temp\\new.txt", "new.txt"),
    (b"..", ""),
    (b"a\x01b\x7f.txt", "ab.txt"),
    (b"=?utf-8?Q?..=2F..=2Fx=00=0Ay.txt?=", "x\ufffd y.txt"),
    (b"x" * 300 + b".pdf", "x" * 251 + ".pdf"),
]


@pytest.mark.parametrize(("name", "expected"), NAMES)
def test_file_names_hold_no_directory_and_no_control_character(name: bytes, expected: str) -> None:
    part = b'Content-Type: application/zip\nContent-Disposition: attachment; filename="' + name + b'"\n\nxx\n'
    assert names(mail(multipart("mixed", TEXT, part))) == [expected]


PAGES: list[tuple[str, str]] = [
    ("<p>one</p><p>two</p>", "one\n\ntwo"),
    ("one<br>two<br/><br>three", "one\ntwo\n\nthree"),
    ("<div>one</div><div>two</div>", "one\ntwo"),
    ("<ul><li>one</li><li>two</li></ul>", "* one\n* two"),
    ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
    ("<style>p{}</style><script>alert('<p>x</p>')</script>Hello<!-- no -->", "Hello"),
    ("<html><head><title>no</title></head><body>Hello</body></html>", "Hello"),
    ("<div style='display:none'>preheader<div>too</div></div>Hello", "Hello"),
    ("a &amp; b &lt;c&gt; &nbsp;&euro; &#8364; &bogus;", "a & b <c> € € &bogus;"),
    ("<pre>  a\n    b</pre>", "  a\n    b"),
    ('<a href="https://example.org/">the page</a>', "the page"),
    ('<img src="x" alt="Logo of Example">', "Logo of Example"),
    ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
    ("<p>never closed <b", "never closed <b"),
    ("<blockquote>quoted</blockquote>own", "quoted\n\nown"),
    ("<p>a\n  b\tc</p>", "a b c"),
    ("", ""),
    # ends that are left out: head, title, style, object, svg, math, select, iframe
    ("<html><head><meta charset=utf-8><body>Hello", "Hello"),
    ("<HEAD><TITLE>no</TITLE><HEAD><BODY>Hello", "Hello"),
    ("<title>no<body>Hello<svg><title>no</title></svg>", "Hello"),
    ("<title>Hello<p>you", "Hello\n\nyou"),
    ("<title/><style/>Hello", "Hello"),
    ("<style>p{}<body>Hello", "Hello"),
    ("<style>p{}<!-- </style>Hello", "Hello"),
    ("<script>write('<body>')</script>Hello", "Hello"),
    ("<script>a = '<!--'; b = \"</script>Hello", "Hello"),
    ("<object data=a.swf><param name=a>Hello", "Hello"),
    ("<noscript>Hello</noscript>", "Hello"),
    ("<textarea>Hello\n  <you> &amp; me</textarea>too", "Hello\n  <you> & me\ntoo"),
    ("<textarea>Hello", "Hello"),
    ("<iframe src=a>no</iframe>Hello<iframe src=a> you", "Hello you"),
    ("<svg><g><title>no</title><text>no</text></svg>Hello", "Hello"),
    ("<svg><g><path d='M0'><b>Hello", "Hello"),
    ("<math><mi>no<p>Hello", "Hello"),
    ("<select><option>no<option>no</select>Hello", "Hello"),
    ("<select><option>no<p>Hello", "Hello"),
    ("<template>no<p>no</template>Hello", "Hello"),
    # what is hidden ends where HTML ends it
    ("<p style='display:none'>no<p>Hello", "Hello"),
    ("<p style='display:none'>no<b>no</b><h2>Hello</h2>", "Hello"),
    ("<div><p hidden>no</div>Hello", "Hello"),
    ("<ul><li hidden>no<ul><li>no</ul>no<li>Hello</ul>", "* Hello"),
    ("<dl><dt hidden>no<dd>Hello</dl>", "Hello"),
    ("<table><thead hidden><tr><th>no<tbody><tr><td>Hello</table>", "Hello"),
    ("<table><tr hidden><td>no<tr><td>Hello</table>", "Hello"),
    ("<table><tr><td hidden>no<table><tr><td>no</table>no<td>Hello</table>", "Hello"),
    ("<table><caption hidden>no<tr><td>Hello</table>", "Hello"),
    ("<div><span style=display:none>no</div>Hello", "Hello"),
    ("<span hidden>no<span>no</span>no</span>Hello", "Hello"),
    ("<a hidden>no<a href=x>Hello</a>", "Hello"),
    ("<b><div hidden>no</b>no</i>no</div>Hello", "Hello"),
    ("<div hidden><table><tr><td>no</div>no</table>no</div>Hello", "Hello"),
    ("<div hidden>no<td>no</div>Hello", "Hello"),
    ("<td hidden>Hello<tr hidden> you", "Hello you"),
    ("<svg><svg></p>Hello", "Hello"),
    ("one<div hidden>no</div>two", "onetwo"),
    ("<div hidden/>Hello", "Hello"),
    ("<img hidden alt=no>Hello", "Hello"),
    # what hides
    ('<i STYLE="DISPLAY : None !important; display:block">no</i>Hello', "Hello"),
    ("<i style='dis&#112;lay&colon;/**/none'>no</i>Hello", "Hello"),
    ("<i style='max-height:0px;overflow:hidden;mso-hide:all'>no</i>Hello", "Hello"),
    ("<i style='opacity:0'>no</i>Hello", "Hello"),
    ("<i style='display:none;display:block'>Hello</i>", "Hello"),
    ("<i style='text-decoration:none;display:block;overflow:hidden;opacity:0.9'>Hello</i>", "Hello"),
    ("<i data-style='display:none' aria-hidden=true title='hidden'>Hello</i>", "Hello"),
    ("<p style='mso-hide:all'>Hello</p>", "Hello"),
    ("<!--[if mso]>no<![endif]--><!--[if !mso]><!--><b style='mso-hide:all'>Hello</b><!--<![endif]-->", "Hello"),
    ("<!-->Hello<!-- no -- no --!> you", "Hello you"),
    # data: pictures and other tags that are no words
    ("<IMG SRC='DATA:IMAGE/PNG;BASE64,AAAA' ALT='data:image/png;base64,AAAA'>Hello", "Hello"),
    ("<p style=\"background:url('data:image/svg+xml,<svg><text>no</text>')\">Hello", "Hello"),
    ('<img src="data:image/png;base64,AAAA>Hello', "Hello"),
    ('Hello<img src="data:image/png;base64,AAAA', "Hello"),
    ("Hello <a b>data:image/png;base64," + "iVBO" * 30 + "</a> you", "Hello  you"),
    ("<img src='https://example.org/?alt=media'>Hello", "Hello"),
    ("<my-title>Hello</my-title>", "Hello"),
    # blanks and line ends
    ("<p>one<span style='white-space: pre-wrap'> two\n  three </span>\n four</p>", "one two\n  three  four"),
    ("<div style='WHITE-SPACE:pre-line'>one\n   two  three</div>", "one\ntwo three"),
    ("<pre style='white-space:normal'>one\ntwo</pre>", "one two"),
    (
        "<div style='white-space:pre'>one\n<i style='white-space:nowrap'>two\ntwo</i>\nthree</div>",
        "one\ntwo two\nthree",
    ),
    ("<p style='white-space:break-spaces'>one\ntwo<p>three\nfour", "one\ntwo\n\nthree four"),
    ("<i style='white-space-collapse:preserve-breaks'>one\ntwo</i>", "one\ntwo"),
    ("<i style='white-space:-moz-pre-wrap'>one&#10;two</i>", "one\ntwo"),
    ("<table style='white-space:pre'>\n<tr>\n<td>one</td>\n</tr>\n<tr><td>two</table>", "one\ntwo"),
    ("<style>@media all{i.a, .b{white-space:pre}}</style><i class='x a'>one\ntwo</i> <i>a\nb</i>", "one\ntwo a b"),
    # Lists: numbers are words.
    ("<ol><li>one<li>two</ol><ol start=3><li>three</ol>", "1. one\n2. two\n\n3. three"),
    ("<ol type=a start=26><li>one<li>two</ol>", "z. one\naa. two"),
    ("<ol style='list-style-type: upper-roman'><li value=4>four<li>five</ol>", "IV. four\nV. five"),
    ("<ol><li>one<ul><li>dot</ul><li>two</ol>", "1. one\n\n* dot\n\n2. two"),
    ("<ol type=I start=99999999><li>one</ol><ol start=0 type=a><li>none</ol>", "99999999. one\n\n0. none"),
    ("<ul style='list-style: none inside'><li>one</ul><li>two", "one\n\n* two"),
    ("<ol><li><p>one</p><p>and</p></li><li><div>two</div></li></ol>", "1. one\n\nand\n\n2. two"),
    ("<ul><li><p></p>one<li><li>two</ul>", "* one\n*\n* two"),
    # Hidden by a class, on every screen.
    ("<style>.a{display:none!important} p.b{display:none}</style><b class='c a'>no</b><p class=b>no<p>Hello", "Hello"),
    ("<style>@charset 'x'; .a{display:none}</style><b class=a style='display:inline'>Hello</b>", "Hello"),
    ("<style>@media print{.a{display:none}} .b{color:red}</style><b class=a>Hello</b>", "Hello"),
    ("<style>.a{display:none} @media (min-width:9px){.a{display:block}}</style><b class=a>Hello</b>", "Hello"),
    ("<style>.a{display:none} .a{display:block}</style><b class=a>Hello</b>", "Hello"),
    ("<style>p{display:none} head,b{display:none}</style><b>Hello</b>", "Hello"),
    ("<p style='visibility:hidden'>no</p><p>Hello", "Hello"),
    ("<p>&zwnj;&nbsp;&#847;&zwnj;&nbsp;&shy;</p><p>Hello", "Hello"),
    # What a form shows, and what nobody escaped.
    (
        "Name <input value=Anna><input type=hidden value=no><input type=radio value=no><input type=submit value=Go>",
        "Name Anna Go",
    ),
    (
        "Anna <anna@firm.example> sent <https://a.example/b?c=1> today",
        "Anna <anna@firm.example> sent <https://a.example/b?c=1> today",
    ),
    ("<p hidden><anna@firm.example></p><o:p>Hello</o:p><st1:city>Ulm</st1:city>", "HelloUlm"),
    ("<details><summary>More</summary>Hello</details>", "More\nHello"),
]


@pytest.mark.parametrize(("page", "text"), PAGES)
def test_text_of_a_page(page: str, text: str) -> None:
    assert mail(b"Content-Type: text/html; charset=utf-8\n\n" + page.encode()).text == text.strip("\n")


@pytest.mark.parametrize(
    "before", ["<p>Hello</p>", '<div style="white-space:pre-wrap">Hello\n</div>', "<table><tr><td>Hello"]
)
@pytest.mark.parametrize(
    ("start", "end"),
    [
        ('<img src="data:image/png;base64,', '">'),
        ("<img src=data:image/png;base64,", ">"),
        ("<p style='background:url(data:image/png;base64,", ");color:red'>"),
        ("<style>p {background:url(data:image/png;base64,", ")}</style>"),
        ("<!-- ", " -->"),
        ('<svg><image href="data:image/png;base64,', '"/></svg>'),
    ],
)
def test_no_picture_in_a_page_costs_it_a_word(before: str, start: str, end: str) -> None:
    page = f"{before}{start}{'iVBORw0KGgoAAAANSUhEUg' * 250_000}{end}<p>you</p>"
    assert mail(b"Content-Type: text/html\n\n" + page.encode()).text.split() == ["Hello", "you"]


def test_a_page_is_cut_behind_a_tag_and_no_picture_counts() -> None:
    picture = f'<img src="{"A" * 5_000_000}">'
    page = picture + "<p>Hello</p>" * 400_000
    text = mail(b"Content-Type: text/html\n\n" + page.encode()).text
    assert text.startswith("Hello\n\nHello")
    assert 300_000 < text.count("Hello") < 400_000
    assert set(text.split()) <= {"Hello", "Hell", "Hel", "He", "H"}


PIECES = [
    "<p>", "</p>", "<span lang='EN'>", '<span class="a" lang="EN">', "</span>", "<b>", "</b>", "<br>", "<o:p>",
    "</o:p>", "<span hidden>", "<i style='white-space:pre'>", "</i>", "<div style='display:none'>", "<div>", "</div>",
    "<svg>", "<ol>", "<li>", "</ol>", "<pre>", "</pre>", "<blockquote>", "</blockquote>", "<td>", "<table>", "</table>",
    "<hr/>", "<style>.a{display:none}</style>", "<title>", "<!-- no -->", "<anna@firm.example>", "<a href=x>", " ",
    "\n\n", "word",
]  # fmt: skip


@given(page=st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
@settings(max_examples=examples(300))
def test_tags_mean_the_same_in_a_run_and_one_by_one(page: str) -> None:
    in_runs = html_to_text(page)
    with patch.object(html_text, "_MAX_IN_RUNS", -1):
        assert html_to_text(page) == in_runs


def test_a_page_s_own_charset_is_used_where_the_mail_names_none() -> None:
    page = '<html><head><meta http-equiv="Content-Type" content="text/html; charset=koi8-r"></head>Привет</html>'
    assert mail(b"Content-Type: text/html\n\n" + page.encode("koi8-r")).text == "Привет"


def test_the_reply_of_a_page_is_what_stands_outside_its_quotation() -> None:
    page = (
        b"<p>It works.</p><div>On Mon, Jan 6, 2025 at 9:14 AM Desk &lt;desk@example.org&gt; wrote:</div>"
        b'<blockquote type="cite"><p>Try again.</p></blockquote>'
    )
    parsed = mail(b"Content-Type: text/html\n\n" + page)
    assert parsed.reply == "It works."
    assert parsed.text.endswith("Try again.")
    assert parsed.html == page.decode()


def tnef(*objects: tuple[int, int, bytes]) -> bytes:
    """A TNEF stream of (level, attribute, value)."""
    stream = struct.pack("<IH", 0x223E9F78, 1)
    for level, name, value in objects:
        stream += struct.pack("<BII", level, name, len(value)) + value + struct.pack("<H", sum(value) & 0xFFFF)
    return stream


def properties(*values: tuple[int, int, bytes]) -> bytes:
    """A MAPI property list of (type, id, value)."""
    data = struct.pack("<I", len(values))
    for kind, name, value in values:
        data += struct.pack("<HHII", kind, name, 1, len(value)) + value + b"\0" * (-len(value) % 4)
    return data


WINMAIL = tnef(
    (1, 0x00069007, struct.pack("<II", 1252, 0)),
    (1, 0x00069003, properties((0x1E, 0x1000, b"Text in TNEF\0"))),
    (2, 0x00069002, b"\0" * 14),
    (2, 0x0006800F, b"%PDF-1"),
    (2, 0x00018010, b"SHORT~1.PDF\0"),
    (
        2,
        0x00069005,
        properties((0x1F, 0x3707, "Prüfbericht.pdf\0".encode("utf-16-le")), (0x1E, 0x370E, b"application/pdf\0")),
    ),
)


def test_the_files_of_a_winmail_dat_stand_in_its_place() -> None:
    part = (
        b'Content-Type: application/ms-tnef; name="winmail.dat"\nContent-Transfer-Encoding: base64\n\n'
        + base64.encodebytes(WINMAIL)
    )
    parsed = mail(multipart("mixed", TEXT, part, PDF))
    assert [(a.name, a.content_type, a.size) for a in parsed.attachments] == [
        ("Prüfbericht.pdf", "application/pdf", 6),
        ("a.pdf", "application/pdf", 4),
    ]
    assert parsed.text == "Hello"
    assert mail(part).text == "Text in TNEF"


def test_a_damaged_winmail_dat_stays_what_it_is() -> None:
    for content in (b"", b"nonsense", WINMAIL[:5], WINMAIL[:20], WINMAIL[:60]):
        part = b'Content-Type: application/ms-tnef; name="winmail.dat"\n\n' + binascii.b2a_base64(content)
        parsed = mail(part.replace(b"\n\n", b"\nContent-Transfer-Encoding: base64\n\n", 1))
        assert names(parsed) == ["winmail.dat"]
        assert Defect.BAD_TNEF in parsed.defects


def test_an_invitation_sent_as_view_and_as_file_is_one_file() -> None:
    view = b"Content-Type: text/calendar; method=REQUEST\n\nBEGIN:VCALENDAR\n"
    file = b'Content-Type: application/ics; name="invite.ics"\n\nBEGIN:VCALENDAR\n'
    body = multipart(
        "mixed", multipart("alternative", TEXT, view).replace(b"--B", b"--C").replace(b'"B"', b'"C"'), file
    )
    assert names(mail(body)) == ["invite.ics"]
    assert names(mail(multipart("mixed", view, file.replace(b"BEGIN", b"begin")))) == ["", "invite.ics"]


def test_several_from_and_none() -> None:
    assert Defect.SEVERAL_FROM in parse(b"From: a@example.org, b@example.org\n\n").mail.defects
    assert Defect.SEVERAL_FROM in parse(b"From: a@example.org\nFrom: b@example.org\n\n").mail.defects
    parsed = parse(b"Sender: a@example.org\nReply-To: b@example.org\n\nx").mail
    assert parsed.from_ is None
    assert [box.address for box in parsed.reply_to] == ["b@example.org"]
