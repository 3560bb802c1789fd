"""What holds for every mail on its whole way, whatever its bytes: one record, and an answer that is only ours."""

import re
from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from outbound.choose import Chosen
from outbound.compose import Composed, compose
from outbound.headers import wire_address
from outbound.render import Templates, render
from runtime.blobs import BlobStore
from schemas.addresses import check_address
from schemas.events import NotificationRequested
from schemas.reasons import Reason
from schemas.reply_marker import REPLY_MARKER
from schemas.settings import Format
from schemas.topics import MAIL_REJECTED, MAIL_RESOLVED, NOTIFICATION_REQUESTED, NOTIFICATION_RESULTS
from schemas.wire import MAX_INLINE_BYTES, OutputRecord
from tests.examples import examples
from tests.mail.stored import NOW, SETTINGS, TOKEN_KEYS, FixedDesk
from tests.mail.walk import Walk, values
from tests.outbound.test_compose import ALWAYS, OPTIONAL
from tests.parsing.test_any_bytes import BYTES

TOLD = (MAIL_RESOLVED, MAIL_REJECTED, NOTIFICATION_RESULTS)
TEMPLATES = Templates(SETTINGS)

# What somebody may put into a header of a mail to be let into one of ours.
BREAKING = st.sampled_from([
    "\r\nBcc: <victim@other.example>\r\n\r\nbody", "\nTo: x@y.example", "\rCc: x@y.example", "\u2028Bcc: x", "\0",
    "=?utf-8?q?=0D=0ABcc:_x=40y?=", "{{ 7*7 }}", "{% raw %}", '"', "\\", "<x@y.example>", ",", ";", "(", "\x85",
    "\r\n.\r\nQUIT", "＞，＜x＠y.example", "[C-000101]", REPLY_MARKER,
])  # fmt: skip
HOSTILE = st.lists(BREAKING | st.text(max_size=10), max_size=6).map("".join)
QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
ONE_MAILBOX = re.compile(r"[^<>()@,;:\"\\]*<([^<>()\s,;:\"\\]+)>")
_numbers = count()


# The desk's own system found that From is true: only such senders read words of theirs in our answers.
PROVED = b"Authentication-Results: mx.desk.example; dmarc=pass header.from=firm.example\r\n"


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    folder = tmp_path_factory.mktemp("desk")
    desk = FixedDesk(folder)
    yield Walk(desk.fresh(), BlobStore((folder / "blobs").as_uri()))
    desk.close()


@given(BYTES)
@settings(max_examples=examples(200))
def test_any_bytes_become_one_record_within_the_limit(walk: Walk, raw: bytes) -> None:
    assume(raw)
    published = walk.arrive(raw, "it-mailbox")
    [record] = [message for message in published if message.topic in TOLD]
    assert len(record.value or b"") < MAX_INLINE_BYTES
    [value] = values([record], record.topic)
    assert (walk.ledger(value.mail_id) is not None) == (record.topic is MAIL_RESOLVED)


@given(
    name=HOSTILE, subject=HOSTILE, message_id=HOSTILE, references=HOSTILE, reply_to=HOSTILE, text=HOSTILE,
    encoded=st.booleans(), format_=st.sampled_from(Format),
)  # fmt: skip
@settings(max_examples=examples(200))
def test_nothing_a_mail_says_adds_a_header_or_a_recipient_to_our_answer(
    walk: Walk, name: str, subject: str, message_id: str, references: str, reply_to: str, text: str,
    encoded: bool, format_: Format,
) -> None:  # fmt: skip
    written = _encoded if encoded else _raw
    number = next(_numbers)
    raw = b"".join((
        PROVED,
        b"From: %s <new-%d@firm.example>\r\n" % (_encoded(name), number),
        b"Reply-To: %s\r\nTo: it@desk.example\r\n" % written(reply_to),
        b"Subject: %s\r\n" % written(subject),
        b"Message-ID: <%d.%s@firm.example>\r\n" % (number, written(message_id)),
        b"References: %s\r\nIn-Reply-To: <%s@firm.example>\r\n" % (written(references), written(references)),
        b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + text.encode(),
    ))  # fmt: skip
    published = walk.arrive(raw, "marking-mailbox")
    requests = _requests(published)
    for rejected in values(published, MAIL_REJECTED):  # it begins as a notification of ours does: nobody is answered
        assert REPLY_MARKER in text and rejected.reason is Reason.LOOP and not requests
        return
    [mail] = values(published, MAIL_RESOLVED)
    logged = walk.ledger(mail.mail_id)
    assert logged is not None
    # Who hits on the Message-ID of an earlier one writes into that one's call, and is told nothing of it; nor is who
    # sends what two programs can read in two ways.
    is_answered = logged[0] == "call-logged" and mail.trust == "passed"
    assert [one.role for one in requests].count("author") == is_answered
    for request in requests:
        check(_answer(request, format_), request)


@given(local=HOSTILE, domain=HOSTILE, encoded=st.booleans())
@settings(max_examples=examples(150))
def test_no_address_of_a_mail_is_more_than_one_recipient(walk: Walk, local: str, domain: str, encoded: bool) -> None:
    address = f"{local}@{domain}.example"
    raw = b"From: %s\r\nSubject: %d\r\n\r\nHello" % ((_encoded if encoded else _raw)(address), next(_numbers))
    for request in _requests(walk.arrive(raw, "it-mailbox")):
        assert check_address(request.recipient) == request.recipient
        check(_answer(request, Format.TEXT), request)


def check(answer: Composed, request: NotificationRequested) -> None:
    """The fields that a notification has, each once, and nobody in them but the desk and the recipient."""
    assert answer.sender == ""
    assert b"\r" not in answer.content.replace(b"\r\n", b"")
    assert b"\n" not in answer.content.replace(b"\r\n", b"")
    head, _, _ = answer.content.partition(b"\r\n\r\n")
    fields = [line.split(": ", 1) for line in head.decode().replace("\r\n ", " ").split("\r\n")]
    values_by_name = {name.lower(): value for name, value in fields}
    assert len(values_by_name) == len(fields)
    assert ALWAYS <= set(values_by_name) <= ALWAYS | OPTIONAL
    assert _mailbox(values_by_name["from"]) == "it@desk.example"
    assert _mailbox(values_by_name["to"]) == wire_address(request.recipient)
    assert values_by_name["x-mailcall-loop"] == request.notification_id


def _mailbox(value: str) -> str:
    """The only address of a field. Not read by `email`, which mends what it reads."""
    found = ONE_MAILBOX.fullmatch(QUOTED.sub("", value))
    assert found, value
    return found[1]


def _answer(request: NotificationRequested, format_: Format) -> Composed:
    server = SETTINGS.outgoing_server_for(request.partition)
    assert server is not None
    return compose(request, render(request, TEMPLATES, format_), Chosen(server, server), NOW, TOKEN_KEYS)


def _requests(published: list[OutputRecord]) -> list[NotificationRequested]:
    return values(published, NOTIFICATION_REQUESTED)


def _encoded(text: str) -> bytes:
    """As an encoded word of RFC 2047, in which anything can be hidden."""
    return b"=?utf-8?Q?" + b"".join(b"=%02X" % byte for byte in text.encode()) + b"?="


def _raw(text: str) -> bytes:
    """As it stands, less the line ends: behind one of these the mail itself has another header."""
    return text.translate({ord("\r"): " ", ord("\n"): " "}).encode()
