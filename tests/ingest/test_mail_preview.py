"""What a test shows of a mail, whatever its bytes are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.mail_preview import MAX_SHOWN, UNREADABLE, MailPreview, header_of, holds, preview_of


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (
            b"From: Ann <a@x.test>\r\nSubject: Hi\r\n\r\nHello\r\nyou\r\n",
            MailPreview("Ann <a@x.test>", "Hi", "Hello\nyou"),
        ),
        (b"From: =?utf-8?q?J=C3=B6rg?= <j@x.test>\nSubject: =?bad\n\n", MailPreview("Jörg <j@x.test>", "=?bad", "")),
        (b"Subject: a\r\n b\x07\r\nContent-Type: text/html\r\n\r\n<p>Hi <b>you</b>", MailPreview("", "a b", "Hi  you")),
        (b"", MailPreview("", "", "")),
    ],
)
def test_sender_subject_and_message_are_read(raw: bytes, expected: MailPreview) -> None:
    assert preview_of(raw) == expected


def test_of_several_parts_the_plain_text_is_shown() -> None:
    raw = (
        b'Content-Type: multipart/alternative; boundary="b"\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>rich\r\n'
        b"--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\npl\xe4in\r\n--b--\r\n"
    )
    assert preview_of(raw).message == "pläin"


@given(st.binary(max_size=500) | st.binary(max_size=300).map(lambda tail: b"Subject: =?utf-8?b?" + tail + b"\r\n\r\nx"))
def test_whatever_the_bytes_it_is_short_and_harmless(raw: bytes) -> None:
    one = preview_of(raw)
    assert one.sender.isprintable() and one.subject.isprintable()
    assert one.message.replace("\n", "").isprintable()
    assert len(one.message) <= MAX_SHOWN
    assert isinstance(holds(header_of(raw), "x"), bool)


def test_what_the_reader_fails_on_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = b"Content-Type: text/plain; charset=no-such-thing\r\n\r\n\xff"
    assert preview_of(raw).message in (UNREADABLE, "�")


def test_a_marker_is_found_whatever_its_letter_case() -> None:
    header = b"From: a@x.test\r\nSubject: =?utf-8?q?Pr=C3=BCfung_4711?="
    assert holds(header, "prüfung 4711")
    assert not holds(header, "4712")
    assert holds(header, "")
