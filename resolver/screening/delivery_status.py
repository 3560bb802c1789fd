"""The fields of a DSN (RFC 3464): which recipients failed, why, and whether delivery is retried."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, takewhile

from resolver.finding import Finding, header_evidence
from resolver.parsing import Parsed
from resolver.screening.reports import address_of, fields_of, text_of
from resolver.screening.returned import MAX_TEXT, returned_mail, trees
from schemas.addresses import MAX_ADDRESS
from schemas.mail import Bounce, Undelivered
from schemas.reasons import Reason
from schemas.undelivered import ENHANCED_STATUS, MAX_REPLY, status_in, trouble_of

DELIVERY_STATUS = frozenset({"message/delivery-status", "message/global-delivery-status", "text/delivery-status"})
_MAX_RECIPIENTS = 500
_MAX_UNDELIVERED = 250  # one notification has 201 recipients at most
_MAX_NAMED = 10  # places where a text names one address
_GOOD_ACTIONS = frozenset({"delivered", "relayed", "expanded"})
_BAD_ACTIONS = frozenset({"failed", "delayed"})
_NAMES_RECIPIENT = re.compile(r"(?im)^[ \t]*(?:final|original)-recipient[ \t]*:")
_TELLS_FATE = re.compile(r"(?im)^[ \t]*(?:action|status|diagnostic-code)[ \t]*:")
# OpenSMTPD's last report calls itself `delayed` and differs from those before it by these words.
_GIVEN_UP = re.compile(r"envelope expired", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Recipient:
    """`status`: of its Status field, else of the diagnostic. `retries`: it says until when the mail is tried."""

    address: str
    action: str
    status: str
    diagnostic: str
    retries: bool


def status_fields(parsed: Parsed) -> tuple[str, str] | None:
    """The fields of a report, and in what they stand: in its part, in that of a report behind it, as text or a file."""
    first = None
    for root in trees(parsed):
        for part in root.walk():
            if part.content_type in DELIVERY_STATUS:
                fields = text_of(part)
                if _NAMES_RECIPIENT.search(fields):
                    return fields, part.content_type
                first = first or (fields, part.content_type)
    if first is not None:
        return first
    texts = (
        parsed.mail.text[:MAX_TEXT],
        *(file.content[:MAX_TEXT].decode("utf-8", "replace") for file in parsed.files),
    )
    for text in texts:
        if _NAMES_RECIPIENT.search(text) and _TELLS_FATE.search(text):
            return text.replace("\r\n", "\n"), "text/plain"
    return None


def delivery_report(parsed: Parsed, fields: str, content_type: str) -> Finding:
    """What the fields of a report say. Failed or delayed: a bounce; delivered, relayed or expanded: a receipt."""
    recipients = tuple(_recipients(fields))
    returned = returned_mail(parsed)
    ids = returned.ids if returned else ()
    evidence = header_evidence("Content-Type", content_type)
    bad = [r for r in recipients if _is_bad(r)]
    if recipients and not bad:
        return Finding(Reason.RECEIPT, f"{evidence}, Action: {recipients[0].action}", about=ids)
    failed = next((r for r in bad if r.action != "delayed"), bad[0] if bad else None)
    text = parsed.mail.text[:MAX_TEXT]
    bounce = Bounce(
        recipients=tuple(dict.fromkeys(r.address for r in recipients if r.address)),
        status=(failed.status or None) if failed else None,
        original_message_id=ids[0] if ids else None,
        undelivered=tuple(_undelivered(one, text) for one in _each_once(bad)),
    )
    return Finding(Reason.BOUNCE, f"{evidence}, Action: {failed.action if failed else ''}", bounce, ids)


def said_of(text: str, address: str) -> str:
    """The server's words on one recipient in the text of a report: behind the address, and on the lines indented below.

    Exim and OpenSMTPD leave them out of the fields. Empty where no line begins with the address.
    """
    if not address:
        return ""
    named = re.compile(re.escape(address) + r"(?![\w-]|\.\w)", re.IGNORECASE)
    for found in islice(named.finditer(text), _MAX_NAMED):
        before = text[text.rfind("\n", 0, found.start()) + 1 : found.start()]
        if not before.strip(" \t<"):
            return _words(text[found.end() : found.end() + MAX_REPLY], indent=len(before.rstrip("<")))
    return ""


def _words(behind: str, indent: int) -> str:
    first, *below = behind.split("\n")
    deeper = takewhile(lambda line: len(line) - len(line.lstrip()) > indent, below)
    return " ".join(" ".join((first.lstrip("> \t:"), *takewhile(str.strip, deeper))).split())


def _undelivered(recipient: _Recipient, text: str) -> Undelivered:
    reply = recipient.diagnostic or said_of(text, recipient.address)
    code = ENHANCED_STATUS.search(reply)
    return Undelivered(
        recipient=recipient.address[:MAX_ADDRESS],
        final=_is_final(recipient, reply),
        trouble=trouble_of(reply, recipient.status),
        status=code[1] if code else recipient.status,
    )


def _is_final(recipient: _Recipient, reply: str) -> bool:
    """`failed` is final whatever the status says: Postfix and sendmail report 4.x.x once a mail's time in the queue is
    over. Only a report without an action is judged by its class.
    """
    if recipient.action == "delayed":
        return not recipient.retries and recipient.status.endswith(".4.7") and _GIVEN_UP.search(reply) is not None
    return recipient.action == "failed" or not recipient.status.startswith("4.")


def _each_once(bad: list[_Recipient]) -> list[_Recipient]:
    """Whom a report names twice has failed where one of the two says so."""
    first: dict[str, _Recipient] = {}
    for one in sorted(bad, key=lambda recipient: recipient.action == "delayed"):
        first.setdefault(one.address.lower(), one)
    return list(first.values())[:_MAX_UNDELIVERED]


def _recipients(fields: str) -> Iterator[_Recipient]:
    """The groups of fields about one recipient each. Some systems leave out the blank lines between them."""
    count = 0
    for block in re.split(r"\n[ \t]*\n", fields):
        group: dict[str, str] = {}
        for name, value in fields_of(block):
            if name in group and name in ("final-recipient", "original-recipient"):
                yield _recipient(group)
                group = {}
            group.setdefault(name, value)
        if group.keys() & {"final-recipient", "original-recipient", "action"}:
            yield _recipient(group)
            count += 1
        if count >= _MAX_RECIPIENTS:
            return


def _recipient(group: dict[str, str]) -> _Recipient:
    original, final = (address_of(group.get(name, "")) for name in ("original-recipient", "final-recipient"))
    address = original if "@" in original else final or original
    diagnostic = group.get("diagnostic-code", "")
    status = ENHANCED_STATUS.search(group.get("status", ""))
    action = re.match(r"[a-z]*", group.get("action", "").strip().lower())
    return _Recipient(
        address=address,
        action=action[0] if action else "",
        status=status[1] if status else status_in(diagnostic),
        diagnostic=diagnostic.partition(";")[2].strip() or diagnostic,
        retries="will-retry-until" in group,
    )


def _is_bad(recipient: _Recipient) -> bool:
    if recipient.action in _GOOD_ACTIONS:
        return False
    return recipient.action in _BAD_ACTIONS or not recipient.status.startswith("2")
