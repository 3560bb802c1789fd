"""The scan for the sender's address: right for what people send, harmless for anything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.records import UNKNOWN, sender_key

MAILS = [
    (b"From: ann@example.test\r\n\r\nhello", "ann@example.test"),
    (b"from : Ann <Ann@Example.TEST>\r\n\r\n", "ann@example.test"),
    (b'From: "Lee, Bob <boss@x.test>" <bob@example.test>\n\n', "bob@example.test"),
    (b"From: carl@example.test (Carl <c@d.test>)\n\n", "carl@example.test"),
    (
        b"Received: x\r\n From: no@x.test\r\nFrom:\r\n =?utf-8?q?D=C3=A9a?=\r\n <dea@example.test>\r\n\r\n",
        "dea@example.test",
    ),
    (b"From ann Mon Jan 1\nFrom: eve@example.test\n\n", "eve@example.test"),
    ("From: <åse@bücher.test>\r\n\r\n".encode(), "åse@xn--bcher-kva.test"),
    (b"From: MAILER-DAEMON <>\r\n\r\n", UNKNOWN),
    (b"From: <MAILER-DAEMON>\r\n\r\n", "mailer-daemon"),
    (b"Subject: x\r\n\r\nFrom: body@example.test\r\n", UNKNOWN),
    (b"From: <a\x00b\x07@example.test>\r\n\r\n", "ab@example.test"),
    (b"", UNKNOWN),
    (b"\r\n\r\nFrom: body@example.test", UNKNOWN),
]


@pytest.mark.parametrize(("raw", "expected"), MAILS)
def test_the_address_of_the_from_header_is_found(raw: bytes, expected: str) -> None:
    assert sender_key(raw) == expected


def check_harmless(raw: bytes) -> None:
    key = sender_key(raw)
    assert 1 <= len(key) <= 320
    assert key.isprintable()
    key.encode()


@given(st.binary())
def test_any_bytes_give_a_key(raw: bytes) -> None:
    check_harmless(raw)


@given(st.binary())
def test_any_from_header_gives_a_key(value: bytes) -> None:
    check_harmless(b"From: " + value + b"\r\n\r\n")


@given(st.text())
def test_any_text_as_address_gives_a_key(value: str) -> None:
    check_harmless(f"From: <{value}>\r\n\r\n".encode("utf-8", "surrogatepass"))


@given(st.emails())
def test_one_address_gives_one_key_however_it_is_written(address: str) -> None:
    plain = sender_key(f"From: <{address}>\r\n\r\n".encode())
    assert plain == sender_key(f"Subject: x\nFrom: Some One\n\t<{address.upper()}>\n\nhello".encode())


@pytest.mark.timeout(5)
@pytest.mark.parametrize(
    "value", [b"(" * 100_000, b'"' + b"\\" * 100_000, b"<" * 100_000, b"a@" * 50_000, b"\n " * 50_000, b"(a)" * 50_000]
)
def test_no_header_takes_long(value: bytes) -> None:
    for _ in range(20):
        check_harmless(b"From:" + value)
