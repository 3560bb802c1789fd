"""No step of reading takes more than about twice as long for twice as much, whatever it is made of."""

import re
import struct
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resolver.authentication_results import read_authentication_results
from resolver.parsing import addresses, parse
from resolver.parsing.addresses import parse_addresses
from resolver.parsing.base64_text import decode_base64
from resolver.parsing.calendars import calendar_text
from resolver.parsing.encoded_words import decode_words
from resolver.parsing.headers import split_headers
from resolver.parsing.html_text import html_to_text
from resolver.parsing.message_ids import all_ids
from resolver.parsing.parameters import parse_parameters
from resolver.parsing.reply import reply_of
from resolver.parsing.rtf import decompress_rtf, rtf_to_body
from resolver.parsing.smime import read_cms
from resolver.parsing.structure import read_structure
from resolver.parsing.text_parts import enriched_to_html, unflow
from resolver.parsing.tnef import TnefError, read_tnef
from resolver.parsing.transfer_encoding import decode_quoted_printable, extract_uuencoded
from schemas.mail import Mailbox
from tests.examples import examples
from tests.parsing import der
from tests.parsing.steps import grows_no_faster, steps

TIMES = 150  # of the pieces, the first time
DESK = (Mailbox(address="desk@example.org"),)
MULTIPART = b"Content-Type: multipart/mixed; boundary=B\n\n--B\n"


def _rtf_compressed(data: bytes) -> bytes:
    return decompress_rtf(struct.pack("<IIII", len(data) + 12, 17 * len(data), 0x75465A4C, 0) + data)


def _tnef(data: bytes) -> None:
    try:
        read_tnef(b"\x78\x9f\x3e\x22\1\0" + data)
    except TnefError:
        pass


# What reads it -> what it is made of.
BYTES: dict[str, tuple[Callable[[bytes], object], list[bytes]]] = {
    "addresses": (
        lambda value: parse_addresses([value], None, set()),
        [b'"', b"\\", b"a@b.example", b",", b"<", b">", b" ", b"=?utf-8?q?a?=", b":", b";", b"[", b"=", b"@", b"/O=x"],
    ),
    "comments": (lambda value: parse_addresses([value], None, set()), [b"(", b")", b"\\", b"a", b"@b", b'"', b","]),
    "parameters": (
        lambda value: parse_parameters(b"text/plain; " + value, None, set()),
        [b'"', b"\\", b";", b"=", b" ", b"name=", b"a*0*=x", b"(", b"x.pdf"],
    ),
    "header block": (
        lambda block: split_headers(block, set()),
        [b"From: a\n", b"junk\n", b" fold\n", b"\r", b"X: y\n", b": \n", b"From x\n", b"\t"],
    ),
    "boundaries": (
        lambda body: read_structure(MULTIPART + body, set()),
        [b"--B\n", b"--B--\n", b"--BB\n", b"--\n", b"\n", b"x\n", MULTIPART, b"--B\nContent-Type: multipart/x; "],
    ),
    "damaged base64": (
        lambda data: decode_base64(data, True, set()),
        [b"QUJD", b"=", b"!", b"\n", b"word ", b"\n\n", b"-_", b"> ", b"\xff"],
    ),
    "quoted-printable": (
        lambda data: decode_quoted_printable(data, set()),
        [b"=", b"=3D", b"=\n", b"= \n", b" ", b"=zz", b"\r", b"a"],
    ),
    "TNEF": (
        _tnef,
        [
            b"\2\x02\x90\6\0\1\0\0\0x\0\0",
            b"\1\3\x90\6\0\4\0\0\0\xff\xff\xff\xff\0\0",
            b"\2\x0f\x80\6\0\0\0\0\0\0\0",
            b"\0",
        ],
    ),
    "compressed RTF": (_rtf_compressed, [b"\0abcdefgh", b"\xff" + b"\xcf\xf0" * 8, b"\0", b"\xff", b"\x10"]),
    "RTF": (
        lambda rtf: rtf_to_body(b"{\\rtf1\\ansi\\fromhtml1 " + rtf),
        [b"{", b"}", b"\\'e4", b"\\par ", b"\\u1234?", b"\\bin3 ", b"{\\*\\htmltag ", b"\\f1 ", b"\\", b"x", b"\\uc9 "],
    ),
    "S/MIME": (
        lambda message: read_cms(der.message(message, indefinite=True), 1 << 20),
        [b"\x30\x80", b"\x24\x80", b"\4\1a", b"\0\0", b"\x04\x80", b"\x31\x80", b"\xa0\x80"],
    ),
    "mails": (
        lambda body: parse(b"From: a@example.org\nContent-Type: text/html\n\n" + body),
        [b"<p>", b"<pre>\n", b"</pre>", b"<!--", b"-->", b"x ", b"\n", b"-- \n", b"<blockquote>", b"&gt;", b"wrote:\n"],
    ),
}
TEXTS: dict[str, tuple[Callable[[str], object], list[str]]] = {
    "signatures": (
        lambda text: reply_of(text, "Re: Printer", DESK),
        ["-- \n", "--\n", "_" * 30 + "\n", "a.c-1- x\n", "> q\n", "\n", "x\n", ">From x\n", "--- \n"],
    ),
    "quotations": (
        lambda text: reply_of(text, "Re: Printer", DESK),
        [
            "> q\n",
            "On 1 Jan 2025 desk@example.org\n",
            "wrote:\n",
            "From: desk@example.org\n",
            "To: x\n",
            "Subject: y\n",
            "-----Original Message-----\n",
            "[EXTERNAL]\n",
            "CAUTION: this email\n",
            "x\n",
            "\n",
            "24.11.2025 09:14 ",
        ],
    ),
    "flowed text": (lambda text: unflow(text, True), ["a \n", "> ", ">", "\n", "-- \n", " ", "a"]),
    "HTML comments": (html_to_text, ["<!--", "-->", "--", "->", "<!", ">", "x", "<p>", "<![CDATA[", "<?"]),
    "HTML pre": (html_to_text, ["<pre>", "</pre>", "\n", " ", "x", "<br>", "<textarea>", "<p>", "</p>", "&nbsp;"]),
    "HTML": (
        html_to_text,
        [
            "<div>",
            "</div>",
            "<p hidden>",
            "<li>",
            "<ul>",
            "<table>",
            "<tr>",
            "<td>",
            "<a b='",
            "<svg>",
            "<style>",
            "</style>",
            "<title>",
            "<blockquote>",
            "<body>",
            "x",
            "</span>",
            ".a{white-space:pre}",
            "<b class=a>",
        ],
    ),
    "enriched text": (
        lambda text: enriched_to_html(text, elder=False),
        ["<nofill>", "</nofill>", "<param>", "<excerpt>", "</excerpt>", "<<", "<", "\n", "x"],
    ),
    "calendars": (
        lambda text: calendar_text("BEGIN:VCALENDAR\n" + text),
        ["BEGIN:VEVENT\n", "END:VEVENT\n", "SUMMARY:x\n", "SUMMARY", ";A=", '"', " x\n", "DTSTART:20250101\n", "\n"],
    ),
    "uuencode": (
        lambda text: extract_uuencoded(text, set()),
        ["begin 644 x\n", "#86)C\n", "`\n", "end\n", "M\n", "x\n", "begin "],
    ),
    "encoded words": (
        lambda text: decode_words(text, set()),
        ["=?utf-8?q?a?=", "=?utf-8?b?YQ==?=", "=?", "?=", "=?x?q?", "?=20", " ", "a", "=?utf-8?b?YQ"],
    ),
    "ids": (lambda text: all_ids((text,)), ["<", ">", "a@b", " ", ",", "(", "<a@b>"]),
    "authentication results": (
        read_authentication_results,
        ["(", ")", '"', "\\", ";", "=", "dkim=pass ", "header.d=x", " ", "x"],
    ),
}


@pytest.mark.parametrize("name", BYTES)
@given(data=st.data())
@settings(max_examples=examples(25))
def test_bytes_twice_as_long_take_at_most_twice_the_steps(name: str, data: st.DataObject) -> None:
    read, pieces = BYTES[name]
    unit, before = (
        b"".join(data.draw(st.lists(st.sampled_from(pieces), min_size=least, max_size=4))) for least in (1, 0)
    )
    assert grows_no_faster(lambda times: read(before + unit * times), TIMES)


@pytest.mark.parametrize("name", TEXTS)
@given(data=st.data())
@settings(max_examples=examples(25))
def test_a_text_twice_as_long_takes_at_most_twice_the_steps(name: str, data: st.DataObject) -> None:
    read, pieces = TEXTS[name]
    unit, before = (
        "".join(data.draw(st.lists(st.sampled_from(pieces), min_size=least, max_size=4))) for least in (1, 0)
    )
    assert grows_no_faster(lambda times: read(before + unit * times), TIMES)


def test_a_value_of_tnef_that_swallows_many_objects_makes_no_growth() -> None:
    _, (_, value, item, nothing) = BYTES["TNEF"]

    def read(times: int) -> None:  # one byte too far on, `value` has 1024 bytes: the first 85 pieces
        _tnef(nothing + value + (item + nothing) * times)

    assert grows_no_faster(read, TIMES)
    assert 0 < steps(lambda: read(TIMES + 1000)) - steps(lambda: read(TIMES)) <= 20 * 1000


def test_a_colon_behind_many_words_does_not_look_at_all_of_them() -> None:
    assert grows_no_faster(lambda times: parse_addresses([b"x " * times + b"a@b" + b":" * times], None, set()), TIMES)
    assert grows_no_faster(lambda times: parse_addresses([b"<a>" + b"x:" * times], None, set()), TIMES)


def test_quotations_that_swallow_an_address_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []

    class Counted:
        def match(self, text: str, start: int) -> re.Match[str] | None:
            looks.append(start)
            return quoted.match(text, start)

    quoted = addresses._QUOTED
    monkeypatch.setattr(addresses, "_QUOTED", Counted())
    parse_addresses([b'"' + rb"\"<a@b>, " * TIMES + b'"'], None, set())
    assert len(looks) <= 3


def test_encoded_words_without_an_end_are_not_searched_for_it_one_by_one() -> None:
    class Counted(str):
        """Counts the characters that are searched and copied."""

        read = 0

        def find(self, sought: str, start: int = 0, end: int | None = None) -> int:  # type: ignore[override]
            place = super().find(sought, start, end)
            self.read += (place if place >= 0 else end or len(self)) - start
            return place

        def __getitem__(self, key: slice) -> str:  # type: ignore[override]
            self.read += len(range(*key.indices(len(self))))
            return super().__getitem__(key)

    text = Counted("=?utf-8?b?YQ" * TIMES + "?=")
    decode_words(text, set())
    assert TIMES < text.read <= 3 * len(text)


def test_a_loop_in_a_loop_is_seen() -> None:
    def pairs(size: int) -> int:
        return sum(a < b for a in range(size) for b in range(size))

    assert not grows_no_faster(pairs, 100)
    assert not grows_no_faster(lambda size: pairs(max(0, size - 90)), 100)
    assert grows_no_faster(lambda size: sum(a > 1 for a in range(size)), 100)
    assert grows_no_faster(lambda size: sum(a > 1 for a in range(10 * max(0, size - 90))), 100)
    assert steps(lambda: None) == steps(lambda: None) > 0
