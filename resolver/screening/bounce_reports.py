"""What a bounce says in words: the recipients, the reason, and whether delivery is retried."""

import logging
import re
from collections.abc import Iterator, Sequence
from email import message_from_bytes

from flufl.bounce import all_failures

from resolver.finding import Finding
from resolver.parsing import Parsed
from resolver.screening.delivery_status import said_of
from resolver.screening.returned import ADDRESS, MAX_TEXT, Returned, addresses_in, own_ids, returned_mail
from schemas.addresses import MAX_ADDRESS
from schemas.mail import Bounce, Undelivered
from schemas.reasons import Reason
from schemas.undelivered import ENHANCED_STATUS, status_in, trouble_of

# Subjects of a warning that does not say in fields that it is one: the mail is tried again.
LATE = re.compile(
    r"\bdelay(?:ed)?\b|\bwarning\b|still being retried|not yet (?:been )?delivered|delivery incomplete|"
    r"verzögert|verspätet|retardé|retrasad[ao]|demorad[ao]|atrasad[ao]|adiad[ao]|ritardat[ao]|vertraagd|fördröj|"
    r"försenad|forsinke|viiväst|hilinen|opóźnion|zpožděn|odložen|oneskoren|késleltet|késik|întârzi|zakasn|gecik|ertelen|"
    r"καθυστέρ|задерж|отложен|затрим|відкладен|забав|延迟|延遲|遅延|遅れ|지연|تأخ|עיכוב|התעכב|ล่าช้า|bị hoãn|tertunda",
    re.IGNORECASE,
)
# Words of such a warning itself.
RETRIED = re.compile(
    r"still being retried|will be (?:retried|tried again|attempted again)|"
    r"will (?:keep|continue) (?:on )?(?:trying|to (?:try|attempt|retry|deliver))|delivery attempts will continue|"
    r"no action is required on your part|(?:wird|werden) (?:weiterhin|erneut|weiter) versucht|"
    r"nouvelles? tentatives?|(?:seguir|continuar)[áa] intentando|verrà ritentat|"
    r"попытки (?:доставки )?(?:продолжатся|будут)",
    re.IGNORECASE,
)

# It logs tracebacks of what is no fault of the process. `disabled` would not last: logging.config enables all anew.
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL + 1)

_MAX_LINES = 2_000
_MAX_UNDELIVERED = 50  # whom a report names in words
# Where the returned mail begins inside the text.
_RETURNED_BELOW = re.compile(
    r"^(?:-{2,}[^\n]*(?:copy of|original message|returned message|message header|unsent message|undelivered message|"
    r"body of message|this line is a copy|your message|headers|nachricht|message follows)[^\n]*"
    r"|return-path:[^\n]*|received: [^\n]*)$",
    re.IGNORECASE | re.MULTILINE,
)
_MESSAGE_ID = re.compile(r"^[> \t|]*(?:x-)?(?:original-)?message-id:\s*(<[^<>\s]+>)", re.IGNORECASE | re.MULTILINE)
_REPORTED = re.compile(r"^[ \t]*<([^<>\s]{3,320})>:", re.MULTILINE)  # as Postfix and qmail have it
_LISTED = re.compile(
    rf"^[ \t>*-]*(?:to:?[ \t]+)?<?(?:mailto:|smtp:|rfc822;)?({ADDRESS})(?![\w-]|\.\w)>?[ \t]*(?:[:(.,;<].*|on .*)?$",
    re.IGNORECASE | re.MULTILINE,
)


def report_in_words(parsed: Parsed, evidence: str, failed: str = "", fields: Bounce | None = None) -> Finding:
    """What the words say; of fields that name nobody, what they say of all."""
    text = parsed.mail.text[:MAX_TEXT]
    returned = returned_mail(parsed)
    report = _report_of(text, returned)
    inline = _MESSAGE_ID.search(text)
    ids = returned.ids if returned else tuple(own_ids(text))[:1]
    about = ids[0] if ids else (inline[1] if inline else None) or _answered(parsed)
    recipients = _recipients(parsed, report, returned, failed)
    code = (fields and fields.status) or status_in(report)
    late = _is_late(parsed.mail.subject, report, fields)
    found = Bounce(
        recipients=recipients,
        status=code or None,
        original_message_id=about,
        undelivered=tuple(_undelivered(report, recipients, code, late)),
    )
    return Finding(Reason.BOUNCE, evidence, found, ids or ((about,) if about else ()))


def _report_of(text: str, returned: Returned | None) -> str:
    """The text less the returned mail. Some systems show its fields first, and what became of it behind them."""
    below = _RETURNED_BELOW.search(text, min(len(text), 20))
    start = min(below.start() if below else len(text), returned.start if returned else len(text))
    if returned is None or next(addresses_in(text[:start]), None):
        return text[:start]
    behind = text[returned.end :]
    return text[:start] + behind if any(one in behind.lower() for one in returned.recipients) else text[:start]


def _recipients(parsed: Parsed, report: str, returned: Returned | None, failed: str) -> tuple[str, ...]:
    """Whom it names: in the header, of those to whom the returned mail went, by a known format, in a list, at all."""
    in_header = tuple(dict.fromkeys(addresses_in(failed)))
    if in_header:
        return in_header
    sent_to = returned.recipients if returned else ()
    own = {box.address.lower() for box in (*parsed.mail.to, *((parsed.mail.from_,) if parsed.mail.from_ else ()))}
    own.update(returned.senders if returned else ())
    named = tuple(dict.fromkeys(address for address in addresses_in(report) if address.lower() not in own))
    theirs = tuple(address for address in named if address.lower() in sent_to)
    if theirs:
        reported = set(_REPORTED.findall(report))
        return tuple(one for one in named if one in theirs or one in reported)
    known = known_failures(parsed)
    # flufl.bounce reads a returned mail's own ids and addresses as well.
    told = tuple(address for address in known if address.lower() in report.lower())
    listed = dict.fromkeys(found[1] for found in _LISTED.finditer(report))
    return told or tuple(one for one in listed if one.lower() not in own) or known or named[:1] or sent_to


def _is_late(subject: str, report: str, fields: Bounce | None) -> bool:
    """Whether the mail is tried again."""
    if fields is not None and fields.undelivered:
        return not any(one.final for one in fields.undelivered)
    return LATE.search(subject) is not None or RETRIED.search(report[:2000]) is not None


def _undelivered(report: str, recipients: Sequence[str], code: str, late: bool) -> Iterator[Undelivered]:
    """Of a report in words. What it says as a whole it says of everybody, unless it says more of one of several."""
    whole = report if len(recipients) < 2 else ""
    for recipient in recipients[:_MAX_UNDELIVERED] or ("",):
        reply = said_of(report, recipient)
        own = ENHANCED_STATUS.search(reply)
        yield Undelivered(
            recipient=recipient[:MAX_ADDRESS],
            final=not late,
            trouble=trouble_of(reply or whole, code),
            status=own[1] if own else (whole and code) or status_in(reply) or code,
        )


def _answered(parsed: Parsed) -> str | None:
    """Gmail and Exchange name the returned mail as the one that they answer to."""
    ids = parsed.mail.in_reply_to or parsed.mail.references[-1:]
    return ids[0] if ids else None


def known_failures(parsed: Parsed) -> tuple[str, ...]:
    """What flufl.bounce knows of the format, in the order of the report; nothing where it fails on a damaged one."""
    raw = b"\n".join(parsed.root.raw[:MAX_TEXT].split(b"\n", _MAX_LINES)[:_MAX_LINES])
    try:
        temporary, permanent = all_failures(message_from_bytes(raw))
    except Exception:  # its detectors, like `email`, raise anything on bytes that they were not made for
        return ()
    addresses = {address.decode("utf-8", "replace").strip() for address in (*temporary, *permanent)}
    return tuple(sorted(addresses - {""}, key=lambda a: (raw.find(a.encode()), a)))
