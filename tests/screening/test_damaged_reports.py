"""Reports that are damaged anywhere: whatever their bytes, they get a verdict."""

import logging
import logging.config

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resolver.parsing import parse
from resolver.screening import answerable, screen
from tests.examples import examples

REPORTS = (
    b"From: Mail Administrator <postmaster@example.net>\nSubject: Undeliverable: lunch\nMIME-Version: 1.0\n"
    b"Content-Type: multipart/mixed; boundary=B\n\n--B\n\nYour message did not reach bob@example.net\n--B\n"
    b"Content-Type: message/rfc822\n\nFrom: anna@example.org\nMessage-ID: <1@example.org>\n\nHello\n--B--\n",
    b"From: MAILER-DAEMON@example.net\nSubject: failure notice\n\nHi. This is the qmail-send program.\n\n"
    b"<bob@example.net>:\n550 5.1.1 no such user\n\n--- Below this line is a copy of the message.\n\n"
    b"Message-ID: <1@example.org>\n",
    b"From: MAILER-DAEMON@example.net\nSubject: Returned mail\nMIME-Version: 1.0\nContent-Type: multipart/report;\n"
    b" report-type=delivery-status; boundary=B\n\n--B\n\nIt failed.\n--B\nContent-Type: message/delivery-status\n\n"
    b"Reporting-MTA: dns; mx.example.net\n\nFinal-Recipient: rfc822; bob@example.net\nAction: failed\nStatus: 5.1.1\n"
    b"--B\nContent-Type: text/rfc822-headers\n\nMessage-ID: <1@example.org>\n--B--\n",
    b"From: anna@example.org\nSubject: Read: lunch\nContent-Type: multipart/report; boundary=B;\n"
    b" report-type=disposition-notification\n\n--B\n\nRead.\n--B\nContent-Type: message/disposition-notification\n\n"
    b"Final-Recipient: rfc822;anna@example.org\nDisposition: automatic-action/MDN-sent; deleted\n--B--\n",
    b"Return-Path: <>\nFrom: postmaster@mx.example\nTo: it@desk.example\nSubject: x\n\n"
    b"Not delivered: bob@example.net 550\n\n"
    b"--- x ---\n Received: from a\n  by b\n From: it@desk.example\n To: bob@example.net\n"
    b" Message-ID: <1@desk.example>\n",
    b"From: no-reply@example.net\nSubject: x\n\n"
    b'{"Type": "Notification", "Message": "[{\\"event\\": \\"bounce\\", \\"email\\": \\"bob@example.net\\"}]"}\n',
    b"Return-Path: <>\nFrom: fbl@example.net\nSubject: x\nContent-Type: multipart/mixed; boundary=B\n\n"
    b"--B\n\nSpam.\n--B\n"
    b"Content-Type: text/plain\n\nFeedback-Type: abuse\nVersion: 1\n--B\nContent-Type: message/rfc822\n\n"
    b"Content-Type: multipart/mixed; boundary=C\nMessage-ID: <1@example.org>\n\n--C\n\nx\n--C--\n--B--\n",
)
JUNK = st.one_of(
    st.binary(max_size=4), st.sampled_from([b"\n", b"\n\n", b":", b"<", b"@", b"--B\n", b"=?utf-8?B?", b";"])
)


@given(st.sampled_from(REPORTS), st.lists(st.tuples(st.integers(0, 700), st.integers(0, 40), JUNK), max_size=4))
@settings(max_examples=examples(400))
def test_a_damaged_report_gets_a_verdict(report: bytes, damages: list[tuple[int, int, bytes]]) -> None:
    """Each damage puts junk in the place of some bytes."""
    for start, length, junk in damages:
        report = report[:start] + junk + report[start + length :]
    parsed = parse(report)
    assert screen(parsed, frozenset()).model_dump_json()
    answerable(parsed)


@pytest.mark.parametrize("sender", [b"", b"From:\n", b"From: Mail Administrator\n"])
def test_a_report_on_which_the_bounce_library_fails(sender: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """flufl.bounce 6.0.0 raises IndexError where no address stands in From; its traceback is no news."""
    raw = sender + b"Return-Path: <>\nSubject: Undeliverable: lunch\n\nbob@example.net could not be delivered.\n"
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})  # as other libraries do
    with caplog.at_level(logging.DEBUG):
        judged = screen(parse(raw), frozenset())
    assert (judged.verdict, judged.reason) == ("rejected", "bounce")
    assert caplog.records == []
