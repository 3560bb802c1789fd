"""CMS messages: what is signed is read from any encoding of it, and any bytes end in a bounded result."""

import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resolver.parsing import parse
from resolver.parsing.smime import MAX_ELEMENTS, MAX_EXPANDED, Content, read_cms
from schemas.mail import Defect
from tests.examples import examples
from tests.parsing import der

MOST = 1 << 20
TEXT = b"Content-Type: text/plain; charset=utf-8\r\n\r\nHello\r\n"
HEAD = b"From: anna@example.org\r\nSubject: x\r\nMIME-Version: 1.0\r\n"
SMIME = HEAD + b"Content-Type: application/pkcs7-mime; name=smime.p7m\r\nContent-Transfer-Encoding: binary\r\n\r\n"
COMPRESSED = der.message(der.element(0x04, zlib.compress(TEXT)), kind=der.COMPRESSED)

PIECES = st.lists(st.binary(max_size=40), max_size=8)


@given(content=st.binary(min_size=1, max_size=400), indefinite=st.booleans())
@settings(max_examples=examples(100))
def test_signed_bytes_come_back(content: bytes, indefinite: bool) -> None:
    message = der.message(der.element(0x04, content), indefinite=indefinite)
    assert read_cms(message, MOST) == Content(content, whole=True)


@given(groups=st.lists(PIECES, min_size=1, max_size=4), inner=st.booleans(), outer=st.booleans())
@settings(max_examples=examples(100))
def test_signed_bytes_in_pieces_are_put_together(groups: list[list[bytes]], inner: bool, outer: bool) -> None:
    strings = b"".join(der.in_pieces(pieces, indefinite=inner) for pieces in groups)
    content = b"".join(piece for pieces in groups for piece in pieces)
    read = read_cms(der.message(der.element(0x24, strings, indefinite=outer), indefinite=outer), MOST)
    assert read == (Content(content, whole=True) if content else None)


# What such messages are made of: random bytes alone hardly ever get past the first element.
PARTS = st.sampled_from([
    der.SIGNED, der.COMPRESSED, der.ENVELOPED, der.DATA, b"\x30\x80", b"\xa0\x80", b"\x31\x80", b"\x24\x80",
    b"\x04\x03abc", b"\x02\x01\x01", b"\0\0", b"\x30\x84\xff\xff\xff\xff", b"\x04\x88" + b"\xff" * 8, b"\x04\x80",
    b"\x1f\x81\x00",
    b"\x30\x82\x10\x00", zlib.compress(b"x" * 5_000), b"\x04\x04", TEXT,
])  # fmt: skip
BYTES = st.one_of(st.binary(max_size=300), st.lists(st.one_of(PARTS, st.binary(max_size=3)), max_size=40).map(b"".join))


@given(BYTES, st.integers(0, 500))
@settings(max_examples=examples(600))
def test_any_bytes_end_in_a_bounded_result(message: bytes, most: int) -> None:
    for given_bytes in (message, der.signed(message)[: len(message)], der.message(message), COMPRESSED[:40] + message):
        content = read_cms(given_bytes, most)
        assert content is None or 0 < len(content.data) <= most


@given(content=st.binary(min_size=20, max_size=200), data=st.data())
@settings(max_examples=examples(200))
def test_a_message_cut_anywhere_gives_the_beginning_of_what_was_signed(content: bytes, data: st.DataObject) -> None:
    for message in (
        der.signed(content),
        der.message(der.in_pieces([content[:7], content[7:]], indefinite=False)),
        der.message(der.in_pieces([content[:7], content[7:]]), indefinite=True),
    ):
        end = data.draw(st.integers(0, len(message)))
        read = read_cms(message[:end], MOST)
        assert read is None or (content.startswith(read.data) and read.whole <= (read.data == content))


@given(content=st.binary(min_size=1, max_size=100), place=st.integers(0, 200), byte=st.integers(0, 255))
@settings(max_examples=examples(300))
def test_a_damaged_message_in_a_mail_loses_neither_mail_nor_file(content: bytes, place: int, byte: int) -> None:
    message = bytearray(der.message(der.in_pieces([TEXT, content]), indefinite=True))
    message[place % len(message)] = byte
    parsed = parse(SMIME + bytes(message))
    assert Defect.UNPARSED not in parsed.mail.defects
    if TEXT in message:
        assert "Hello" in parsed.mail.text or [file.content for file in parsed.files] == [bytes(message)]


@pytest.mark.parametrize(
    "message",
    [
        b"",
        der.message(der.element(0x04, TEXT), kind=der.ENVELOPED),
        der.message(b""),
        der.message(b"", indefinite=True),
        der.message(der.element(0x04, b"")),
        der.message(der.element(0x0C, TEXT)),
        der.message(der.element(0x04, b"no zlib"), kind=der.COMPRESSED),
    ],
    ids=["nothing", "encrypted", "detached", "detached in BER", "empty", "no octet string", "not compressed"],
)
def test_what_holds_no_signed_content_has_none(message: bytes) -> None:
    assert read_cms(message, MOST) is None


def test_a_compressed_message_is_expanded_up_to_a_limit() -> None:
    assert read_cms(COMPRESSED, MOST) == Content(TEXT, whole=True)
    assert read_cms(COMPRESSED, len(TEXT) - 1) is None
    larger = der.message(der.element(0x04, zlib.compress(b"x" * (MAX_EXPANDED + 1))), kind=der.COMPRESSED)
    assert read_cms(larger, 10 * MAX_EXPANDED) is None


def test_the_number_of_pieces_is_limited() -> None:
    few = read_cms(der.message(der.in_pieces([b"a"] * 1_000)), MOST)
    many = read_cms(der.message(der.in_pieces([b"a"] * (MAX_ELEMENTS + 10))), MOST)
    nested = b"\x30\x80" + der.SIGNED + b"\xa0\x80\x30\x80\x02\x01\x01" + b"\x31\x80" * 1_000_000
    assert few == Content(b"a" * 1_000, whole=True)
    assert many is not None
    assert not many.whole
    assert len(many.data) <= MAX_ELEMENTS
    assert read_cms(nested, MOST) is None
