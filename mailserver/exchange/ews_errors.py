"""What Exchange Web Services refuses, as an administrator should read it: response codes of Microsoft's list. Pure."""

import errno
import socket
import ssl
from collections.abc import Mapping
from typing import NamedTuple

from mailserver.errors import MailServerError
from runtime.dialling import RefusedAddressError
from runtime.foreign_words import words
from schemas.reasons import Reason


class Meaning(NamedTuple):
    """Why a mailbox cannot be used, whether that passes by itself, and what to do ("" where nothing is to be done)."""

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

OF_SENDING = frozenset({"ErrorQuotaExceeded"})  # said of one mail when it is sent

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
_ELSEWHERE = Meaning(
    Reason.SERVER_UNREACHABLE, False, "It sends us to another place, which is not followed: set url of the profile"
)
_THROTTLED_SECONDS = 60.0  # where the server is busy and does not say for how long


def is_busy(code: str) -> bool:
    """Whether the server refuses for now whatever it is asked for."""
    return MEANINGS.get(code) is _BUSY


def refused(where: str, code: str, said: str = "", after: float = 0.0) -> MailServerError:
    """A response code that is about the mailbox or the server, not about one mail. `said`: the server's own words."""
    meaning = MEANINGS.get(code, _OTHER)
    if meaning is _BUSY:
        text = f"{where} asks to be left alone for a while: {words(f'{code} {said}')}"
        return MailServerError(meaning.reason, text, temporary=True, after=after)
    remedy = f". {meaning.remedy}" if meaning.remedy else ""
    text = f"{where} refused: {words(f'{code} {said}').rstrip('.')}{remedy}"
    return MailServerError(meaning.reason, text, temporary=meaning.temporary)


def status_refused(where: str, status: int, after: float) -> MailServerError:
    """An HTTP status where an answer of the service should be."""
    meaning = _STATUSES.get(status, _ELSEWHERE if 300 <= status < 400 else _OTHER)
    if meaning is _BUSY:
        text = f"{where} asks to be left alone for a while (HTTP {status})"
        return MailServerError(meaning.reason, text, temporary=True, after=after or _THROTTLED_SECONDS)
    text = f"{where} answered with HTTP {status}{f'. {meaning.remedy}' if meaning.remedy else ''}"
    return MailServerError(meaning.reason, text, temporary=meaning.temporary)


def broken(where: str, cause: Exception, seconds: float) -> MailServerError:
    """A connection that was not made, or broke. `seconds`: how long an answer is waited for."""
    if getattr(cause, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        text = f"no room for a large mail of {where}: {words(cause)}. Give the process's temporary directory more room"
        return MailServerError(Reason.NO_ROOM, text, temporary=True)
    if isinstance(cause, RefusedAddressError):
        text = (
            f"{where} is not connected to: {words(cause)}. Check url of the profile; is it right, ask who runs Mailcall"
        )
        return MailServerError(Reason.SECURITY_REFUSED, text, temporary=False)
    if isinstance(cause, ssl.SSLCertVerificationError):
        text = (
            f"the certificate of {where} is not trusted: {words(cause.verify_message)}. Set ca_file of the profile to "
            "the PEM file of the authority that signed it, or url to the name it was made for"
        )
        return MailServerError(Reason.SECURITY_REFUSED, text, temporary=False)
    if isinstance(cause, ssl.SSLError) and not isinstance(cause, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        text = (
            f"no TLS connection to {where}: {words(getattr(cause, 'reason', None) or cause)}. Check url of the profile"
        )
        return MailServerError(Reason.SECURITY_REFUSED, text, temporary=False)
    if isinstance(cause, TimeoutError):
        text = f"{where} gave no whole answer within {seconds:g} seconds"
    elif isinstance(cause, socket.gaierror):
        text = f"the name of {where} cannot be looked up: {words(cause.strerror or cause)}. Check url of the profile"
    elif isinstance(cause, ConnectionRefusedError):
        text = f"nothing listens at {where}: connection refused. Check url of the profile"
    else:
        text = f"the connection to {where} broke: {words(cause) or type(cause).__name__}"
    return MailServerError(Reason.SERVER_UNREACHABLE, text, temporary=True)


def damaged(where: str, why: str) -> MailServerError:
    """An answer that is none."""
    text = (
        f"{where} gave an answer that cannot be used: {words(why)}. Check url of the profile, and what stands between "
        "(a proxy, a log-in page)"
    )
    return MailServerError(Reason.SERVER_UNREACHABLE, text, temporary=True)
