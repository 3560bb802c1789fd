"""Our own mail coming back."""

from resolver.parsing import Parsed
from resolver.screening.finding import Finding, header_evidence
from schemas.addresses import normalise
from schemas.ids import OWN_MESSAGE_ID
from schemas.reasons import Reason

LOOP_HEADER = "X-Mailcall-Loop"


def own_mail(parsed: Parsed, own_addresses: frozenset[str]) -> Finding | None:
    """A notification of ours, or any mail in the name of the desk's own addresses: answering it would never end."""
    if LOOP_HEADER.lower() in parsed.headers:
        return Finding(Reason.LOOP, f"{LOOP_HEADER} is there")
    message_id = parsed.mail.message_id
    if message_id and OWN_MESSAGE_ID.match(message_id):
        return Finding(Reason.LOOP, header_evidence("Message-ID", message_id))
    sender = parsed.mail.from_
    if sender is not None and own_addresses and normalise(sender.address) in own_addresses:
        return Finding(Reason.LOOP, header_evidence("From", sender.address))
    return None
