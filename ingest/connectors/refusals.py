"""What a server's refusal means: temporary trouble, or something that a person has to correct. Pure.

Response codes come first (IMAP: RFC 5530, POP3: RFC 2449 and RFC 3206). If there is none, or one that servers give for
everything, the words decide. If they say nothing either, a person has to look.
"""

import re
from collections.abc import Sequence

from mailserver.errors import MailServerError, server_label
from schemas.reasons import Reason
from schemas.settings import IncomingServer


def _codes(*names: str) -> re.Pattern[str]:
    return re.compile(r"\[(?:" + "|".join(re.escape(name) for name in names) + r")[\] ]", re.IGNORECASE)


def _words(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


# Asking sooner makes it worse: the account, not a single message, is asked for too often.
_THROTTLED = (
    _codes("LIMIT", "OVERQUOTA", "THROTTLED", "LOGIN-DELAY"),
    _words(
        r"\btoo many\b", r"throttled", r"\brate.limit", r"Suggested Backoff", r"exceeded .{0,40}(?:limit|bandwidth)"
    ),
)
_ASKED = re.compile(r"Backoff Time: (\d{1,9}) milliseconds", re.IGNORECASE)  # Exchange Online

# The first that matches decides: a pattern, and whether the trouble is temporary.
_DECIDING: Sequence[tuple[re.Pattern[str], bool]] = (
    (_codes("NONEXISTENT", "NOPERM", "AUTHORIZATIONFAILED", "EXPIRED", "PRIVACYREQUIRED", "SYS/PERM"), False),
    *((pattern, True) for pattern in _THROTTLED),
    (_codes("UNAVAILABLE", "INUSE", "IN-USE", "SERVERBUG", "SYS/TEMP", "TEMPFAIL"), True),
    (_words(r"temporar(?:y|ily)\b"), True),
    (  # a person's mistake, whatever else is said: some servers name every cause at once
        _words(
            r"\b(?:invalid|incorrect|wrong|bad) (?:\w+ ){0,2}(?:user|login|pass|credential|account)",
            r"\bunknown (?:user|account|mailbox|folder)",
            r"\bpassword (?:\w+ ){0,2}(?:invalid|incorrect|wrong|expired|not match)",
            r"\baccount (?:\w+ ){0,2}(?:disabled|suspended|blocked|locked|closed)",
        ),
        False,
    ),
    (
        _words(
            r"\bunavailable\b",
            r"\bnot available\b",
            r"\binternal (?:server |system )?(?:error|failure)",
            r"\b(?:server|system|service) (?:error|failure|problem)",
            r"\bnot connected\b",  # Exchange Online: the mailbox's own server is unavailable
            r"\bbusy\b",
            r"\bin use\b",
            r"\balready (?:connected|open|locked|logged)",
            r"\block(?:ed)?\b",
            r"\btime[ds]?[ -]?out\b",
            r"\boverload",
            r"\bmaintenance\b",
            r"\b(?:try|retry) (?:\w+ ){0,2}(?:later|soon)",
        ),
        True,
    ),
    (_codes("AUTH", "AUTHENTICATIONFAILED"), False),
    (_words(r"\b(?:authentication|log-?in|logon) (?:\w+ ){0,2}(?:fail|denied|refused|rejected)"), False),
    (_words(r"\btry again\b"), True),
)


def is_temporary(said: str) -> bool:
    """Whether the same login, or the same folder, may work later without anybody's help."""
    for pattern, temporary in _DECIDING:
        if pattern.search(said):
            return temporary
    return False


def is_throttled(said: str) -> bool:
    """Whether the account as a whole is throttled, so that a refusal says nothing of the one message asked for."""
    return any(pattern.search(said) for pattern in _THROTTLED)


def temporary_refusal(server: IncomingServer, said: str) -> MailServerError:
    """A refusal that is temporary, with the time that the server asks for."""
    what = "asks to be left alone for a while" if is_throttled(said) else "cannot serve this account for now"
    asked = _ASKED.search(said)
    after = int(asked[1]) / 1000 if asked else 0.0
    return MailServerError(
        Reason.SERVER_DEFERRED, f"{server_label(server)} {what}: {said}", temporary=True, after=after
    )
