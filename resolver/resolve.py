"""The resolver's steps for one message: parse > screen > trust > converse > sender > route. Pure; each says why.

In two halves, because the senders of a whole batch are looked up in one query between them: `examine`
(`resolver/examine.py`) parses and screens, in the child process; `resolve` decides. What decides imports no parser.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from resolver import conversation
from resolver.conversation import Wanted
from resolver.file import File
from resolver.sender import decide_sender
from resolver.sender_address import SenderAddress, is_one_of
from resolver.trust import TRUSTED, assess
from schemas.addresses import normalise
from schemas.mail import ParsedMail, Screening
from schemas.persons import Person
from schemas.resolved_mail import ConversationReferences, Sender, Trust
from schemas.settings import CallTemplate, IncomingServer, OutgoingServer
from schemas.snapshot import SettingsSnapshot
from schemas.tokens import TokenVerifier


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its outcome, and why, as an administrator reads it."""

    step: str
    outcome: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class OtherSender:
    """Who may have written a message that From sends for others, and whether that person may get an auto-reply."""

    sender: SenderAddress
    answerable: bool


@dataclass(slots=True)
class Examined:
    """A message parsed and screened; its sender not yet looked up. `files` are in the order of `mail.attachments`.

    Small on purpose: it has nothing of the parser's own, so that it can be sent between processes. Nobody changes one;
    frozen, it would be made five times as slowly.
    """

    mail: ParsedMail
    files: tuple[File, ...]
    screening: Screening
    sender: SenderAddress
    answerable: bool
    others: tuple[OtherSender, ...] = ()  # best first; one counts where the server says that From writes for others
    authentication_results: tuple[str, ...] = ()  # as they stand in the mail: of `own_lines`
    doubts: tuple[str, ...] = ()  # why it can be read in two ways: of `resolver.ambiguity`

    @property
    def steps(self) -> tuple[Step, ...]:
        return _parse_step(self.mail), _screen_step(self.screening)


class Resolution(NamedTuple):
    """The decisions on a person's message."""

    trust: Trust
    sender: Sender
    conversation: ConversationReferences
    wanted: Wanted
    why_wanted: str


def own_addresses(snapshot: SettingsSnapshot) -> frozenset[str]:
    """The desk's own addresses, normalised: those we send from, and those that replies go to."""
    servers = snapshot.all_of(OutgoingServer)
    return frozenset(
        normalise(address) for server in servers for address in (server.from_address, server.reply_to) if address
    )


def sent_at(examined: Examined, server: IncomingServer) -> Examined:
    """The message with its sender at this server: of one that a form or a list sends for others, who wrote it.

    An address of the form or list itself names nobody: `Reply-To: list@...`.
    """
    patterns = server.reply_to_is_sender
    if not examined.others or not is_one_of(examined.others[0].sender.in_name_of, patterns):
        return examined
    found = next((one for one in examined.others if not is_one_of(one.sender.address, patterns)), None)
    return replace(examined, sender=found.sender, answerable=found.answerable) if found else examined


def resolve(
    examined: Examined,
    server: IncomingServer,
    persons: Sequence[Person],
    verify_token: TokenVerifier,
    *,
    plus_tags: bool = False,
) -> Resolution:
    """The decisions on a person's message at this incoming server. `persons`: those with the sender's address."""
    mail = examined.mail
    trust = trust_in(examined, server)
    sender = decide_sender(examined.sender, persons, server, trusted=trust.verdict in TRUSTED, plus_tags=plus_tags)
    own = {address for one in persons if one.id == sender.person_id for address in one.addresses}
    found = conversation.references(mail, own | {sender.address}, verify_token)
    wanted, why_wanted = conversation.wanted(mail, server.close_words)
    return Resolution(trust, sender, found, wanted, why_wanted)


def steps_of(
    examined: Examined, resolution: Resolution, server: IncomingServer, template: CallTemplate
) -> tuple[Step, ...]:
    """Each step on the way to `resolution`, and why: what `mailcall explain` shows."""
    trust, sender = resolution.trust, resolution.sender
    return (
        *examined.steps,
        Step("trust", trust.verdict, trust.reason),
        Step("converse", _conversation_outcome(resolution.conversation), "the logger decides which item it belongs to"),
        Step("wanted", resolution.wanted, resolution.why_wanted),
        Step(
            "sender", f"{sender.kind}: {sender.address or 'no address'}", f"{examined.sender.reason}; {sender.reason}"
        ),
        Step("route", f"call template {template.id}", f"the Call Template of the incoming server {server.id}"),
    )


def trust_in(examined: Examined, server: IncomingServer) -> Trust:
    """Whether the sender is authenticated, by the policy of this incoming server."""
    return assess(examined.authentication_results, examined.sender, examined.doubts, server)


def _parse_step(mail: ParsedMail) -> Step:
    defects = mail.defects
    return Step("parse", "defects" if defects else "ok", ", ".join(defects))


def _screen_step(screening: Screening) -> Step:
    reason = ": ".join(part for part in (screening.reason, screening.evidence) if part)
    return Step("screen", screening.verdict, reason or "no sign of software")


def _conversation_outcome(found: ConversationReferences) -> str:
    offers = (
        ("id of our own message", found.own_message_ids),
        ("signed tag", found.tokens),
        ("of these sent to the sender", found.sent_to_sender),
        ("forged or expired token", found.doubtful),
        ("id of another message", found.message_ids),
        ("item reference", found.item_references),
    )
    return (
        ", ".join(f"{len(values)} x {name}" for name, values in offers if values) or "nothing that identifies an item"
    )
