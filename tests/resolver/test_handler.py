"""A batch of fetched mails, against the desk on both databases and a blob store in a folder."""

import hashlib
import os
import sys
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from desk.engine import read_transaction
from desk.persons import find_persons
from resolver import handler as handler_module
from resolver.handler import Directory, ResolverHandler
from resolver.resolve import Examined
from resolver.sandbox.sandboxed_parser import SandboxedParser
from runtime.blobs import BlobStore
from runtime.outages import OutageError
from runtime.processing.outcomes import Dead, FinalOutcome, Ok, Reject
from schemas import ids
from schemas.addresses import normalise
from schemas.events import NotificationResult
from schemas.mail import Defect
from schemas.persons import Person
from schemas.reasons import Reason
from schemas.resolved_mail import RejectedMail, ResolvedMail
from schemas.settings import EmailOptions
from schemas.snapshot import SettingsSnapshot
from schemas.tokens import NO_KEYS, TokenKeys
from schemas.topics import MAIL_REJECTED, MAIL_RESOLVED, NOTIFICATION_RESULTS
from schemas.wire import LEAST_RECORD_BYTES, MAX_INLINE_BYTES, OutputRecord, Record, inline_bytes
from tests.desks import noted_statements
from tests.resolver.conftest import store_persons
from tests.resolver.in_process import examine_here

NOW = datetime(2026, 11, 1, 12, 5, tzinfo=UTC)
Fetched = Callable[..., Record]


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore((tmp_path / "blobs").as_uri())


@pytest.fixture
def handler(desk: Engine, snapshot: SettingsSnapshot, blobs: BlobStore) -> ResolverHandler:
    return ResolverHandler(lambda: snapshot, lambda: snapshot, directory_of(desk), blobs, lambda: NOW, examine_here)


def directory_of(desk: Engine) -> Directory:
    def directory(addresses: Collection[str]) -> dict[str, tuple[Person, ...]]:
        with read_transaction(desk) as connection:
            return find_persons(connection, addresses)

    return directory


def mail(from_: str = "Ursula <ursula@example.org>", subject: str = "Printer", body: str = "It is broken.") -> bytes:
    return (
        f"From: {from_}\r\nTo: it@desk.example\r\nSubject: {subject}\r\nMessage-ID: <1@example.org>\r\n"
        f"Date: Sun, 1 Nov 2026 12:00:00 +0000\r\n\r\n{body}\r\n"
    ).encode()


def mime(*parts: tuple[str, bytes]) -> bytes:
    """A multipart/mixed of (headers, content)."""
    body = b"".join(b"--b\r\n" + headers.encode() + b"\r\n\r\n" + content + b"\r\n" for headers, content in parts)
    head = b"From: ursula@example.org\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    return head + body + b"--b--\r\n"


def only(outcome: FinalOutcome) -> OutputRecord:
    assert isinstance(outcome, Ok | Reject)
    assert len(outcome.outputs) == 1
    return outcome.outputs[0]


def resolved(outcome: FinalOutcome) -> ResolvedMail:
    message = only(outcome)
    assert message.topic is MAIL_RESOLVED
    return ResolvedMail.model_validate_json(message.value or b"")


def test_a_batch_gives_one_outcome_a_record_in_order(handler: ResolverHandler, fetched: Fetched) -> None:
    records = [
        fetched(mail("Ursula <ursula@example.org>")),
        fetched(mail("Alan <ALAN@example.org>")),
        fetched(mail("New Person <new@example.net>")),
        fetched(mail(), server="unheard-of"),
        fetched(mail(), server="no-template"),
        Record("mail.fetched", 0, 99, None, None),
    ]

    outcomes = handler.handle(records)

    senders = [resolved(outcome).sender for outcome in outcomes[:3]]
    assert [sender.person_id for sender in senders] == ["ursula", "alan", ids.person_id("new@example.net")]
    assert [sender.logging_analyst for sender in senders] == ["ida", "alan", "ida"]
    assert [sender.new_person for sender in senders] == [False, False, True]
    assert (senders[2].first_name, senders[2].last_name) == ("New", "Person")
    dead = [outcome for outcome in outcomes[3:] if isinstance(outcome, Dead)]
    assert [outcome.reason for outcome in dead] == [
        Reason.UNKNOWN_SERVER,
        Reason.UNKNOWN_TEMPLATE,
        Reason.NULL_VALUE,
    ]


def test_the_record_says_where_it_comes_from(handler: ResolverHandler, fetched: Fetched) -> None:
    record = fetched(mail(), key="ursula@example.org")

    message = only(handler.handle([record])[0])

    mail_id = ids.mail_id("it-mailbox", mail())
    headers = dict(message.headers)
    assert message.key == "ursula@example.org"
    assert headers["ce_id"] == mail_id.encode()
    assert headers["traceparent"] == ids.traceparent(mail_id).encode()
    value = ResolvedMail.model_validate_json(message.value or b"")
    assert (value.mail_id, value.server_id, value.call_template) == (mail_id, "it-mailbox", "it-call")
    assert (value.subject, value.text.strip(), value.message_id) == ("Printer", "It is broken.", "<1@example.org>")
    assert (value.size, value.sha256) == (len(mail()), hashlib.sha256(mail()).hexdigest())
    assert set(value.settings_versions) == {"incoming-server/it-mailbox", "call-template/it-call"}


def test_the_same_record_gives_the_same_answer(handler: ResolverHandler, fetched: Fetched) -> None:
    record = fetched(mime(("Content-Type: application/pdf; name=a.pdf", b"content")))
    assert handler.handle([record]) == handler.handle([record])


def test_one_query_looks_up_all_senders_of_a_batch(handler: ResolverHandler, desk: Engine, fetched: Fetched) -> None:
    with noted_statements(desk) as statements:
        handler.handle([fetched(mail("ursula@example.org"))])
        for_one = len(statements)

        handler.handle([fetched(mail(address)) for address in ("ursula@example.org", "alan@example.org") * 10])

    assert for_one > 0
    assert len(statements) == 2 * for_one


@pytest.mark.parametrize(
    ("from_", "user"),
    [
        ("u@example.org", "ursula"),  # a secondary address
        ("URSULA@EXAMPLE.ORG", "ursula"),
        ("birgit@bücher.example", "birgit"),
        ("ursula+printer@example.org", "ursula"),
        ("ursula+own@example.org", "tagged"),
    ],
)
def test_whose_address_it_is(
    desk: Engine, snapshot: SettingsSnapshot, blobs: BlobStore, fetched: Fetched, from_: str, user: str
) -> None:
    birgit = Person(id="birgit", addresses=("birgit@xn--bcher-kva.example",), is_user=True)
    store_persons(desk, (birgit, Person(id="tagged", addresses=("Ursula+Own@example.org",), is_user=True)))
    options = EmailOptions(plus_tags=True)
    settings = snapshot.with_changes([("email-options/email-options", options, 9)])
    handler = ResolverHandler(lambda: settings, lambda: settings, directory_of(desk), blobs, lambda: NOW, examine_here)

    sender = resolved(handler.handle([fetched(mail(from_))])[0]).sender

    assert (sender.person_id, sender.new_person) == (user, False)
    assert sender.address == normalise(from_)


def test_of_a_mail_over_the_limit_the_whole_is_attached_and_no_part_that_may_be_cut(
    handler: ResolverHandler, blobs: BlobStore, fetched: Fetched
) -> None:
    whole = mime(
        ("Content-Type: text/plain", b"See the scan."),
        ('Content-Disposition: attachment; filename="scan.pdf"\r\nContent-Transfer-Encoding: base64', b"QUJD" * 1_000),
    )
    key = blobs.put(whole)
    record = fetched(whole[:600], truncated=str(len(whole)), wholeref=key)
    value = resolved(handler.handle([record])[0])
    assert value.text.strip() == "See the scan."
    assert [(file.name, file.content_type, file.size) for file in value.files] == [
        ("mail.eml", "message/rfc822", len(whole))
    ]
    assert blobs.get(value.files[0].blob) == whole
    assert value.files[0].sha256 == hashlib.sha256(whole).hexdigest()
    assert Defect.TRUNCATED in value.defects


def test_of_a_mail_too_large_to_be_kept_the_beginning_becomes_a_call(
    handler: ResolverHandler, fetched: Fetched
) -> None:
    value = resolved(handler.handle([fetched(mail(), truncated="3000000000")])[0])
    assert (value.subject, value.files) == ("Printer", ())


def test_attachments_go_to_the_blob_store(handler: ResolverHandler, blobs: BlobStore, fetched: Fetched) -> None:
    raw = mime(
        ("Content-Type: text/plain", b"see attached"),
        ('Content-Type: application/pdf\r\nContent-Disposition: attachment; filename="a.pdf"', b"PDF" * 1000),
        ('Content-Type: text/csv\r\nContent-Disposition: attachment; filename="empty.csv"', b""),
    )

    value = resolved(handler.handle([fetched(raw)])[0])

    assert [file.name for file in value.files] == ["a.pdf", "empty.csv"]
    for file in value.files:
        content = blobs.get(file.blob)
        assert (file.size, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert blobs.get(value.files[0].blob) == b"PDF" * 1000


def test_a_claim_check_is_fetched(handler: ResolverHandler, blobs: BlobStore, fetched: Fetched) -> None:
    raw = mail(body="large " * 200_000)
    extensions = {"dataref": blobs.put(raw), "size": str(len(raw)), "sha256": hashlib.sha256(raw).hexdigest()}
    missing = {**extensions, "dataref": "sha256/00/" + "0" * 64}

    outcomes = handler.handle([fetched(b"", **extensions), fetched(b"", **missing)])

    assert resolved(outcomes[0]).text.startswith("large large")
    assert isinstance(outcomes[1], Dead)
    assert outcomes[1].reason is Reason.BLOB_MISSING


def test_of_many_claim_checked_messages_only_some_are_in_memory(
    desk: Engine, snapshot: SettingsSnapshot, blobs: BlobStore, fetched: Fetched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch of small records may name gigabytes."""
    together: list[int] = []

    def examine(mails: Sequence[tuple[str, bytes]], own: frozenset[str]) -> Sequence[Examined]:
        together.append(sum(len(raw) for _, raw in mails))
        return examine_here(mails, own)

    handler = ResolverHandler(lambda: snapshot, lambda: snapshot, directory_of(desk), blobs, lambda: NOW, examine)
    raws = [mail(subject=f"Large {n}", body="large " * 10_000) for n in range(7)]
    records = [
        fetched(b"", dataref=blobs.put(raw), size=str(len(raw)), sha256=hashlib.sha256(raw).hexdigest()) for raw in raws
    ]
    most = 2 * len(raws[0])
    monkeypatch.setattr(handler_module, "HELD_BYTES", most)

    outcomes = handler.handle(records)

    assert [resolved(outcome).subject for outcome in outcomes] == [f"Large {n}" for n in range(7)]
    assert together == [most, most, most, len(raws[0])]


@pytest.mark.parametrize(
    ("raw", "files"),
    [
        (mail(body="x" * 300_000), ["body.txt"]),
        (mail(body="ж" * 200_000), ["body.txt"]),
        (mail(body="\x01" * 250_000), ["body.txt"]),
        (mail(body="> quoted\n" + "\x02" * 600_000), ["body.txt"]),
        (mail(subject="s" * 200_000), []),
        (mime(("Content-Type: text/html", b"<p>" + b"y" * 400_000)), ["body.txt", "body.html"]),
        (mime(*((f"Content-Type: image/png; name={n}.png", b"z") for n in range(900))), None),
        (mail() + os.urandom(900_000), None),
    ],
)
@pytest.mark.parametrize("inline", [MAX_INLINE_BYTES, inline_bytes(LEAST_RECORD_BYTES)])
def test_no_record_is_too_large_and_nothing_is_lost(
    inline: int,
    raw: bytes,
    files: list[str] | None,
    handler: ResolverHandler,
    blobs: BlobStore,
    fetched: Fetched,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(handler, "_inline_bytes", inline)
    message = only(handler.handle([fetched(raw)])[0])

    assert len(message.value or b"") < inline
    value = ResolvedMail.model_validate_json(message.value or b"")
    if files is not None:
        assert [file.name for file in value.files] == files
    for file in value.files:
        assert len(blobs.get(file.blob)) == file.size


def test_a_cut_text_stands_whole_in_its_file(handler: ResolverHandler, blobs: BlobStore, fetched: Fetched) -> None:
    value = resolved(handler.handle([fetched(mail(body="жук " * 100_000))])[0])

    whole = blobs.get(value.files[0].blob).decode()
    assert len(whole) > len(value.text) > 100_000
    assert whole.startswith(value.text)


def test_a_mail_that_cannot_be_parsed_is_logged_with_the_raw_mail(
    handler: ResolverHandler, blobs: BlobStore, fetched: Fetched, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: object) -> None:
        raise RecursionError

    monkeypatch.setattr("resolver.parsing.read_body", broken)

    value = resolved(handler.handle([fetched(mail())])[0])

    assert [(file.name, file.content_type) for file in value.files] == [("mail.eml", "message/rfc822")]
    assert blobs.get(value.files[0].blob) == mail()
    assert value.sender.person_id == "ursula"


def test_with_a_text_that_was_cut_stands_the_raw_mail(
    handler: ResolverHandler, blobs: BlobStore, fetched: Fetched, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MAX_TEXT", "MAX_WIDE_TEXT"):
        monkeypatch.setattr(f"resolver.parsing.text_parts.{name}", 10)
    raw = mail(body="Printer on the third floor")

    value = resolved(handler.handle([fetched(raw)])[0])

    assert (value.text, value.defects) == ("Printer on", (Defect.TOO_LONG,))
    assert [(file.name, blobs.get(file.blob)) for file in value.files] == [("mail.eml", raw)]


def test_a_mail_past_the_limits_of_reading_is_logged_with_the_raw_mail_and_nine_others_as_ever(
    snapshot: SettingsSnapshot, blobs: BlobStore, fetched: Fetched
) -> None:
    raws = [mail(body=f"Mail {number}") for number in range(9)]
    past = mail(body="please devour")
    with closing(SandboxedParser((sys.executable, "-m", "tests.resolver.misbehaving"))) as reader:
        handler = ResolverHandler(
            lambda: snapshot, lambda: snapshot, lambda _addresses: {}, blobs, lambda: NOW, reader.examine
        )
        outcomes = list(handler.handle([fetched(raw) for raw in (*raws[:4], past, *raws[4:])]))

    value = resolved(outcomes.pop(4))
    assert [(file.name, blobs.get(file.blob)) for file in value.files] == [("mail.eml", past)]
    assert (value.subject, value.sender.address, value.text) == ("Printer", "ursula@example.org", "")
    assert [resolved(outcome).text for outcome in outcomes] == [f"Mail {number}" for number in range(9)]


def test_a_mail_that_comes_twice_by_different_ways_has_one_content_id(
    handler: ResolverHandler, fetched: Fetched
) -> None:
    way = b"Received: by a.example.net\r\n"
    raws = [mail(), way + mail(), way + b"X-Greylist: delayed\r\n" + mail(), mail(body="It is not.")]
    first, again, marked, other = (resolved(outcome) for outcome in handler.handle([fetched(raw) for raw in raws]))
    assert len({first.mail_id, again.mail_id, marked.mail_id}) == 3
    assert first.content_id == again.content_id == marked.content_id != ""
    assert other.content_id not in ("", first.content_id)
    # as 0.1 saw it, to which one that was greylisted was another mail
    assert first.former_content_id == again.former_content_id not in ("", first.content_id)
    assert marked.former_content_id not in ("", first.former_content_id)


def test_where_0_1_never_logged_a_mail_nobody_computes_its_content_ids(
    snapshot: SettingsSnapshot, blobs: BlobStore, fetched: Fetched
) -> None:
    handler = ResolverHandler(
        lambda: snapshot, lambda: snapshot, lambda _: {}, blobs, lambda: NOW, examine_here, since_0_1=False
    )
    value = resolved(handler.handle([fetched(mail())])[0])
    assert (value.content_id != "", value.former_content_id) == (True, "")


def test_a_mail_without_message_id_or_end_is_never_taken_for_another(
    handler: ResolverHandler, fetched: Fetched
) -> None:
    records = [
        fetched(mail().replace(b"Message-ID: <1@example.org>\r\n", b"")),
        fetched(mail(), truncated="3000000000"),
    ]
    for value in map(resolved, handler.handle(records)):
        assert (value.content_id, value.former_content_id) == ("", "")


@pytest.mark.parametrize("raw", [b"\0", b"\n", b"no mail at all", os.urandom(2000), b"From: \xff\xfe\r\n\r\n\0\0"])
def test_any_bytes_become_a_call(raw: bytes, handler: ResolverHandler, fetched: Fetched) -> None:
    value = resolved(handler.handle([fetched(raw)])[0])
    assert value.sender.logging_analyst == "ida"


BOUNCE = """From: MAILER-DAEMON@mx.example.net
To: desk@example.org
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: text/plain

It could not be delivered.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Final-Recipient: rfc822; nobody@example.net
Action: failed
Status: 5.1.1

--b
Content-Type: message/rfc822

From: desk@example.org
To: nobody@example.net
Message-ID: {message_id}
Subject: Your call

Hello
--b--
"""


def test_a_bounce_of_our_own_notification_is_its_result(handler: ResolverHandler, fetched: Fetched) -> None:
    notification = ids.notification_id("0" * 32, "CallLogged", "nobody@example.net")
    raw = BOUNCE.format(message_id=ids.message_id(notification, "desk.example")).encode()

    outcome = handler.handle([fetched(raw)])[0]

    message = only(outcome)
    assert (message.topic, message.key) == (NOTIFICATION_RESULTS, notification)
    result = NotificationResult.model_validate_json(message.value or b"")
    assert (result.outcome, result.recipient) == ("bounced", "nobody@example.net")
    assert (result.smtp_reply, result.reason) == ("5.1.1", Reason.BOUNCE)
    assert result.mail_id == ids.mail_id("it-mailbox", raw)


SECOND = """
Final-Recipient: rfc822; later@example.net
Action: delayed
Status: 4.4.1

Final-Recipient: rfc822; there@example.net
Action: delivered
Status: 2.0.0

Final-Recipient: rfc822; full@example.net
Action: failed
Status: 5.0.0
Diagnostic-Code: smtp; 552 5.2.2 over quota
"""


def test_a_report_about_several_recipients_is_a_result_for_each_who_does_not_have_it(
    handler: ResolverHandler, fetched: Fetched
) -> None:
    notification = ids.notification_id("0" * 32, "CallLogged", "nobody@example.net")
    text = BOUNCE.format(message_id=ids.message_id(notification, "desk.example"))
    raw = text.replace("Status: 5.1.1\n", f"Status: 5.1.1\n{SECOND}").encode()

    outcome = handler.handle([fetched(raw)])[0]

    assert isinstance(outcome, Ok)
    results = [NotificationResult.model_validate_json(message.value or b"") for message in outcome.outputs]
    assert [(one.recipient, one.outcome, one.trouble, one.smtp_reply) for one in results] == [
        ("nobody@example.net", "bounced", "address", "5.1.1"),
        ("full@example.net", "bounced", "mailbox", "5.2.2"),
        ("later@example.net", "deferred", "outage", "4.4.1"),
    ]
    mail_id = ids.mail_id("it-mailbox", raw)
    assert {one.mail_id for one in results} == {mail_id}
    event_ids = [dict(message.headers)["ce_id"].decode() for message in outcome.outputs]
    assert event_ids == [mail_id, f"{mail_id}/1", f"{mail_id}/2"]


@pytest.mark.parametrize(
    ("returned", "is_ours"),
    [("signed", True), ("expired", True), ("foreign", False), ("unsigned", False)],
)
def test_a_report_about_a_mail_that_we_did_not_sign_is_no_result(
    returned: str, is_ours: bool, snapshot: SettingsSnapshot, blobs: BlobStore, fetched: Fetched
) -> None:
    keys = TokenKeys((b"k" * 32,))
    nobody = "nobody@example.net"
    signer = {"foreign": TokenKeys((b"f" * 32,)), "unsigned": NO_KEYS}.get(returned, keys)
    token = signer.sign(ids.notification_id("0" * 32, "CallLogged", nobody), NOW, nobody)
    if returned == "expired":
        token = signer.sign(token[:32], NOW - timedelta(days=400), nobody)
    handler = ResolverHandler(lambda: snapshot, lambda: snapshot, lambda _: {}, blobs, lambda: NOW, examine_here, keys)

    outcome = handler.handle([fetched(BOUNCE.format(message_id=ids.message_id(token, "desk.example")).encode())])[0]

    assert only(outcome).topic is (NOTIFICATION_RESULTS if is_ours else MAIL_REJECTED)


def test_an_answer_is_judged_by_the_keys_and_the_days_of_the_settings(
    snapshot: SettingsSnapshot, blobs: BlobStore, fetched: Fetched
) -> None:
    keys = TokenKeys((b"k" * 32,))
    options = EmailOptions(token_days=10)
    settings = snapshot.with_changes([("email-options/email-options", options, 9)])
    handler = ResolverHandler(lambda: settings, lambda: settings, lambda _: {}, blobs, lambda: NOW, examine_here, keys)
    subjects = [keys.sign("C-000001", NOW - timedelta(days=days), "ursula@example.org") for days in (10, 11)]

    raws = [f"From: ursula@example.org\r\nSubject: [{subject}]\r\n\r\nHello".encode() for subject in subjects]
    young, old = (resolved(outcome).conversation for outcome in handler.handle([fetched(raw) for raw in raws]))

    assert (young.tokens, young.doubtful) == (("C-000001",), ())
    assert (old.tokens, old.doubtful) == ((), ("C-000001",))


def test_any_other_machines_mail_is_rejected_with_the_reason(handler: ResolverHandler, fetched: Fetched) -> None:
    raws = [
        BOUNCE.format(message_id="<other@example.com>").encode(),
        b"Auto-Submitted: auto-generated\r\n" + mail("desk@example.org"),
        b"Auto-Submitted: auto-generated\r\n" + mail("answers@EXAMPLE.org"),
    ]

    outcomes = handler.handle([fetched(raw) for raw in raws])

    reasons = [outcome.reason for outcome in outcomes if isinstance(outcome, Reject)]
    assert reasons == [Reason.BOUNCE, Reason.LOOP, Reason.LOOP]
    for raw, outcome in zip(raws, outcomes, strict=True):
        message = only(outcome)
        assert message.topic is MAIL_REJECTED
        value = RejectedMail.model_validate_json(message.value or b"")
        assert (value.mail_id, value.server_id) == (ids.mail_id("it-mailbox", raw), "it-mailbox")


def test_a_server_that_is_new_at_the_broker_is_no_dead_letter(
    snapshot: SettingsSnapshot, blobs: BlobStore, fetched: Fetched
) -> None:
    handler = ResolverHandler(
        SettingsSnapshot, lambda: snapshot, lambda _addresses: {}, blobs, lambda: NOW, examine_here
    )
    assert resolved(handler.handle([fetched(mail())])[0]).server_id == "it-mailbox"


def test_the_database_away_is_an_outage_and_no_mail_is_answered(
    snapshot: SettingsSnapshot, blobs: BlobStore, fetched: Fetched
) -> None:
    def away(_addresses: object) -> dict[str, tuple[()]]:
        raise OutageError(Reason.DATABASE_AWAY, "the desk's database does not answer")

    handler = ResolverHandler(lambda: snapshot, lambda: snapshot, away, blobs, lambda: NOW, examine_here)

    with pytest.raises(OutageError):
        handler.handle([fetched(mail())])


def test_the_record_says_when_its_mail_was_fetched(handler: ResolverHandler, fetched: Fetched) -> None:
    moment = datetime(2026, 11, 1, 12, 0, 3, tzinfo=UTC)
    known = fetched(mail())._replace(timestamp_ms=int(moment.timestamp() * 1000))
    unknown = fetched(mail())._replace(timestamp_ms=-1)
    outcomes = handler.handle([known, unknown])
    assert [resolved(outcome).fetched_at for outcome in outcomes] == [moment, None]
