"""What a rule of an Exchange mailbox made of a mail: an answer, or somebody's mail that it passed on."""

from resolver.parsing import Parsed
from resolver.parsing.subject_prefixes import is_forward
from resolver.screening.auto_reply_words import FORMAL
from resolver.screening.folding import folded

_OF_RULE = "x-ms-exchange-inbox-rules-loop"  # the mailbox whose rule it was


def passed_on(parsed: Parsed) -> bool:
    """Whether a rule of an Exchange mailbox passed on what somebody wrote, and did not answer it.

    The agent that answers also forwards (in the mailbox's name) and redirects (in the name of who wrote).
    """
    subject = parsed.mail.subject
    if FORMAL.match(folded(subject)):  # it answers a mail that was forwarded
        return False
    mailboxes = parsed.headers.all(_OF_RULE)
    return bool(mailboxes and not by_own_rule(parsed)) or is_forward(subject)


def by_own_rule(parsed: Parsed) -> bool:
    """Whether a rule of the mailbox in From made it, and it is no mail that is forwarded: whoever is away answers."""
    sender = parsed.mail.from_.address.lower() if parsed.mail.from_ else ""
    mailboxes = [value.strip().lower() for value in parsed.headers.all(_OF_RULE)]
    return sender in mailboxes and not is_forward(parsed.mail.subject)
