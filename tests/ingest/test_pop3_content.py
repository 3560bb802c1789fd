"""A mail as POP3 sends it (RFC 1939, section 3), however the network cuts it: what was sent is what is read."""

import re
from typing import Any, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.connectors.pop3_session import Pop3Session

LINES = st.lists(st.sampled_from([b"", b".", b"..", b".x", b"text", b"\r", b"\n.", b"\xff" * 9]), max_size=12)


class Cut:
    """Gives the bytes in pieces of these lengths, over and over."""

    def __init__(self, data: bytes, lengths: list[int]) -> None:
        self.data, self.lengths, self.reads = data, lengths, 0

    def read1(self, _size: int) -> bytes:
        length = self.lengths[self.reads % len(self.lengths)]
        self.reads += 1
        piece, self.data = self.data[:length], self.data[length:]
        return piece


def session(data: bytes, lengths: list[int]) -> Pop3Session:
    """One that is not connected, and is sent these bytes."""
    one: Any = object.__new__(Pop3Session)
    one.file, one._command = Cut(data, lengths), lambda _line: b"+OK"
    return cast(Pop3Session, one)


def sent(mail: bytes) -> bytes:
    """With a dot more on each line that begins with one, and the line that ends it."""
    return re.sub(rb"(^|\r\n)\.", rb"\1..", mail) + b".\r\n"


@given(LINES.map(lambda lines: b"".join(line + b"\r\n" for line in lines)), st.lists(st.integers(1, 7), min_size=1))
@example(b"", [1])
@example(b".\r\n", [1])
@example(b"\r\n.\r\n..\r\n", [4, 3])
def test_what_was_sent_is_what_is_read(mail: bytes, lengths: list[int]) -> None:
    assert b"".join(session(sent(mail), lengths).content(1)) == mail


@given(st.binary(max_size=60), st.lists(st.integers(1, 7), min_size=1))
def test_a_mail_without_its_end_is_an_error_and_never_half_a_mail(data: bytes, lengths: list[int]) -> None:
    if (b"\r\n" + data).endswith(b"\r\n.\r\n"):
        data += b"x"
    with pytest.raises(Exception, match="in the middle of a mail"):
        b"".join(session(data, [60]).content(1))
