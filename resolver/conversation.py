"""What in a message can identify its item, and whether it asks to close it. Pure.

Only the logger can say which item a message belongs to: an earlier message of the thread may still be on its way.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import Literal

from schemas.mail import ParsedMail
from schemas.resolved_mail import ConversationReferences
from schemas.tokens import TAG, TokenStatus, TokenVerifier, own_token

Wanted = Literal["log-or-update", "close"]

# A hostile References header can have thousands: only the nearest count.
MAX_IDS = 100
MAX_ITEM_REFERENCES = 10
MAX_ADDRESSES = 100

# C-000123 (call), T- (task), R- (request), in brackets, behind # or plain; not inside a longer word or number.
_ITEM_REFERENCE = re.compile(r"(?<![\w-])([CTR]-[0-9]{6,18})(?![\w-])", re.IGNORECASE | re.ASCII)

# Which field an id of our own message, or the reference in a tag, goes to: by the status of its token.
_OWN_MESSAGE_ID_FIELDS: Mapping[TokenStatus, str] = {
    "good": "own_message_ids",
    "passed-on": "own_message_ids",
    "forged": "doubtful",
    "expired": "doubtful",
    "unsigned": "message_ids",
    "unchecked": "message_ids",
}
_TAG_FIELDS: Mapping[TokenStatus, str] = {
    "good": "tokens",
    "passed-on": "tokens",
    "forged": "doubtful",
    "expired": "doubtful",
    "unsigned": "item_references",
    "unchecked": "item_references",
}
_MOST = {
    "own_message_ids": MAX_IDS,
    "tokens": MAX_ITEM_REFERENCES,
    "sent_to_sender": MAX_IDS,
    "doubtful": MAX_IDS,
    "message_ids": MAX_IDS,
    "item_references": MAX_ITEM_REFERENCES,
}


def references(mail: ParsedMail, senders: Collection[str], verify_token: TokenVerifier) -> ConversationReferences:
    """All of them, each once. Ids stand nearest first: In-Reply-To names the parent, References ends with it.

    (RFC 5322, 3.6.4.) A forged token never counts as a plain Message-ID or number besides. `senders`: the addresses
    of whoever it comes from.
    """
    found: defaultdict[str, list[str]] = defaultdict(list)
    for message_id in _once((*mail.in_reply_to, *reversed(mail.references)), MAX_IDS):
        own = own_token(message_id)
        verdict = verify_token(own, senders) if own else "unsigned"
        found[_OWN_MESSAGE_ID_FIELDS[verdict]].append(message_id)
        if verdict == "good":
            found["sent_to_sender"].append(message_id)
    for tag in _tags(mail):
        verdict, reference = verify_token(tag[0], senders), tag[1].upper()
        found[_TAG_FIELDS[verdict]].append(reference)
        if verdict == "good":
            found["sent_to_sender"].append(reference)
    if "-" in mail.subject:  # as in every reference
        untagged = TAG.sub(" ", mail.subject)
        found["item_references"] += (match[1].upper() for match in _ITEM_REFERENCE.finditer(untagged))
    return ConversationReferences(**{name: _once(values, _MOST[name]) for name, values in found.items() if values})


def wanted(mail: ParsedMail, close_words: Sequence[str]) -> tuple[Wanted, str]:
    """`close` where a close word is the first line of what the author wrote, or stands in the subject.

    As a whole word, whatever its capitals. With the reason, in one sentence.
    """
    pattern = _close_pattern(tuple(close_words))
    if pattern is None:
        return "log-or-update", "the incoming server has no close words"
    first_line = mail.reply.lstrip().partition("\n")[0].strip()
    if pattern.fullmatch(first_line):
        return "close", "the first line is a close word"
    if pattern.search(mail.subject):
        return "close", "there is a close word in the subject"
    return "log-or-update", "no close word in the first line or the subject"


def _tags(mail: ParsedMail) -> Iterator[re.Match[str]]:
    """The tags in the subject, and those behind the plus of an address: `support+c-000123.20783.<signature>@...`."""
    addresses = [mailbox.address for mailbox in (*mail.to, *mail.cc)[:MAX_ADDRESSES]]
    tagged = [address.rpartition("@")[0].partition("+")[2] for address in addresses if "+" in address]
    for text in (mail.subject, *tagged):
        if "-" in text:
            yield from islice(TAG.finditer(text), MAX_ITEM_REFERENCES)


@lru_cache(maxsize=256)
def _close_pattern(close_words: tuple[str, ...]) -> re.Pattern[str] | None:
    words = [re.escape(word.strip()) for word in close_words if word.strip()]
    return re.compile(rf"(?<![\w#])(?:{'|'.join(words)})(?!\w)", re.IGNORECASE) if words else None


def _once(values: Iterable[str], limit: int) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))[:limit]
