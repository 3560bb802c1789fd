"""What Exchange Web Services refuses, as an administrator should read it: response codes of Microsoft's list. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

from mailserver.errors import MailServerError, Peer, broken_connection
from runtime.security.redaction import printable
from schemas.reasons import Reason


class Meaning(NamedTuple):
    """Why a mailbox cannot be used, whether that is temporary, and what to do ("" if nothing)."""

    reason: Reason
    temporary: bool
    remedy: str = ""


_BUSY = Meaning(Reason.SERVER_DEFERRED, True)
_NO_MAILBOX = Meaning(Reason.FOLDER_REFUSED, False, "Check mailbox: it must be an address of a mailbox that is there")
_NO_RIGHT = Meaning(
    Reason.FOLDER_REFUSED,
    False,
    "Give the account full access to the mailbox, or set impersonation in the profile where it may impersonate",
)
_NO_IMPERSONATION = Meaning(
    Reason.FOLDER_REFUSED,
    False,
    "Give the account the role ApplicationImpersonation for this mailbox, or switch impersonation off in the profile",
)
_NO_FOLDER = Meaning(Reason.FOLDER_REFUSED, False, "Check folder and move_to")
_LOCKED = Meaning(Reason.AUTHENTICATION_REFUSED, False, "Have the account enabled, or name another in the profile")
_QUOTA = Meaning(Reason.FOLDER_REFUSED, False, "The mailbox is full: empty it, or have its quota raised")
_OTHER = Meaning(Reason.SERVER_UNREACHABLE, True)

MEANINGS: Mapping[str, Meaning] = {
    **dict.fromkeys(
        (
            "ErrorServerBusy", "ErrorInternalServerTransientError", "ErrorMailboxStoreUnavailable",
            "ErrorTooManyObjectsOpened", "ErrorExceededConnectionCount", "ErrorExceededSubscriptionCount",
            "ErrorMailboxMoveInProgress", "ErrorBatchProcessingStopped", "ErrorConnectionFailed",
            "ErrorADUnavailable", "ErrorADOperation", "ErrorInsufficientResources", "ErrorMailboxFailover",
        ),
        _BUSY,
    ),
    **dict.fromkeys(
        ("ErrorNonExistentMailbox", "ErrorMissingEmailAddress", "ErrorInvalidSmtpAddress",
         "ErrorMailboxConfiguration", "ErrorNonPrimarySmtpAddress"),
        _NO_MAILBOX,
    ),
    **dict.fromkeys(("ErrorAccessDenied", "ErrorImpersonationDenied"), _NO_RIGHT),
    **dict.fromkeys(("ErrorImpersonateUserDenied", "ErrorImpersonationFailed"), _NO_IMPERSONATION),
    **dict.fromkeys(("ErrorFolderNotFound", "ErrorParentFolderNotFound", "ErrorMoveCopyFailed"), _NO_FOLDER),
    "ErrorAccountDisabled": _LOCKED,
    "ErrorQuotaExceeded": _QUOTA,
}  # fmt: skip

OF_SENDING = frozenset({"ErrorQuotaExceeded"})  # said of one message when it is sent

_STATUSES: Mapping[int, Meaning] = {
    401: Meaning(Reason.AUTHENTICATION_REFUSED, False, "Check username, password and authentication of the profile"),
    403: Meaning(
        Reason.AUTHENTICATION_REFUSED,
        False,
        "The account is known and may not use EWS: have EWS enabled for it (Set-CASMailbox -EwsEnabled), and no policy "
        "that keeps programs out",
    ),
    404: Meaning(Reason.SERVER_UNREACHABLE, False, "Check url of the profile: it ends with /EWS/Exchange.asmx"),
    405: Meaning(Reason.SERVER_UNREACHABLE, False, "Check url of the profile: it ends with /EWS/Exchange.asmx"),
    429: _BUSY,
    503: _BUSY,
}
_ELSEWHERE = Meaning(Reason.SERVER_UNREACHABLE, False, "It redirects us, which is not followed: set url of the profile")
_THROTTLED_SECONDS = 60.0  # if the server is busy and does not say for how long


def is_busy(code: str) -> bool:
    """Whether the server refuses everything for now."""
    return MEANINGS.get(code) is _BUSY


def refused(label: str, code: str, said: str = "", after: float = 0.0) -> MailServerError:
    """A response code that is about the mailbox or the server, not about one message. `said`: the server's words."""
    meaning = MEANINGS.get(code, _OTHER)
    if meaning is _BUSY:
        text = f"{label} asks to be left alone for a while: {printable(f'{code} {said}')}"
        return MailServerError(meaning.reason, text, temporary=True, after=after)
    remedy = f". {meaning.remedy}" if meaning.remedy else ""
    text = f"{label} refused: {printable(f'{code} {said}').rstrip('.')}{remedy}"
    return MailServerError(meaning.reason, text, temporary=meaning.temporary)


def status_refused(label: str, status: int, after: float) -> MailServerError:
    """An HTTP status instead of a response of the service."""
    meaning = _STATUSES.get(status, _ELSEWHERE if 300 <= status < 400 else _OTHER)
    if meaning is _BUSY:
        text = f"{label} asks to be left alone for a while (HTTP {status})"
        return MailServerError(meaning.reason, text, temporary=True, after=after or _THROTTLED_SECONDS)
    text = f"{label} answered with HTTP {status}{f'. {meaning.remedy}' if meaning.remedy else ''}"
    return MailServerError(meaning.reason, text, temporary=meaning.temporary)


def broken(label: str, cause: Exception, seconds: float) -> MailServerError:
    """A connection that was not made, or broke. `seconds`: how long a response is waited for."""
    check = "Check url of the profile"
    peer = Peer(
        label=label,
        seconds=seconds,
        check_address=check,
        check_port=check,
        check_trust="Set ca_file of the profile to the PEM file of the authority that signed it, or url to the name it "
        "was made for",
        check_tls=check,
        without_tls=check,
    )
    return broken_connection(peer, cause)


def damaged(label: str, why: str) -> MailServerError:
    """A response that is invalid."""
    text = (
        f"{label} gave an answer that cannot be used: {printable(why)}. Check url of the profile, and what is in "
        "between (a proxy, a login page)"
    )
    return MailServerError(Reason.SERVER_UNREACHABLE, text, temporary=True)
