"""Our own message coming back: loop protection."""

import re

from resolver.finding import Finding, header_evidence
from resolver.parsing import Parsed
from resolver.screening.auto_reply_headers import auto_reply_header, generated
from schemas.addresses import normalise
from schemas.ids import OWN_MESSAGE_ID
from schemas.reasons import Reason
from schemas.reply_marker import REPLY_MARKER

LOOP_HEADER = "X-Mailcall-Loop"
# The thread that all notifications of one item hang on (`outbound/compose.py`). No mail has this id: whoever answers a
# notification names that one last.
_ITEM_THREAD = re.compile(r"^<[CTR]-[0-9]{6,18}\.item@[^>\s]+>$", re.ASCII | re.IGNORECASE)
# Whoever answers or passes on a mail with a mail program has something like `Re:` before its subject.
_PREFIX = re.compile(r"\s*[^\s\[\]:：]{1,20}(?:\[\d{1,3}\])?\s?[:：]")


def own_mail(parsed: Parsed, own_addresses: frozenset[str]) -> Finding | None:
    """A notification of ours, or of another installation's: answering it would never end.

    From may be anybody's, also a form's, a group's or the other desk's: the desk's own address there tells of our own
    mail only together with a machine's mark.
    """
    if LOOP_HEADER.lower() in parsed.headers:
        return Finding(Reason.LOOP, f"{LOOP_HEADER} is there")
    message_id = parsed.mail.message_id
    if message_id and OWN_MESSAGE_ID.match(message_id):
        return Finding(Reason.LOOP, header_evidence("Message-ID", message_id))
    last = parsed.mail.references[-1:]
    if last and _ITEM_THREAD.match(last[0]) and generated(parsed):  # a relay took out both of the above
        return Finding(Reason.LOOP, header_evidence("References", last[0]))
    if _begins_as_ours(parsed):  # Exchange took out all of the above
        return Finding(Reason.LOOP, f"the first line of the text: {REPLY_MARKER}")
    sender = parsed.mail.from_
    if sender is None or normalise(sender.address) not in own_addresses:
        return None
    found = auto_reply_header(parsed)
    mark = found.evidence if found else generated(parsed)
    return Finding(Reason.LOOP, f"{header_evidence('From', sender.address)}, {mark}") if mark else None


def _begins_as_ours(parsed: Parsed) -> bool:
    """Whether nothing stands above the line above which answers are written, and the subject is that of no answer."""
    mail = parsed.mail
    return mail.text.lstrip().startswith(REPLY_MARKER) and _PREFIX.match(mail.subject) is None
