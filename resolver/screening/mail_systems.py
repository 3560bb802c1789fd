"""Whether a mail system sent a message on its own, judged by its sender."""

import re
from functools import lru_cache
from typing import Literal

from resolver.parsing import Parsed
from resolver.screening.auto_reply_headers import automatic, generated

# Nobody but a mail system writes as this.
_DAEMONS = r"(?:mailer[-_. ]?daemon|mail[-_. ]?daemon|mdaemon|nondelivery|bounce-?handler)"
_DAEMON = re.compile(rf"^{_DAEMONS}(?:\+.*)?$", re.IGNORECASE)
# An envelope sender that is empty, or what some systems write for one.
_NO_PATH = re.compile(rf"[ <>]*+(?:(?:#@\[\])?[ <>]*+$|{_DAEMONS}(?:\+|[ <>]*+$|@))", re.IGNORECASE)
# People, teams and small firms do, too.
_POSTMASTER = re.compile(
    r"^(?:post[-_]?master|post_?office|system[-_. ]?administrator|microsoftexchange[0-9a-f]{20,}|mail|smtp|"
    r"mail[-_]?system|mail[-_. ]?delivery[-\w. ]*|ndr|daemon|root)(?:\+.*)?$",
    re.IGNORECASE,
)
# In a name in small letters: its first letters are found many times faster so.
_DAEMON_NAMES = re.compile(
    r"mail delivery? (?:sub)?system|mail delivery service|mailer[- ]daemon|mail administrator|internet mail delivery|"
    r"system administrator|microsoft outlook|postmaster|mail system|mail router"
)
# IMail's own reports. Exchange 5.5 has a header for its own.
_REPORTERS = re.compile(r"(?i)\s*<?SMTP32\b")
_ASKS = re.compile(r"[?？؟]")
_TEXT_SEEN = 2_000
_SHORT = 200  # characters of a sender that is remembered


def sender_kind(parsed: Parsed) -> Literal["daemon", "postmaster", "null", ""]:
    """`daemon`: nobody but a mail system writes from there; `postmaster`: mostly one; `null`: no envelope sender."""
    sender = parsed.mail.from_
    kind: Literal["daemon", "postmaster", ""] = ""
    if sender is not None:
        kind_of = _remembered if len(sender.address) + len(sender.name) <= _SHORT else _kind_of
        kind = kind_of(sender.address, sender.name)
    return kind or ("null" if no_path(parsed) else "")


def _kind_of(address: str, name: str) -> Literal["daemon", "postmaster", ""]:
    local = address.partition("@")[0].strip('"\\ ')
    named = _DAEMON_NAMES.search(name.casefold()) is not None
    if _DAEMON.match(local) or (named and not address):
        return "daemon"
    return "postmaster" if named or _POSTMASTER.match(local) else ""


_remembered = lru_cache(maxsize=2048)(_kind_of)  # the same people write again and again


def no_path(parsed: Parsed) -> bool:
    """No envelope sender (RFC 5321, section 4.5.5), or what some systems write for none."""
    path = parsed.headers.get("return-path")
    return path is not None and _NO_PATH.match(path) is not None


def by_itself(parsed: Parsed) -> bool:
    """Whether nobody is to be told of failures, or a program answered. What it generates may be a person's words."""
    return no_path(parsed) or (automatic(parsed) and not generated(parsed))


def of_a_mail_system(parsed: Parsed) -> bool:
    """Whether the program that made it sends nothing but reports, or marks them."""
    headers = parsed.headers
    return "x-ms-embedded-report" in headers or _REPORTERS.match(headers.get("x-mailer") or "") is not None


def by_a_person(parsed: Parsed) -> bool:
    """Whether somebody seems to have written it: by a name, a mail program or a question."""
    name = parsed.mail.from_.name if parsed.mail.from_ else ""
    if not is_system_name(name) or "user-agent" in parsed.headers:
        return True
    if "x-mailer" in parsed.headers and not of_a_mail_system(parsed):
        return True
    return asks(parsed)


def asks(parsed: Parsed) -> bool:
    return _ASKS.search(parsed.mail.text[:_TEXT_SEEN]) is not None


def is_system_name(name: str) -> bool:
    """Whether a display name is none, or no person's."""
    return not name.strip() or "@" in name or _DAEMON_NAMES.fullmatch(name.strip().casefold()) is not None
