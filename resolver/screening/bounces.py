"""Whether a message is a bounce: by RFC 3464, and as mail systems wrote them before and beside it."""

import re

from resolver.finding import Finding, header_evidence
from resolver.parsing import Parsed
from resolver.parsing.reply_context import is_forward
from resolver.screening.auto_reply_headers import automatic, generated, in_thread
from resolver.screening.bounce_reports import known_failures, report_in_words
from resolver.screening.delivery_status import DELIVERY_STATUS, delivery_report, status_fields
from resolver.screening.mail_systems import (
    asks,
    by_a_person,
    is_system_name,
    no_path,
    of_a_mail_system,
    sender_kind,
)
from resolver.screening.reports import find_part
from resolver.screening.returned import MAX_TEXT, Returned, addresses_in, returned_mail
from schemas.ids import OWN_MESSAGE_ID
from schemas.undelivered import status_in

SUBJECT = re.compile(
    r"^\W*(?:postmaster\]\W*)?(?:"
    r"undeliver(?:ed|able)\b.*|returned mail\b.*|mail (?:delivery )?(?:failed|failure|error)\b.*|failure notice.*|"
    r"delivery (?:status )?(?:notification|failure|failed|report|problem|error|delayed|has failed)\b.*|"
    r"(?:mail|message) delivery (?:failed|failure|delayed|problem|error|has been delayed|status)\b.*|"
    r"mail system error\b.*|(?:e-?mail|message|mail) (?:could not|cannot|not|was not) (?:be )?(?:delivered|sent)\b.*|"
    r"mail delivery warning.*|failed mail\b.*|warning: (?:message|could not send|delayed|e?-?mail).*|"
    r"message (?:status - )?undeliver\w+.*|"
    r"message delayed.*|delayed mail.*|nondeliverable mail.*|non[- ]?deliver(?:y|able)\b.*|"
    r"could not (?:send|deliver) message.*|your message could not be delivered.*|email delivery failure.*|"
    r"unzustellbar\b.*|unzustellbare .*|nicht zustellbar.*|zustellung fehlgeschlagen.*|"
    r"(?:mail|nachricht|e-mail) (?:konnte )?nicht zugestellt.*|non remis\b.*|message non (?:distribué|remis).*|"
    r"échec (?:de (?:la )?)?(?:remise|distribution|livraison).*|no se (?:puede|pudo) entregar.*|"
    r"non recapitabile.*|mancato recapito.*|kan niet worden bezorgd.*|onbestelbaar.*|"
    r"não (?:é possível entregar|entregue).*|недоставленное.*|не удается доставить.*|配信不能.*|"
    r"undelivered mail returned to sender.*|user unknown.*|rejected mail.*|rejected: .*|delivery-status.*|"
    r"returned to sender.*"
    r")$",
    re.IGNORECASE,
)
BODY = re.compile(
    r"this is the (?:qmail-send|mail system|sun|postfix|ironport|mail delivery)|"
    r"(?:could not|cannot|couldn't|can't|not|unable to) be delivered|unable to deliver|"
    r"(?:delivery|message) .{0,40}(?:failed|has been delayed|was delayed|undeliverable)|did not reach|"
    r"was not delivered|"
    r"permanent (?:fatal )?error|fatal errors|undeliverable|user unknown|unknown user|no such user|"
    r"mailbox (?:is )?(?:full|unavailable)|"
    r"this message was created automatically by mail delivery software|returned to sender|delivery (?:to|attempt)|"
    r"nicht zugestellt|unzustellbar|konnte nicht|n'a pas pu être|non è stato possibile|no se ha podido|"
    r"не удалось доставить|送信できません",
    re.IGNORECASE,
)

# Fields of the returned mail, or those that Exchange shows of it.
_RETURNED_FIELD = re.compile(
    r"^[> \t|]*(from|to|subject|date|sent|message-id|received|return-path):[ \t]+\S", re.I | re.M
)
_POSTMASTER = re.compile(r"(?i)post[-_]?master(?:\+[^@]*)?@")  # the address that RFC 5321 reserves


def bounce(parsed: Parsed) -> Finding | None:
    """A delivery report, by the standard or in words.

    Words count only where the sender is a mail system: what a person forwards is a person's. And people bear addresses
    and names that look like a mail system's: there something must show that a mail is reported on.
    """
    failed = parsed.headers.get("x-failed-recipients")
    marked = _marked_bounce(parsed, failed)
    kind = sender_kind(parsed)
    if marked is not None or not kind:
        return marked
    returned = returned_mail(parsed)
    back = _comes_back(parsed, returned)
    ours = back and returned is not None and _is_ours(parsed, returned)
    if kind == "postmaster" and not _reports(parsed, returned):
        return None
    is_status = find_part(parsed, DELIVERY_STATUS) is not None
    fields = status_fields(parsed) if kind != "null" or ours or (is_status and not in_thread(parsed)) else None
    if fields is not None:
        return _with_words(parsed, delivery_report(parsed, *fields))
    subject, text = parsed.mail.subject, parsed.mail.text[:MAX_TEXT]
    told = bool(SUBJECT.match(subject))
    if told and (kind == "daemon" or back or not text.strip() or _says_why(parsed, text)):
        return report_in_words(parsed, header_evidence("Subject", subject))
    if kind == "daemon" or (kind == "postmaster" and _by_itself(parsed, back, ours)):
        return report_in_words(parsed, header_evidence("From", parsed.mail.from_.address if parsed.mail.from_ else ""))
    if kind == "null" and ours:
        return report_in_words(parsed, header_evidence("Return-Path", parsed.headers.get("return-path") or ""))
    return None


def _says_why(parsed: Parsed, text: str) -> bool:
    """Whether the text is a report's: its words are not enough, it names somebody or the reply of a server."""
    if BODY.search(text) and (status_in(text) or _names_another(parsed, text)):
        return True
    return bool(known_failures(parsed))


def _names_another(parsed: Parsed, text: str) -> bool:
    """Whether a text holds an address other than those of who sends it and whom it goes to."""
    sender = parsed.mail.from_.address if parsed.mail.from_ else ""
    own = {sender.lower(), *(box.address.lower() for box in parsed.mail.to)}
    return any(address.lower() not in own for address in addresses_in(text))


def _by_itself(parsed: Parsed, back: bool, ours: bool) -> bool:
    """Whether a mail from a postmaster is a report although its subject does not say so.

    Where nothing tells of the envelope sender, a person would have a name.
    """
    if no_path(parsed) or automatic(parsed):
        return back or _tells(parsed, parsed.mail.text[:2000])
    sender = parsed.mail.from_
    return ours and sender is not None and _POSTMASTER.match(sender.address) is not None and is_system_name(sender.name)


def _tells(parsed: Parsed, text: str) -> bool:
    """Whether a postmaster's words are a report's: known ones; in any language, a reply or somebody else's address."""
    named, code = _names_another(parsed, text), bool(status_in(text))
    if BODY.search(text) and (named or code):
        return True
    sender = parsed.mail.from_.address if parsed.mail.from_ else ""
    return bool(no_path(parsed) and _POSTMASTER.match(sender)) and named and (code or not automatic(parsed))


def _comes_back(parsed: Parsed, returned: Returned | None) -> bool:
    """Whether a mail comes back, and not from somebody to whom it went: he answers it. So does who quotes a little."""
    sender = parsed.mail.from_.address.lower() if parsed.mail.from_ else ""
    return returned is not None and sender not in returned.recipients and (returned.traced or not in_thread(parsed))


def _is_ours(parsed: Parsed, returned: Returned) -> bool:
    """Whether the returned mail is from whom the notice goes to."""
    if any(OWN_MESSAGE_ID.match(message_id) for message_id in returned.ids[:1]):
        return True
    return not returned.senders.isdisjoint(box.address.lower() for box in (*parsed.mail.to, *parsed.mail.cc))


def _reports(parsed: Parsed, returned: Returned | None) -> bool:
    """Whether a mail system sent it by itself; where nothing tells, whether a mail is returned, and none answered.

    There it must not look as if somebody wrote it, either.
    Whoever has an envelope sender wants to be told of failures, and a report must not be (RFC 5321, section 4.5.5).
    """
    if no_path(parsed):
        return True
    if is_forward(parsed.mail.subject):
        return False
    if automatic(parsed):
        return not (generated(parsed) and asks(parsed))
    if "return-path" in parsed.headers or in_thread(parsed) or by_a_person(parsed):
        return False
    if returned is not None or find_part(parsed, DELIVERY_STATUS) is not None or of_a_mail_system(parsed):
        return True
    fields = _RETURNED_FIELD.findall(parsed.mail.text[:MAX_TEXT])
    return len({field.lower() for field in fields}) > 1


def _marked_bounce(parsed: Parsed, failed: str | None) -> Finding | None:
    """`multipart/report`, and Exim's and Gmail's header."""
    if parsed.root.content_type == "multipart/report":
        is_status = parsed.root.params.get("report-type", "").lower() == "delivery-status"
        fields = status_fields(parsed) if is_status or find_part(parsed, DELIVERY_STATUS) is not None else None
        if fields is not None:
            return _with_words(parsed, delivery_report(parsed, *fields))
        if is_status:
            return report_in_words(parsed, "Content-Type: multipart/report; report-type=delivery-status")
    return None if failed is None else report_in_words(parsed, header_evidence("X-Failed-Recipients", failed), failed)


def _with_words(parsed: Parsed, finding: Finding) -> Finding:
    """A report whose fields name nobody: what its words say."""
    if finding.bounce is None or finding.bounce.recipients:
        return finding
    failed = parsed.headers.get("x-failed-recipients") or ""
    return report_in_words(parsed, finding.evidence, failed, finding.bounce)
