"""Delivery reports: by RFC 3464, and what mail systems wrote before and beside it."""

import logging
import re
from collections.abc import Iterator, Sequence
from email import message_from_bytes

from flufl.bounce import all_failures

from resolver.parsing import Parsed
from resolver.screening.auto_replies import automatic, in_thread
from resolver.screening.delivery_status import DELIVERY_STATUS, MAX_TEXT, delivery_report, said_of
from resolver.screening.finding import Finding, header_evidence
from resolver.screening.reports import RETURNED, find_part, returned_id
from schemas.addresses import MAX_ADDRESS
from schemas.mail import Bounce, Undelivered
from schemas.reasons import Reason
from schemas.undelivered import ENHANCED_STATUS, trouble_of

logging.getLogger("flufl.bounce").disabled = True  # it logs tracebacks of what is no fault of the process

_MAX_LINES = 2_000
_MAX_UNDELIVERED = 50  # whom a report names in words
# Nobody but a mail system writes as this.
_DAEMON = re.compile(
    r"^(?:mailer[-_. ]?daemon|mail[-_. ]?daemon|mdaemon|nondelivery|bounce-?handler)(?:\+.*)?$", re.IGNORECASE
)
# People, teams and small firms do, too.
_POSTMASTER = re.compile(
    r"^(?:postmaster|post_?office|system[-_. ]?administrator|microsoftexchange[0-9a-f]{20,}|mail|smtp|mail[-_]?system|"
    r"mail[-_. ]?delivery[-\w. ]*|ndr|daemon|root)(?:\+.*)?$",
    re.IGNORECASE,
)
_DAEMON_NAMES = re.compile(
    r"mail delivery (?:sub)?system|mail delivery service|mailer[- ]daemon|mail administrator|internet mail delivery|"
    r"system administrator|microsoft outlook|postmaster|mail system|mail router",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
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
_BODY = re.compile(
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
# Subjects of a warning that does not say in fields that it is one: the mail is tried again.
_LATE = re.compile(
    r"\bdelay(?:ed)?\b|\bwarning\b|still being retried|not yet (?:been )?delivered|delivery incomplete|"
    r"verzögert|retardé|retrasad[ao]|ritardat[ao]|vertraagd",
    re.IGNORECASE,
)
# Where the returned mail begins inside the text.
_RETURNED_BELOW = re.compile(
    r"^(?:-{2,}[^\n]*(?:copy of|original message|returned message|message header|unsent message|undelivered message|"
    r"body of message|this line is a copy|transcript|your message|headers|nachricht|message follows)[^\n]*"
    r"|return-path:[^\n]*|received: [^\n]*)$",
    re.IGNORECASE | re.MULTILINE,
)
# Fields of the returned mail, or those that Exchange shows of it.
_RETURNED_FIELD = re.compile(
    r"^[> \t|]*(from|to|subject|date|sent|message-id|received|return-path):[ \t]+\S", re.I | re.M
)
_MESSAGE_ID = re.compile(r"^[> \t|]*message-id:\s*(<[^<>\s]+>)", re.IGNORECASE | re.MULTILINE)
_ADDRESS = r"[^\s<>@,;:\"'()\[\]]{1,64}@[A-Za-z0-9.-]{1,253}[A-Za-z0-9]"
_LISTED = re.compile(
    rf"^[ \t>*-]*(?:to:?[ \t]+)?<?(?:mailto:|smtp:|rfc822;)?({_ADDRESS})(?![\w-]|\.\w)>?[ \t]*(?:[:(.,;<].*|on .*)?$",
    re.IGNORECASE | re.MULTILINE,
)
_NAMED = re.compile(rf"<({_ADDRESS})>|\b({_ADDRESS})")


def bounce(parsed: Parsed) -> Finding | None:
    """A delivery report, by the standard or in words.

    Words count only where the sender is a mail system: what a person forwards is a person's. And people bear addresses
    and names that look like a mail system's: there something must show that a mail is reported on.
    """
    failed = parsed.headers.get("x-failed-recipients")
    marked = _marked_bounce(parsed, failed)
    sender = _sender_kind(parsed)
    if marked is not None or not sender or (sender == "postmaster" and not _reports(parsed)):
        return marked
    part = find_part(parsed, DELIVERY_STATUS)
    if part is not None:
        return _with_words(parsed, delivery_report(parsed, part))
    subject, text = parsed.mail.subject, parsed.mail.text[:MAX_TEXT]
    told = bool(_SUBJECT.match(subject))
    if told and (sender == "daemon" or not text.strip() or _BODY.search(text) or _known_failures(parsed)):
        return _finding(parsed, header_evidence("Subject", subject))
    if sender == "daemon" or (sender == "postmaster" and _null_path(parsed) and _BODY.search(text[:2000])):
        return _finding(parsed, header_evidence("From", parsed.mail.from_.address if parsed.mail.from_ else ""))
    return None


def _reports(parsed: Parsed) -> bool:
    """Whether a mail system sent it by itself; where nothing tells, whether a mail is returned, and none answered.

    Whoever has an envelope sender wants to be told of failures, and a report must not be (RFC 5321, section 4.5.5).
    """
    if _null_path(parsed) or automatic(parsed):
        return True
    if "return-path" in parsed.headers or in_thread(parsed):
        return False
    if find_part(parsed, RETURNED | DELIVERY_STATUS) is not None:
        return True
    fields = _RETURNED_FIELD.findall(parsed.mail.text[:MAX_TEXT])
    return len({field.lower() for field in fields}) > 1


def _marked_bounce(parsed: Parsed, failed: str | None) -> Finding | None:
    """`multipart/report`, and Exim's and Gmail's header."""
    part = find_part(parsed, DELIVERY_STATUS) if parsed.root.content_type == "multipart/report" else None
    if part is not None:
        return _with_words(parsed, delivery_report(parsed, part))
    if parsed.root.params.get("report-type", "").lower() == "delivery-status":
        return _finding(parsed, "Content-Type: multipart/report; report-type=delivery-status")
    return None if failed is None else _finding(parsed, header_evidence("X-Failed-Recipients", failed), failed)


def _with_words(parsed: Parsed, finding: Finding) -> Finding:
    """A report whose fields name nobody: what its words say."""
    if finding.bounce is None or finding.bounce.recipients:
        return finding
    return _finding(parsed, finding.evidence, parsed.headers.get("x-failed-recipients") or "")


def _null_path(parsed: Parsed) -> bool:
    """No envelope sender, or what some systems write for none."""
    path = parsed.headers.get("return-path")
    if path is None:
        return False
    bare = path.strip(" <>")
    return not bare or bool(_DAEMON.match(bare.partition("@")[0]))


def _sender_kind(parsed: Parsed) -> str:
    """`daemon`: nobody but a mail system writes from there; `postmaster`: mostly one; `null`: no envelope sender."""
    sender = parsed.mail.from_
    local = sender.address.partition("@")[0].strip('"\\ ') if sender else ""
    if _DAEMON.match(local) or (sender and not sender.address and _DAEMON_NAMES.search(sender.name)):
        return "daemon"
    if _POSTMASTER.match(local) or (sender and _DAEMON_NAMES.search(sender.name)):
        return "postmaster"
    return "null" if _null_path(parsed) else ""


def _finding(parsed: Parsed, evidence: str, failed: str = "") -> Finding:
    text = parsed.mail.text[:MAX_TEXT]
    returned = _RETURNED_BELOW.search(text, min(len(text), 20))
    report = text[: returned.start()] if returned else text
    status = ENHANCED_STATUS.search(report)
    inline = _MESSAGE_ID.search(text)
    about = returned_id(parsed) or (inline[1] if inline else None) or _answered(parsed)
    named = tuple(dict.fromkeys(m[0] for m in re.finditer(_ADDRESS, failed)))
    known = _known_failures(parsed)
    # flufl.bounce reads a returned mail's own ids and addresses as well.
    told = tuple(address for address in known if address.lower() in report.lower())
    recipients = named or told or _listed(parsed, report, _LISTED) or known or _listed(parsed, report, _NAMED)[:1]
    code = status[1] if status else ""
    found = Bounce(
        recipients=recipients,
        status=code or None,
        original_message_id=about,
        undelivered=tuple(_undelivered(parsed, report, recipients, code)),
    )
    return Finding(Reason.BOUNCE, evidence, found, (about,) if about else ())


def _undelivered(parsed: Parsed, report: str, recipients: Sequence[str], code: str) -> Iterator[Undelivered]:
    """Of a report in words. What it says as a whole it says of everybody, unless it says more of one of several."""
    late = bool(_LATE.search(parsed.mail.subject))
    whole = report if len(recipients) < 2 else ""
    for recipient in recipients[:_MAX_UNDELIVERED] or ("",):
        reply = said_of(report, recipient)
        own = ENHANCED_STATUS.search(reply)
        yield Undelivered(
            recipient=recipient[:MAX_ADDRESS],
            final=not late,
            trouble=trouble_of(reply or whole, code),
            status=own[1] if own else code,
        )


def _answered(parsed: Parsed) -> str | None:
    """Gmail and Exchange name the returned mail as the one that they answer to."""
    ids = parsed.mail.in_reply_to or parsed.mail.references[-1:]
    return ids[0] if ids else None


def _known_failures(parsed: Parsed) -> tuple[str, ...]:
    """What flufl.bounce knows of the format, in the order of the report; nothing where it fails on a damaged one."""
    raw = b"\n".join(parsed.root.raw[:MAX_TEXT].split(b"\n", _MAX_LINES)[:_MAX_LINES])
    try:
        temporary, permanent = all_failures(message_from_bytes(raw))
    except Exception:  # its detectors, like `email`, raise anything on bytes that they were not made for
        return ()
    addresses = {address.decode("utf-8", "replace").strip() for address in (*temporary, *permanent)}
    return tuple(sorted(addresses - {""}, key=lambda a: (raw.find(a.encode()), a)))


def _listed(parsed: Parsed, report: str, pattern: re.Pattern[str]) -> tuple[str, ...]:
    """Addresses that the report names in this form, less those of the mail itself."""
    own = {box.address.lower() for box in (*parsed.mail.to, *((parsed.mail.from_,) if parsed.mail.from_ else ()))}
    found = (match[1] or match[match.lastindex or 0] for match in pattern.finditer(report))
    return tuple(dict.fromkeys(address for address in found if address.lower() not in own))
