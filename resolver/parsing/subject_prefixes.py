"""What stands before a subject: `Re:`, `FW:`, `[EXTERNAL]`, `[C-000123]`, in any order and number."""

import re

_MAX_PREFIXES = 12
# Wikipedia, List of email subject abbreviations; VS (Danish, Norwegian) is a Finnish answer as well.
_FORWARD = re.compile(
    r"(?:fwd?|wg|tr|rv|enc|i|doorst|vb|vl|pd|reenv|továbbítás|πρθ|i̇lt|ilt|trs|yml|fs|ct|转发|轉寄|转寄|転送|전달|"
    r"пересл|пер|הועבר|إعادة توجيه|weitergeleitet)(?:\s?[\[(]\d{1,3}[\])])?\s?[:：]",
    re.IGNORECASE,
)
_PREFIX = re.compile(
    r"\[[^\[\]]{0,80}\]|\{[^{}]{0,40}\}|\([^()]{0,40}\)|\*{1,3}[^*]{1,40}\*{1,3}|[CTR]-\d{6,18}\b|"
    r"[^\W\d_][^:：\[\]]{0,24}?(?:\s?\[\d{1,3}\]|\s?\(\d{1,3}\))?\s?[:：]",
)
_BLANKS = " \t\xa0-–|"


def is_forward(subject: str) -> bool:
    """Whether one of its prefixes says that a mail is handed on."""
    return any(_FORWARD.fullmatch(prefix) for prefix in _prefixes(subject)[0])


def is_answer(subject: str) -> bool:
    """Whether another prefix than that of a forward stands first; marks in brackets do not count."""
    worded = [prefix for prefix in _prefixes(subject)[0] if prefix[-1] in ":："]
    return bool(worded) and not _FORWARD.fullmatch(worded[0])


def bare_subject(subject: str) -> str:
    """The subject without its prefixes."""
    return _prefixes(subject)[1]


def _prefixes(subject: str) -> tuple[list[str], str]:
    found: list[str] = []
    rest = subject.strip(_BLANKS)
    while len(found) < _MAX_PREFIXES and (match := _PREFIX.match(rest)):
        found.append(match[0])
        rest = rest[match.end() :].lstrip(_BLANKS)
    return found, rest
