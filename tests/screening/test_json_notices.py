"""What cloud mailers tell in JSON: whom, why and of which mail; and who merely shows such JSON."""

import json
from typing import Any

import pytest

from resolver.parsing import parse
from resolver.screening import screen
from schemas.mail import Screening
from schemas.reasons import Reason

HANS, DESK = "hans@firma.example", "it@desk.example"
OWN_ID = "<mailcall.00112233445566778899aabbccddeeff@desk.example>"
SNS = (
    f"From: AWS Notifications <no-reply@sns.example>\nTo: {DESK}\nx-amz-sns-message-id: 1\nSubject: AWS Notification\n"
)
ROBOT = f"From: Mailer <noreply@cloud.example>\nTo: {DESK}\nSubject: event\n"
FOOTER = "\n\n--\nIf you wish to stop receiving notifications from this topic, please visit the link below.\n"
SES_MAIL = {
    "timestamp": "2025-11-24T08:13:00.000Z",
    "source": DESK,
    "messageId": "0102018f-1111-000000",
    "destination": [HANS, "clara@kunde.example"],
    "headersTruncated": False,
    "headers": [{"name": "From", "value": DESK}, {"name": "Message-ID", "value": OWN_ID}],
    "commonHeaders": {"from": [DESK], "to": [HANS], "messageId": "0102018f-1111-000000"},
}
SES_BOUNCE = {
    "bounceType": "Permanent",
    "bounceSubType": "General",
    "bouncedRecipients": [
        {"emailAddress": HANS, "action": "failed", "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 user unknown"}
    ],
    "feedbackId": "0102018f-2222-000000",
    "reportingMTA": "dns; smtp-out.cloud.example",
}


def judge(told: Any, head: str = SNS, footer: str = FOOTER) -> Screening:
    text = told if isinstance(told, str) else json.dumps(told)
    return screen(parse(f"{head}\n{text}{footer}".encode()), frozenset({DESK}))


# What is told; then status, whether it is final, and the Message-ID of the mail.
BOUNCES: dict[str, tuple[Any, str | None, bool, str | None]] = {
    "amazon ses": ({"notificationType": "Bounce", "bounce": SES_BOUNCE, "mail": SES_MAIL}, "5.1.1", True, OWN_ID),
    "amazon ses, event": ({"eventType": "Bounce", "bounce": SES_BOUNCE, "mail": SES_MAIL}, "5.1.1", True, OWN_ID),
    "amazon ses, in the envelope of sns": (
        {
            "Type": "Notification",
            "MessageId": "22b80b92",
            "Message": json.dumps({"notificationType": "Bounce", "bounce": SES_BOUNCE, "mail": SES_MAIL}),
        },
        "5.1.1",
        True,
        OWN_ID,
    ),
    "amazon ses, delayed": (
        {
            "eventType": "DeliveryDelay",
            "deliveryDelay": {
                "delayType": "MailboxFull",
                "delayedRecipients": [{"emailAddress": HANS, "status": "4.2.2", "diagnosticCode": "smtp; 452 4.2.2"}],
            },
            "mail": SES_MAIL,
        },
        "4.2.2",
        False,
        OWN_ID,
    ),
    "amazon ses without the headers": (
        {"notificationType": "Bounce", "bounce": SES_BOUNCE, "mail": {"messageId": "0102018f", "destination": [HANS]}},
        "5.1.1",
        True,
        None,
    ),
    "sendgrid": (
        [{"email": HANS, "event": "bounce", "reason": "550 no such user", "status": "5.1.1", "smtp-id": OWN_ID}],
        "5.1.1",
        True,
        OWN_ID,
    ),
    "sendgrid, one of two": (
        [
            {"email": "clara@kunde.example", "event": "delivered", "smtp-id": "<other@desk.example>"},
            {"email": HANS, "event": "dropped", "reason": "550 no such user", "smtp-id": OWN_ID},
        ],
        "5.2.0",
        True,
        OWN_ID,
    ),
    "sendgrid, deferred": (
        [{"email": HANS, "event": "deferred", "response": "451 try later", "smtp-id": OWN_ID}],
        "4.3.0",
        False,
        OWN_ID,
    ),
    "mailgun": (
        {
            "signature": {"token": "x"},
            "event-data": {
                "event": "failed",
                "severity": "permanent",
                "recipient": HANS,
                "delivery-status": {"code": 550, "message": "5.1.1 no such user", "description": ""},
                "message": {"headers": {"to": HANS, "from": DESK, "message-id": OWN_ID.strip("<>")}},
            },
        },
        "5.1.1",
        True,
        OWN_ID,
    ),
    "mailgun, tried again": (
        {
            "event-data": {
                "event": "failed",
                "severity": "temporary",
                "recipient": HANS,
                "delivery-status": {"code": 452, "message": "mailbox full"},
                "message": {"headers": {"message-id": OWN_ID.strip("<>")}},
            }
        },
        "4.3.1",
        False,
        OWN_ID,
    ),
    "mailgun, older": (
        {
            "event": "bounced",
            "recipient": HANS,
            "code": "550",
            "error": "no such user",
            "message-headers": [["Received", "by x"], ["Message-Id", OWN_ID]],
        },
        "5.2.0",
        True,
        OWN_ID,
    ),
    "postmark": (
        {
            "RecordType": "Bounce",
            "Type": "HardBounce",
            "TypeCode": 1,
            "MessageID": "883953f4-6105",
            "Details": "smtp;550 5.1.1 no such user",
            "Email": HANS,
            "From": DESK,
        },
        "5.1.1",
        True,
        None,
    ),
    "mandrill": (
        [{"event": "hard_bounce", "msg": {"email": HANS, "diag": "smtp;550 5.1.10 gone", "sender": DESK}}],
        "5.1.10",
        True,
        None,
    ),
    "sparkpost": (
        [{"msys": {"message_event": {"type": "bounce", "rcpt_to": HANS, "raw_reason": "552 5.2.2 full"}}}],
        "5.2.2",
        True,
        None,
    ),
    "brevo": (
        {"event": "hard_bounce", "email": HANS, "message-id": OWN_ID, "reason": "550 5.1.1"},
        "5.1.1",
        True,
        OWN_ID,
    ),
    "resend": (
        {
            "type": "email.bounced",
            "data": {
                "email_id": "56761188",
                "to": [HANS],
                "bounce": {"message": "550 5.1.1 gone", "type": "Permanent"},
            },
        },
        "5.1.1",
        True,
        None,
    ),
    "mailjet": ({"event": "bounce", "email": HANS, "hard_bounce": True, "error": "user unknown"}, None, True, None),
}


@pytest.mark.parametrize("name", BOUNCES)
def test_a_bounce_in_json(name: str) -> None:
    told, status, final, message_id = BOUNCES[name]
    for head, footer in ((SNS, FOOTER), (ROBOT, "")):
        judged = judge(told, head, footer)
        assert judged.reason == Reason.BOUNCE, judged.evidence
        assert judged.verdict == ("notification-result" if message_id else "rejected")
        assert judged.bounce is not None
        assert judged.bounce.recipients == (HANS,)
        assert (judged.bounce.status, judged.bounce.original_message_id) == (status, message_id)
        assert [(one.recipient, one.final) for one in judged.bounce.undelivered] == [(HANS, final)]


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (
            {
                "notificationType": "Complaint",
                "complaint": {"complainedRecipients": [{"emailAddress": HANS}], "complaintFeedbackType": "abuse"},
                "mail": SES_MAIL,
            },
            Reason.COMPLAINT,
        ),
        ([{"email": HANS, "event": "spamreport", "smtp-id": OWN_ID}], Reason.COMPLAINT),
        (
            {"event-data": {"event": "complained", "message": {"headers": {"message-id": OWN_ID.strip("<>")}}}},
            Reason.COMPLAINT,
        ),
        (
            {
                "notificationType": "Delivery",
                "delivery": {"recipients": [HANS], "smtpResponse": "250"},
                "mail": SES_MAIL,
            },
            Reason.RECEIPT,
        ),
        ([{"email": HANS, "event": "delivered", "smtp-id": OWN_ID}], Reason.RECEIPT),
        ({"eventType": "Open", "open": {}, "mail": SES_MAIL}, Reason.RECEIPT),
    ],
)
def test_a_complaint_or_a_delivery_in_json(told: Any, reason: Reason) -> None:
    judged = judge(told)
    assert (judged.verdict, judged.reason, judged.about) == ("notification-result", reason, OWN_ID)
    assert judged.bounce is None


def test_long_lines_that_a_gateway_folded() -> None:
    text = json.dumps({"notificationType": "Bounce", "bounce": SES_BOUNCE, "mail": SES_MAIL})
    folded = text[:200] + "!\n " + text[200:400] + "!\n " + text[400:]
    assert judge(folded).about == OWN_ID


def test_json_as_a_file() -> None:
    head = ROBOT + "MIME-Version: 1.0\nContent-Type: application/json; name=event.json\n"
    judged = judge([{"email": HANS, "event": "bounce", "smtp-id": OWN_ID}], head, "")
    assert (judged.reason, judged.about) == (Reason.BOUNCE, OWN_ID)


KARL = f"Return-Path: <karl@krug.example>\nFrom: Karl Krug <karl@krug.example>\nTo: {DESK}\nSubject: FW: event\n"
NOTICE = json.dumps({"notificationType": "Bounce", "bounce": SES_BOUNCE, "mail": SES_MAIL})


@pytest.mark.parametrize(
    "raw",
    [
        f"{KARL}\n{NOTICE}\n",
        f"{KARL}\nWhat does this mean?\n\n{NOTICE}\n",
        f"{ROBOT}\nKarl Krug wrote:\n\n{NOTICE}\n",
        f"{ROBOT}\n" + json.dumps({"level": "error", "event": "disk full", "email": HANS}),
        f"{ROBOT}\n" + json.dumps({"name": "Karl", "email": "karl@krug.example", "message": "My printer is broken"}),
        f"{SNS}\n" + json.dumps({"Type": "SubscriptionConfirmation", "Message": "You chose a topic", "Token": "1"}),
        f"From: Karl <mail@krug.example>\nTo: {DESK}\nSubject: FW: event\n\n{NOTICE}\n",
        f"{ROBOT}MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=B\n\n--B\n\nKarl Krug wrote: see below.\n"
        f"--B\nContent-Type: application/json; name=event.json\n\n{NOTICE}\n--B--\n",
        f"{ROBOT}\n" + json.dumps({"event": "order.failed", "email": HANS, "message": "card declined"}),
        f"{ROBOT}\n" + json.dumps({"event": "failed", "message_id": "42", "phone": "+49 30 1234"}),
        f"{ROBOT}\n" + json.dumps({"event": "delivered", "email": HANS, "parcel": 4711}),
        f"{ROBOT}\n" + json.dumps({"type": "rejected", "recipient": HANS, "reason": "budget"}),
        f"{SNS}\n[broken",
        f"{SNS}\n" + "[" * 100_000,
        f"{SNS}\n" + json.dumps({"event": ["bounce"], "type": {"a": 1}, "notificationType": None}),
        f"{SNS}\n[" + "9" * 10_000 + "]",
    ],
)
def test_who_shows_such_json_or_sends_another_is_a_person(raw: str) -> None:
    judged = screen(parse(raw.encode()), frozenset({DESK}))
    assert (judged.verdict, judged.reason) == ("person", None), judged.evidence


@pytest.mark.parametrize("junk", ["\\ud800", "\\u0000", "\\udfff\\n"])
def test_escapes_that_are_no_characters_reach_nobody(junk: str) -> None:
    told = [{"event": "bou@nce", "email": "ha@ns@firma.example", "smtp-id": "<1@@x>", "reason": "@"}]
    judged = judge(json.dumps(told).replace("@", junk, 1).replace("a@ns", f"a{junk}ns").replace("1@@", f"1{junk}@"))
    assert judged.reason == Reason.BOUNCE
    assert judged.model_dump_json().isprintable()


def test_a_huge_notice_is_read_in_its_beginning() -> None:
    told = [{"event": "bounce", "email": f"a{number}@firma.example"} for number in range(3_000)]
    judged = judge(told)
    assert judged.bounce is not None
    assert len(judged.bounce.recipients) == 250
