"""What a mail offers to find its item by, and whether it asks to close it. Pure.

Only the logger can say which item a mail belongs to: an earlier mail of the conversation may still be on its way.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Literal

from schemas.ids import OWN_MESSAGE_ID
from schemas.mail import ConversationReferences, ParsedMail

Wanted = Literal["log-or-update", "close"]

# A hostile References header can hold thousands: the nearest are the ones that count.
MAX_IDS = 100
MAX_ITEM_REFERENCES = 10

# C-000123 (call), T- (task), R- (request), in brackets, behind # or plain; not inside a longer word or number.
_ITEM_REFERENCE = re.compile(r"(?<![\w-])([CTR]-[0-9]{6,18})(?![\w-])", re.IGNORECASE | re.ASCII)


def references(mail: ParsedMail) -> ConversationReferences:
    """Own ids, the other ids (nearest first) and item references of the subject, each once.

    RFC 5322, 3.6.4: In-Reply-To names the parent; References ends with it, its first is the oldest.
    """
    nearest_first = _once((*mail.in_reply_to, *reversed(mail.references)), MAX_IDS)
    own = tuple(message_id for message_id in nearest_first if OWN_MESSAGE_ID.match(message_id))
    return ConversationReferences(
        own_message_ids=own,
        message_ids=tuple(message_id for message_id in nearest_first if message_id not in own),
        item_references=_once(map(str.upper, _ITEM_REFERENCE.findall(mail.subject)), MAX_ITEM_REFERENCES),
    )


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
        return "close", "a close word stands in the subject"
    return "log-or-update", "no close word in the first line or the subject"


@lru_cache(maxsize=256)
def _close_pattern(close_words: tuple[str, ...]) -> re.Pattern[str] | None:
    words = [re.escape(word.strip()) for word in close_words if word.strip()]
    return re.compile(rf"(?<![\w#])(?:{'|'.join(words)})(?!\w)", re.IGNORECASE) if words else None


def _once(values: Iterable[str], limit: int) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))[:limit]
