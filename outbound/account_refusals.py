"""Replies that are about the account that sends, not about this message: its quota, its rate, its rights. Pure.

Every message would meet such a reply, so none is refused by it, even where the server calls it final (5yz). A reply
that no row matches is what its code says it is: about this recipient, or this message.
"""

import re
from dataclasses import dataclass

from mailserver.authentication import refused
from mailserver.errors import MailServerError, server_label
from schemas.reasons import Reason
from schemas.settings import OutgoingServer

_STATUS = re.compile(r"[2-5]\d\d[- ](?P<status>[45]\.\d{1,3}\.\d{1,3})\b", re.ASCII)


@dataclass(frozen=True, slots=True)
class Sign:
    """A reply with this enhanced status (RFC 3463) and all of these words, which are in small letters.

    Either may be empty. `whose`: the server that replies so.
    """

    whose: str
    status: str = ""
    words: tuple[str, ...] = ()


# Enhanced codes of Exchange Online that say nothing but this; other servers do not use them otherwise.
_EXCHANGE_ONLINE = (
    "5.1.8",  # bad outbound sender; of Zoho: outgoing mail, or the sender's address, is blocked
    "5.1.90",  # the mailbox's recipients a day
    *(f"5.2.{number}" for number in range(251, 256)),  # throttled: it went on in spite of errors of one sort
    "5.7.57",  # not authenticated to send anonymous mail
    "5.7.60",  # no permission to send as this sender
    "5.7.64",  # a relay that belongs to no tenant
    "5.7.232",  # the trial tenant's external recipients a day
    "5.7.233",  # the tenant's
    *(f"5.7.50{number}" for number in range(1, 4)),  # banned for spam
    *(f"5.7.{number}" for number in (700, 701, 702, 705, 708, 750)),  # the tenant or its address may not send
    "4.7.500",  # busy, rate limited
)

SIGNS: tuple[Sign, ...] = (
    *(Sign("Exchange Online", status) for status in _EXCHANGE_ONLINE),
    Sign("Exchange", words=("sendasdenied",)),
    Sign("Exchange", words=("submissionquotaexceeded",)),
    Sign("Exchange Online", words=("storedrv.submission.exception:quotaexceeded",)),  # its own mailbox is full
    Sign("Exchange Online", words=("concurrent connection", "limit exceeded")),
    Sign("Exchange Online", words=("sender thread limit exceeded",)),
    Sign("Exchange, by Graph and EWS", words=("errorexceededmessagelimit",)),
    Sign("Exchange, by Graph and EWS", words=("errorquotaexceeded",)),
    Sign("Exchange, by Graph and EWS", words=("errormessagesubmissionblocked",)),
    Sign("Exchange, by Graph and EWS", words=("erroraccountsuspend",)),
    Sign("Gmail", "5.4.5"),  # limit or quota of the user's mails a day
    Sign("Gmail", words=("daily user sending",)),
    Sign("Gmail", words=("smtp relay limit exceeded",)),
    Sign("Gmail", words=("smtp relay sending", "exceeded")),
    Sign("Gmail", words=("unusual rate of unsolicited mail", "your ip address")),
    Sign("Amazon SES", words=("maximum sending rate exceeded",)),
    Sign("Amazon SES", words=("daily message quota exceeded",)),
    Sign("Amazon SES", words=("sending paused for this account",)),
    Sign("Amazon SES", words=("sending suspended for this account",)),
    Sign("Amazon SES", words=("email address is not verified",)),
    Sign("Zoho", words=("unusual sending activity",)),
    Sign("SendGrid", words=("maximum credits exceeded",)),
    Sign("SendGrid", words=("verified sender identity",)),
    Sign("Brevo", words=("smtp account is not yet activated",)),
    Sign("GMX, web.de", words=("mail send limit exceeded",)),
    Sign("OVH", words=("too many emails",)),
    Sign("Mailu", words=("sending too many emails",)),
    Sign("Purelymail", words=("please wait to send more emails",)),
    Sign("Active24", words=("policy rejection", "quota exceeded")),
    Sign("mailcow (Rspamd)", words=("ratelimit", "exceeded")),
    Sign("cPanel (Exim)", words=("has exceeded the max", "per hour")),
    Sign("Postfix", words=("sender address rejected: not owned by",)),  # Yandex says so, too
    Sign("Postfix", words=("sender address rejected: not logged in",)),
    Sign("Postfix", words=("error: too much mail from",)),
    Sign("Postfix", words=("error: too many recipients from",)),
    Sign("Postfix", words=("error: too many connections from",)),
    Sign("Postfix policies", words=("messages per hour", "exceeded")),
    Sign("Postfix policies", words=("recipients per hour", "exceeded")),
    Sign("Postfix policies", words=("sender address rejected", "per hour")),
    Sign("Postfix policies", words=("data command rejected", "messages per day")),
    Sign("any", words=("message rate limit exceeded",)),
    Sign("any", words=("sending limit exceeded",)),
    Sign("any", words=("sending quota exceeded",)),
    Sign("any", words=("sending rate exceeded",)),
    Sign("any", words=("sender rate limit",)),
    Sign("any", words=("outgoing", "limit exceeded")),
    Sign("any", words=("outbound", "limit exceeded")),
)


def about_the_account(reply: str) -> bool:
    """Whether a reply, `550 5.4.5 Daily user ...`, is about the account. One line, as `mailserver.errors.words` has it.

    A reply of several lines may hold its status again before each line.
    """
    found = _STATUS.match(reply)
    status, text = found["status"] if found else "", reply.lower()
    return any(
        (not sign.status or sign.status == status) and all(word in text for word in sign.words) for sign in SIGNS
    )


def account_error(server: OutgoingServer, reason: Reason | None, reply: str) -> MailServerError | None:
    """The error of a server with such a reply; None where its refusal was about the message."""
    if reason is Reason.ACCOUNT_LIMITED:
        return MailServerError(reason, f"{server_label(server)}: {meaning(reply)}", temporary=True)
    if reason is Reason.AUTHENTICATION_REFUSED:
        return refused(server, reply, temporary=True)
    return None


def meaning(reply: str) -> str:
    """What a reply about the account means and what to do, for an administrator."""
    return (
        f"the account may not send now: {reply}. Its mail waits. If a quota or rate is used up it resumes "
        "(set mails_per_minute, or name a fallback); else give the account the right to send as from_address"
    )
