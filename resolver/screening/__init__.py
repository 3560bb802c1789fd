"""Who wrote this message: a person, or what kind of software, and why (docs/screening.md).

An ordered list of small checks; the first that answers wins; a mail that none of them knows is a person's.
"""

from collections.abc import Callable

from resolver.finding import Finding
from resolver.parsing import Parsed
from resolver.screening.auto_replies import auto_reply_subject
from resolver.screening.auto_reply_headers import auto_reply_header
from resolver.screening.auto_reply_policy import answerable
from resolver.screening.bounces import bounce
from resolver.screening.complaints import complaint
from resolver.screening.json_notices import json_notice
from resolver.screening.own_mail import LOOP_HEADER, own_mail
from resolver.screening.receipts import read_receipt
from resolver.screening.unmarked import list_manager, unmarked
from schemas.ids import OWN_MESSAGE_ID
from schemas.mail import Screening
from schemas.reasons import Reason

__all__ = ["LOOP_HEADER", "answerable", "screen"]

# Reports first: they carry the headers of automatic answers, too.
_CHECKS: tuple[Callable[[Parsed], Finding | None], ...] = (
    json_notice,
    complaint,
    read_receipt,
    bounce,
    auto_reply_header,
    list_manager,
    auto_reply_subject,
    unmarked,
)
_PERSON = Screening(verdict="person")
# What tells the fate of a mail; an automatic answer or a loop does not.
_REPORTS = frozenset({Reason.BOUNCE, Reason.RECEIPT, Reason.COMPLAINT})


def screen(parsed: Parsed, own_addresses: frozenset[str]) -> Screening:
    """The verdict on one mail. `own_addresses`: the desk's own, normalised. Pure; never raises."""
    finding = own_mail(parsed, own_addresses)
    for check in _CHECKS:
        if finding is not None:
            break
        finding = check(parsed)
    if finding is None:
        return _PERSON
    told = finding.about if finding.reason in _REPORTS else ()
    about = next((message_id for message_id in told if OWN_MESSAGE_ID.match(message_id)), None)
    return Screening(
        verdict="notification-result" if about else "rejected",
        reason=finding.reason,
        evidence=finding.evidence,
        bounce=finding.bounce,
        about=about,
    )
