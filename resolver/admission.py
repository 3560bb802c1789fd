"""What the settings say of a person's mail before it becomes a call. Pure; what machines write is screened before.

An ordered list of small checks; the first that answers wins; a mail that none of them refuses is admitted.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from resolver.resolve import Examined, sent_at, trust_in
from resolver.screening.finding import EVIDENCE, Finding
from resolver.sender import known_as
from schemas.mail import Screening
from schemas.reasons import Reason
from schemas.settings import EmailOptions, IncomingServer


@dataclass(frozen=True, slots=True)
class AdmissionInput:
    """A person's mail, and the settings that apply to it. `truncated`: its size in bytes where that is too much."""

    examined: Examined
    server: IncomingServer
    options: EmailOptions
    truncated: int | None


def blocked(case: AdmissionInput) -> Finding | None:
    """The sender, or the sender's domain, is one of the blocked senders; or the one in whose name the mail is."""
    sender = case.examined.sender
    for address in (sender.address, sender.in_name_of):
        for entry in (*known_as(address, case.options.plus_tags), address[address.rfind("@") :]):
            if entry and entry in case.options.blocked_senders:
                return Finding(Reason.BLOCKED, f"{entry} is one of the blocked senders")
    return None


def oversize(case: AdmissionInput) -> Finding | None:
    """The mail is above the server's limit, and the server rejects such mails."""
    if case.truncated is None or case.server.oversize != "reject":
        return None
    limit = case.server.max_mail_bytes
    return Finding(Reason.OVERSIZE, f"{case.truncated} bytes; {case.server.id} takes {limit} at most")


def quarantine(case: AdmissionInput) -> Finding | None:
    """The mail does not come from whom it says, and the server holds such mails."""
    if case.server.trust != "quarantine":
        return None
    trust = trust_in(case.examined, case.server)
    return Finding(Reason.QUARANTINE, trust.reason) if trust.verdict == "failed" else None


CHECKS: tuple[Callable[[AdmissionInput], Finding | None], ...] = (blocked, oversize, quarantine)


def admit(
    examined: Examined, server: IncomingServer, options: EmailOptions, truncated: int | None = None, released: str = ""
) -> Examined:
    """The mail with its last verdict, and the sender that it has at this server.

    `released`: who let it through after it had been rejected; empty if nobody did. A released mail is a person's,
    whatever spoke against it; but our own mail come back never becomes a call.
    """
    examined = sent_at(examined, server)
    if released:
        loop = examined.screening.reason is Reason.LOOP
        return examined if loop else replace(examined, screening=Screening(verdict="person", evidence=_by(released)))
    if examined.screening.verdict != "person":
        return examined
    case = AdmissionInput(examined, server, options, truncated)
    finding = next((found for check in CHECKS if (found := check(case)) is not None), None)
    if finding is None:
        return examined
    refused = Screening(verdict="rejected", reason=finding.reason, evidence=finding.evidence[:EVIDENCE])
    return replace(examined, screening=refused)


def _by(who: str) -> str:
    return f"released by {who[:EVIDENCE]}"
