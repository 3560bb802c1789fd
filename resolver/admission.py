"""Whether the settings admit a person's message: blocked senders, size, quarantine. Pure; runs after screening.

An ordered list of small checks: the first that matches decides; a message that none refuses is admitted.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from resolver.finding import EVIDENCE, Finding
from resolver.resolve import Examined, sent_at, trust_in
from resolver.sender import known_as
from schemas.mail import Screening
from schemas.reasons import Reason
from schemas.settings import EmailOptions, IncomingServer


class AdmissionInput(NamedTuple):
    """A person's message, and the settings that apply to it. `truncated`: its size in bytes if above the limit."""

    examined: Examined
    server: IncomingServer
    options: EmailOptions
    truncated: int | None


def blocked(case: AdmissionInput) -> Finding | None:
    """The sender, the sender's domain, or the address in From that sends for others, is blocked."""
    sender = case.examined.sender
    for address in (sender.address, sender.in_name_of):
        for entry in (*known_as(address, case.options.plus_tags), address[address.rfind("@") :]):
            if entry and entry in case.options.blocked_senders:
                return Finding(Reason.BLOCKED, f"{entry} is one of the blocked senders")
    return None


def oversize(case: AdmissionInput) -> Finding | None:
    """The message is above the server's limit, and the server rejects such messages."""
    if case.truncated is None or case.server.oversize != "reject":
        return None
    limit = case.server.max_mail_bytes
    return Finding(Reason.OVERSIZE, f"{case.truncated} bytes; the limit of {case.server.id} is {limit}")


def quarantine(case: AdmissionInput) -> Finding | None:
    """Authentication of the sender failed, and the server holds such messages."""
    if case.server.trust != "quarantine":
        return None
    trust = trust_in(case.examined, case.server)
    return Finding(Reason.QUARANTINE, trust.reason) if trust.verdict == "failed" else None


CHECKS: tuple[Callable[[AdmissionInput], Finding | None], ...] = (blocked, oversize, quarantine)


def admit(
    examined: Examined, server: IncomingServer, options: EmailOptions, truncated: int | None = None, released: str = ""
) -> Examined:
    """The message with its final verdict, and its sender at this server.

    `released`: who let it through after it had been rejected; empty if nobody did. A released message counts as a
    person's, whatever it was rejected for; but our own message coming back never becomes a call.
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
