"""The mails of the demo and of the benchmark say what their expectations say of them; the mix is the one asked for."""

import email
import hashlib
from datetime import UTC, datetime
from email.message import Message

from deploy.local.bench.mails import KINDS, REPLY_SHARE, BenchMail, make_mails, words_of
from deploy.local.demo.composing import Acknowledgement, MailOutcome, differences
from deploy.local.demo.mails import BY_NAME, DEMO_MAILS

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
RECIPIENT = "bench@desk.example"


def mix(count: int, seed: int = 1) -> list[BenchMail]:
    return list(
        make_mails(count, seed=seed, recipient=RECIPIENT, acknowledgement_id=lambda mail: f"<a.{mail.number}@x>")
    )


def text_part(message: Message) -> Message:
    return next(part for part in message.walk() if part.get_content_maintype() == "text")


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert [mail.raw for mail in mix(50)] == [mail.raw for mail in mix(50)]
    assert [mail.raw for mail in mix(50)] != [mail.raw for mail in mix(50, seed=2)]


def test_body_and_files_of_the_mix_are_what_is_expected_of_them() -> None:
    plain = 0
    for mail in mix(150):
        message = email.message_from_bytes(mail.raw)
        assert not message.defects
        assert message["Message-ID"] == mail.message_id
        part = text_part(message)
        if part.get_content_subtype() == "plain":
            body = part.get_payload(decode=True)
            assert isinstance(body, bytes)
            assert words_of(body.decode(str(part.get_content_charset()))) == mail.words
            plain += 1
        contents = [part.get_payload(decode=True) for part in message.walk() if part.get_filename()]
        assert (
            tuple(hashlib.sha256(content).hexdigest() for content in contents if isinstance(content, bytes))
            == mail.files
        )
    assert plain > 100


def test_the_mix_has_the_sizes_and_replies_asked_for() -> None:
    mails = mix(1000)
    with_files = sum(bool(mail.files) for mail in mails) / len(mails)
    assert abs(with_files - (KINDS["attachment"] + KINDS["big"]) / 100) < 0.03
    assert any(len(mail.raw) > 1_000_000 for mail in mails)
    replies = [mail for mail in mails if mail.answers is not None]
    assert abs(len(replies) / len(mails) - REPLY_SHARE) < 0.03
    for reply in replies:
        answered = mails[reply.answers or 0]
        assert answered.answers is None
        assert answered.sender == reply.sender
        assert f"<a.{answered.number}@x>".encode() in reply.raw


def test_demo_mails_can_be_written_and_name_mails_that_exist() -> None:
    answered = Acknowledgement("<mailcall.0@desk.example>", "Call C-000001", "Your call has been logged.")
    assert len(BY_NAME) == len(DEMO_MAILS) >= 12
    for mail in DEMO_MAILS:
        raw = mail.compose(NOW, answered if mail.answers else None)
        assert mail.message_id.encode() in raw
        assert mail.answers is None or answered.message_id.encode() in raw
        for other in (mail.answers, mail.expected.same_call_as):
            assert other is None or other in BY_NAME
    assert len(BY_NAME["three-megabytes"].compose(NOW, None)) > 3_000_000


def test_a_difference_names_the_field_and_both_values() -> None:
    expected = MailOutcome("call-logged", partition="it", user="ursula", logging_analyst="ida", priority="P3")
    assert differences(expected, expected) == []
    assert differences(expected, None)
    wrong = MailOutcome("call-logged", partition="it", user="ursula", logging_analyst="alan", priority="P3")
    assert differences(expected, wrong) == ["logging analyst: 'alan' instead of 'ida'"]
