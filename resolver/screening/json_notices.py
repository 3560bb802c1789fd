"""Notices of cloud mailers as JSON in a mail: Amazon SES through SNS, SendGrid, Mailgun, Postmark and their like.

They share no schema, but the names of what they tell: an event, a recipient, a reply, a Message-ID.
"""

import json
import re
from typing import Any

from resolver.finding import Finding, header_evidence
from resolver.parsing import Parsed
from resolver.screening.auto_reply_headers import automatic
from resolver.screening.mail_systems import no_path
from resolver.screening.mailer_events import BOUNCE, COMPLAINT, GOOD, KINDS, LATE, MAX_RECIPIENTS, MailerEvent
from schemas.ids import OWN_MESSAGE_ID
from schemas.mail import Bounce
from schemas.reasons import Reason

_MAX_TEXT = 256 << 10
_MAX_NOTICES = 1_000
_MAX_NESTED = 2  # JSON in a string of JSON: SNS
_ROBOT = re.compile(
    r"(?i)^(?:no[-_.]?reply|do[-_.]?not[-_.]?reply|notifications?|notify|events?|webhooks?|bounces?|alerts?|sns)"
    r"(?:[-+.].*)?@"
)
_SNS_FOLD = re.compile(r"!\n[ \t]*")
_DECODER = json.JSONDecoder(strict=False)


def json_notice(parsed: Parsed) -> Finding | None:
    """What became of a mail, told by a program whose mail is JSON and nothing else above it.

    A person who pastes such a notice writes from no such address.
    """
    text = parsed.mail.text[:_MAX_TEXT].lstrip("\ufeff \t\r\n") or _file(parsed)
    if text[:1] not in ("{", "[") or not _from_a_program(parsed):
        return None
    told = _decode(_SNS_FOLD.sub("", text))
    notices = [notice for item in _items(told) if (notice := MailerEvent(item)).is_of_a_mail]
    if not notices:
        return None
    worst = min(notices, key=lambda notice: KINDS.index(notice.kind))
    ids = tuple(dict.fromkeys(one for notice in notices if notice.kind is worst.kind for one in notice.ids))
    ids = tuple(sorted(ids, key=lambda one: OWN_MESSAGE_ID.match(one) is None))
    evidence = header_evidence(worst.named, worst.event)
    if worst.kind is GOOD or worst.kind is COMPLAINT:
        return Finding(Reason.RECEIPT if worst.kind is GOOD else Reason.COMPLAINT, evidence, about=ids)
    bad = [notice for notice in notices if notice.kind is BOUNCE or notice.kind is LATE]
    undelivered = [one for notice in bad for one in notice.undelivered()][:MAX_RECIPIENTS]
    found = Bounce(
        recipients=tuple(dict.fromkeys(one.recipient for one in undelivered if one.recipient)),
        status=next((one.status for one in undelivered if one.status), None),
        original_message_id=ids[0] if ids else None,
        undelivered=tuple(undelivered),
    )
    return Finding(Reason.BOUNCE, evidence, found, ids)


def _file(parsed: Parsed) -> str:
    """Of a mail without text, the JSON that is attached."""
    files = (file.content[:_MAX_TEXT] for file in parsed.files if file.attachment.content_type == "application/json")
    return next(files, b"").decode("utf-8", "replace").lstrip()


def _from_a_program(parsed: Parsed) -> bool:
    sender = parsed.mail.from_.address if parsed.mail.from_ else ""
    return bool(
        _ROBOT.match(sender)
        or no_path(parsed)
        or automatic(parsed)
        or any(name.startswith("x-amz-sns-") for name in parsed.headers)
    )


def _decode(text: str) -> Any:
    try:
        told, _ = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return told


def _items(told: Any) -> list[Any]:
    """The notices: one, or a list of them; SNS has it as a string in an object of its own."""
    for _ in range(_MAX_NESTED):
        inner = told.get("Message") if isinstance(told, dict) else None
        if not (isinstance(inner, str) and inner.lstrip()[:1] in ("{", "[")):
            break
        told = _decode(inner.lstrip())
    return told[:_MAX_NOTICES] if isinstance(told, list) else [told]
