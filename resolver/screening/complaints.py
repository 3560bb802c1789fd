"""Complaints (spam reports): by RFC 5965, and as providers send them without its report part."""

import re

from resolver.finding import Finding, header_evidence
from resolver.parsing import Parsed
from resolver.screening.auto_reply_headers import automatic
from resolver.screening.mail_systems import by_itself
from resolver.screening.reports import fields_beside, fields_of, find_part, text_of
from resolver.screening.returned import Returned, returned_ids, returned_mail
from schemas.reasons import Reason
from schemas.undelivered import status_in

_FEEDBACK = frozenset({"message/feedback-report"})
# What feedback loops send from; people have such addresses as `abuse@` and `feedback@`.
_LOOPS = re.compile(
    r"(?i)^(?:fbl|arf|jmrp|scomp|feedback[-_.]?loop|"
    r"(?:abuse|spam|complaint)[-_.]?(?:reports?|reporter|feedback))(?:[-+.].*)?@"
)
# Whole subjects in a form that nobody writes by hand: Outlook.com's and AOL's.
_SUBJECT = re.compile(r"(?i)^(?:complaint about message from|e-?mail feedback report for ip) [0-9a-f.:]+\s*$")
_WORDS = re.compile(
    r"(?i)abuse report|spam (?:report|complaint)|\bcomplaints?\b|feedback (?:report|loop)|(?:as|is) (?:spam|junk)\b|"
    r"beschwerde|als spam|plainte|comme (?:spam|indésirable)|como (?:spam|correo no deseado)|\bdenuncia|come spam|"
    r"segnala\w* .{0,20}spam|jako spam|skarg[ai]|\bklacht|som (?:spam|skräppost)|жалоб|спам|şikayet|"
    r"投诉|投訴|垃圾邮件|垃圾郵件|迷惑メール|苦情|스팸|신고"
)
_SEEN = 1_000


def complaint(parsed: Parsed) -> Finding | None:
    """RFC 5965, Outlook.com's reports, which are the mail with a header of their own, and reports in words."""
    if parsed.root.content_type == "multipart/report":
        part = find_part(parsed, _FEEDBACK)
        fields = dict(fields_of(text_of(part))) if part else fields_beside(parsed, _FEEDBACK, "feedback-type")
        if part is not None or fields or parsed.root.params.get("report-type", "").lower() == "feedback-report":
            evidence = header_evidence("Feedback-Type", fields.get("feedback-type", ""))
            returned = None if returned_ids(parsed) else returned_mail(parsed)
            return Finding(Reason.COMPLAINT, evidence, about=returned.ids if returned else returned_ids(parsed))
    for name in ("x-hmxmroriginalrecipient", "feedback-type"):
        if name in parsed.headers:
            return Finding(Reason.COMPLAINT, header_evidence(name, ""), about=returned_ids(parsed))
    return _without_report(parsed)


def _without_report(parsed: Parsed) -> Finding | None:
    """The fields of a report, or a complaint in words with the mail that it is about, and a machine as sender."""
    sender = parsed.mail.from_.address if parsed.mail.from_ else ""
    subject = parsed.mail.subject
    formal = _SUBJECT.match(subject) is not None
    machine = formal or by_itself(parsed) or _LOOPS.match(sender) is not None
    if not machine and not (automatic(parsed) and find_part(parsed, _FEEDBACK) is not None):
        return None
    returned = returned_mail(parsed)
    fields = fields_beside(parsed, _FEEDBACK, "feedback-type")
    if fields and ("user-agent" in fields or "version" in fields or returned):
        evidence = header_evidence("Feedback-Type", fields["feedback-type"])
        return Finding(Reason.COMPLAINT, evidence, about=returned.ids if returned else ())
    if returned is not None and (formal or _complains(parsed, returned)):
        return Finding(Reason.COMPLAINT, header_evidence("Subject", subject), about=returned.ids)
    return None


def _complains(parsed: Parsed, returned: Returned) -> bool:
    """Whether it speaks of a complaint, and of no failure: what is refused as spam was not delivered."""
    said = parsed.mail.text[: min(returned.start, _SEEN)]
    sender = parsed.mail.from_.address.lower() if parsed.mail.from_ else ""
    if not returned.traced or sender in returned.recipients:  # who was written to, answers
        return False
    return _WORDS.search(f"{parsed.mail.subject}\n{said}") is not None and not status_in(said)
