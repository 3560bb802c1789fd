"""CRLF to LF, fast: the same bytes as `bytes.replace` gives, for a mail's id depends on it for ever."""

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import ids
from schemas import line_endings as line_ends

LINE = b"A" * 76 + b"\r\n"
HEAD = b"From: a@example.com\r\nStatus: RO\r\n\r\n"


@pytest.fixture(autouse=True)
def small_mails_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_ends, "MIN_BYTES", 0)


def formula(server_id: str, raw: bytes) -> str:
    """A mail's id as the first release took it. It may never change."""
    text = raw.replace(b"\r\n", b"\n")
    end = text.find(b"\n\n")
    head, body = (text, b"") if end < 0 else (text[: end + 1], text[end + 1 :])
    store = rb"^(?:Status|X-Status|X-UID|X-UIDL|X-Keywords|X-IMAP|X-IMAPbase|X-Mozilla-[\w-]+|Content-Length|Lines)"
    head = re.sub(store + rb"[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*", b"", head, flags=re.IGNORECASE | re.MULTILINE)
    parts = (server_id.encode(), head, body.rstrip(b"\n"))
    return hashlib.sha256(b"".join(b"%d:%b" % (len(part), part) for part in parts)).hexdigest()[:32]


BLOCKS = [
    LINE * 40,
    LINE * 15,
    LINE * 40 + b"AAAA=\r\n",
    LINE * 20 + b"B" * 60 + b"\r\n" + LINE * 20,
    LINE * 30 + b"A" * 40 + b"\r" + b"A" * 35 + b"\r\n" + LINE * 5,
    LINE * 30 + b"A" * 37 + b"\r\n" + b"A" * 37 + b"\r\n" + LINE * 5,
    LINE * 30 + b"A" * 75 + b"\r\r\n" + LINE * 5,
    LINE * 30 + b"A" * 76 + b"\n" + b"A" * 76 + b"\r\n" + LINE * 5,
    LINE * 30 + b"A" * 76 + b"\r",
    LINE * 30 + b"A" * 76 + b"\rB" + LINE * 5,
    LINE * 30 + b"A" * 77 + b"\n" + LINE * 5,
    (LINE * 20 + b"\r\n\r\n") * 40,
]


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
@pytest.mark.parametrize("again", [1, 2])
def test_blocks_of_equal_lines_are_cut_as_any_other_text(block: bytes, again: int) -> None:
    raw = (HEAD + block) * again
    assert line_ends.to_lf(raw) == raw.replace(b"\r\n", b"\n")
    assert ids.mail_id("it", raw) == formula("it", raw)


PIECES = st.sampled_from(
    [b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\n\n", b"x", b"\n y", b"Status: O", b"X-UID : 7", LINE, LINE * 16]
)


@given(st.lists(PIECES | st.binary(max_size=8), max_size=20).map(b"".join))
def test_an_id_never_changes_whatever_the_bytes(raw: bytes) -> None:
    assert line_ends.to_lf(raw) == raw.replace(b"\r\n", b"\n")
    assert ids.mail_id("it", raw) == formula("it", raw)
