"""Why a message was not delivered: what a server's reply and an enhanced status code mean, as two tables. Pure.

Most of what servers write is vague. Exim always reports 5.0.0, sendmail guesses 5.1.1 from any 550, OpenSMTPD gives the
reply in its text alone (docs/real-servers.md). So the reply's words decide first, then the code in the reply, then the
Status field; and in doubt it is not the address: who has one that works is to be told.
"""

import re
from collections.abc import Mapping
from enum import StrEnum


class Trouble(StrEnum):
    """What was in the way. Only `address` says that the address takes no mail, now and later."""

    ADDRESS = "address"
    MAILBOX = "mailbox"
    POLICY = "policy"
    MESSAGE = "message"
    OUTAGE = "outage"
    UNKNOWN = "unknown"


MAX_REPLY = 400  # characters of a reply that are read

# RFC 3463; an IP address is none.
ENHANCED_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)")
_REPLY_CLASS = re.compile(r"(?<![\d.])([245])(?:\d\d(?![\d.]*\d)|\.\d{1,3}\.\d{1,3}(?![\d.]*\d))")

# A reply code of RFC 5321 alone, and what sendmail makes of it (`smtptodsn`): of others, the class.
_REPLY = re.compile(r"(?<![\w.@/#$-])(4(?:21|41|5[0-5])|5(?:0[0-5]|21|30|35|41|5[0-6]))(?![\w@/$%]|[.,]\d|-\d\d\d\d)")
REPLY_STATUS: Mapping[str, str] = {
    "450": "4.2.0",
    "451": "4.3.0",
    "452": "4.3.1",
    "500": "5.5.2",
    "501": "5.5.4",
    "502": "5.5.1",
    "503": "5.5.1",
    "504": "5.5.4",
    "550": "5.2.0",
    "551": "5.1.6",
    "552": "5.2.2",
    "553": "5.1.0",
}

# RFC 3463, sections 3.2 to 3.8, and RFC 7505 (null MX): by subject.detail, else by the subject.
CODES: Mapping[str, Trouble] = {
    "1.1": Trouble.ADDRESS,  # bad mailbox
    "1.2": Trouble.ADDRESS,  # bad system
    "1.3": Trouble.ADDRESS,  # bad syntax
    "1.4": Trouble.ADDRESS,  # ambiguous
    "1.6": Trouble.ADDRESS,  # mailbox has moved
    "1.7": Trouble.POLICY,  # the sender's address
    "1.8": Trouble.POLICY,
    "1.9": Trouble.MESSAGE,
    "1.10": Trouble.ADDRESS,  # null MX
    "2": Trouble.MAILBOX,
    "2.0": Trouble.UNKNOWN,
    "2.1": Trouble.ADDRESS,  # disabled
    "2.3": Trouble.MESSAGE,  # too long for this mailbox
    "2.4": Trouble.UNKNOWN,  # expansion of a list
    "3": Trouble.OUTAGE,
    "3.0": Trouble.UNKNOWN,
    "3.3": Trouble.MESSAGE,  # not capable of selected features
    "3.4": Trouble.MESSAGE,  # too big for the system
    "4": Trouble.OUTAGE,
    "6": Trouble.MESSAGE,
    "7": Trouble.POLICY,
}

# What servers write, in the order in which it is looked for: what may stand beside "user unknown" goes first.
WORDS: tuple[tuple[Trouble, re.Pattern[str]], ...] = tuple(
    (trouble, re.compile(pattern, re.IGNORECASE))
    for trouble, pattern in (
        # Exchange Online's words for no such recipient: those of a refusal.
        (Trouble.ADDRESS, r"access denied\. as\(201806281\)"),
        (
            Trouble.MAILBOX,
            r"over ?quota|quota (?:has been )?exceeded|exceed\w* .{0,30}quota|disk quota|"
            r"(?:mailbox|inbox|mail ?box for user) (?:is |has |size )?.{0,20}\b(?:full|exceed\w*)|"
            r"insufficient (?:system |disk )?(?:storage|space)|out of (?:disk )?space|storage quota|"
            r"postfach .{0,20}voll|bo[iî]te .{0,20}pleine",
        ),
        (
            Trouble.POLICY,
            r"\brelay(?:ing)?\b.{0,20}(?:denied|prohibited|not (?:permitted|allowed)|refused)|"
            r"(?:unable|not permitted|not allowed|do not|don't|won't) (?:to )?relay|"
            r"\bblock(?:ed|list)|black ?-?list|spamhaus|spamcop|\brbl\b|dnsbl|\bspam|unsolicited|reputation|"
            r"\b(?:spf|dkim|dmarc)\b|unauthenticated|authenticat\w* (?:is )?required|"
            r"policy|polic(?:ies|y)|prohibit|gr[ea]y-?list|rate.?limit|throttl|too many|"
            r"at a rate|too (?:quickly|fast|frequently)|\bvirus|malware|"
            r"(?:sender|return.?path|client host|helo|ehlo|ptr|reverse dns)\b.{0,40}"
            r"(?:reject|denied|refused|verif|unknown|not found|does not|doesn't|invalid|missing)|"
            r"not (?:authori[sz]ed|allowed|permitted)|access denied|content (?:reject|refus)",
        ),
        (
            Trouble.MESSAGE,
            r"(?:message|mail|size)\b.{0,20}(?:too (?:big|large|long)|exceed)|maximum .{0,20}size|"
            r"line (?:is )?too long|smtputf8",
        ),
        (
            Trouble.OUTAGE,
            r"retry (?:timeout exceeded|time not reached)|(?:envelope|message|delivery time) (?:has )?expired|"
            r"connection (?:refused|reset|closed|dropped|timed out|failed|error)|lost connection|timed? ?-?out|"
            r"no route to host|network (?:is )?unreachable|network error|host (?:is )?(?:down|unreachable)|"
            r"(?:could ?n[o']t|cannot|unable to) (?:connect|establish)|temporar(?:y|ily)|in the queue too long",
        ),
        (
            Trouble.ADDRESS,
            r"user (?:is )?(?:unknown|not known)|unknown (?:local )?(?:user|recipient|address|mailbox|account|part)|"
            r"no such (?:local )?(?:user|recipient|mailbox|address|person|account)|"
            r"(?:user|recipient|address|mailbox|account|alias|e-?mail)\b.{0,40}"
            r"(?:(?:does|do) ?n[o']t (?:currently )?exist|not exist|not found|unknown|disabled|inactive|deactivated|"
            r"no longer (?:valid|available|in use|exists?)|not recogni[sz]ed|not listed)|"
            r"invalid (?:recipient|mailbox|address|user)|not a (?:valid|known) (?:user|recipient|mailbox|address)|"
            r"un-?rout(?:e)?able address|no mailbox\b|bad (?:destination|recipient) |"
            r"(?:empfänger|benutzer|adresse|postfach)\b.{0,20}unbekannt|(?:utilisateur|destinataire) inconnu",
        ),
    )
)
# Addresses and links in a reply are no words of it.
_NAMES = re.compile(r"\S{0,320}@\S{0,320}|https?:\S{0,320}", re.IGNORECASE)


def trouble_of(reply: str, status: str = "") -> Trouble:
    """What a server's reply (`550 5.1.1 No such user`, or words alone) and a Status field (RFC 3464) say together.

    Of a code alone: `trouble_of("5.1.1")`. A server that asks to come again (4xx) says nothing final of an address.
    """
    reply = " ".join(reply[:MAX_REPLY].split())
    trouble = _in_words(_NAMES.sub(" ", reply))
    for code in (*ENHANCED_STATUS.findall(reply)[:1], status):
        if trouble is Trouble.UNKNOWN:
            trouble = _of_code(code)
    told = _REPLY_CLASS.search(reply) or _REPLY_CLASS.search(status)
    is_passing = told is not None and told[1] == "4"
    return Trouble.OUTAGE if is_passing and trouble in (Trouble.ADDRESS, Trouble.UNKNOWN) else trouble


def status_in(text: str) -> str:
    """The first enhanced code (RFC 3463) in a text, else the first reply code as one: `550 no such user` -> `5.2.0`."""
    enhanced = ENHANCED_STATUS.search(text)
    if enhanced:
        return enhanced[1]
    reply = _REPLY.search(text)
    return REPLY_STATUS.get(reply[1], f"{reply[1][0]}.0.0") if reply else ""


def _in_words(text: str) -> Trouble:
    return next((trouble for trouble, pattern in WORDS if pattern.search(text)), Trouble.UNKNOWN)


def _of_code(code: str) -> Trouble:
    _, _, detail = code.partition(".")
    return CODES.get(detail) or CODES.get(detail.partition(".")[0]) or Trouble.UNKNOWN
