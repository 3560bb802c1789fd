"""What becomes of one mail: parse > screen > trust > converse > sender > route. Pure; every step says why.

In two halves, because the senders of a whole batch are looked up in one query between them:
`examine` reads the mail, `resolve` decides what it becomes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from resolver import conversation
from resolver.conversation import Wanted
from resolver.parsing import File, Parsed, parse
from resolver.parsing.addresses import parse_addresses
from resolver.screening import answerable, screen
from resolver.sender import SenderAddress, decide_sender, sender_address
from resolver.trust import TRUSTED, assess
from schemas.addresses import normalise
from schemas.mail import ConversationReferences, Defect, Mailbox, ParsedMail, Screening, Sender, Trust
from schemas.persons import Person
from schemas.settings import CallTemplate, IncomingServer, OutgoingServer
from schemas.snapshot import SettingsSnapshot
from schemas.tokens import Judge


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the way of a mail: what came of it, and why, in words for an administrator."""

    step: str
    outcome: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Examined:
    """A mail read and judged; its sender not yet looked up. `files` stand in the order of `mail.attachments`.

    Small on purpose: it holds nothing of the reader's own, so that it can travel between processes.
    """

    mail: ParsedMail
    files: tuple[File, ...]
    screening: Screening
    sender: SenderAddress
    answerable: bool
    authentication_results: str | None = None  # the topmost, as it stands in the mail

    @property
    def steps(self) -> tuple[Step, ...]:
        return _parse_step(self.mail), _screen_step(self.screening)


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a person's mail becomes."""

    trust: Trust
    sender: Sender
    conversation: ConversationReferences
    wanted: Wanted
    steps: tuple[Step, ...]


def own_addresses(snapshot: SettingsSnapshot) -> frozenset[str]:
    """The desk's own addresses, normalised: what we send from, and where we ask for answers."""
    servers = snapshot.all_of(OutgoingServer)
    return frozenset(
        normalise(address) for server in servers for address in (server.from_address, server.reply_to) if address
    )


def examine(raw: bytes, own: frozenset[str]) -> Examined:
    """Parse and screen a mail and find the address it comes from. Never raises, whatever the bytes."""
    parsed = parse(raw)
    screening = screen(parsed, own)
    found = sender_address(parsed.mail, lambda header: _mailboxes(parsed, header), own)
    results = parsed.headers.raw("authentication-results")
    return Examined(
        mail=parsed.mail,
        files=parsed.files,
        screening=screening,
        sender=found,
        # What is answered to the desk's own address would only come back.
        answerable=found.address not in own and answerable(parsed, found.address if found.in_name_of else None),
        authentication_results=None if results is None else results.decode("utf-8", "replace"),
    )


def resolve(
    examined: Examined,
    server: IncomingServer,
    template: CallTemplate,
    persons: Sequence[Person],
    judge: Judge,
    *,
    plus_tags: bool = False,
) -> Resolution:
    """What a person's mail becomes at this incoming server. `persons`: those whose address it comes from."""
    mail = examined.mail
    trust = trust_in(examined, server)
    sender = decide_sender(examined.sender, persons, server, trusted=trust.verdict in TRUSTED, plus_tags=plus_tags)
    found = conversation.references(mail, judge)
    wanted, why_wanted = conversation.wanted(mail, server.close_words)
    steps = (
        *examined.steps,
        Step("trust", trust.verdict, trust.reason),
        Step("converse", _conversation_outcome(found), "whether it belongs to an item is the logger's to say"),
        Step("wanted", wanted, why_wanted),
        Step(
            "sender", f"{sender.kind}: {sender.address or 'no address'}", f"{examined.sender.reason}; {sender.reason}"
        ),
        Step("route", f"call template {template.id}", f"the Call Template of the incoming server {server.id}"),
    )
    return Resolution(trust, sender, found, wanted, steps)


def trust_in(examined: Examined, server: IncomingServer) -> Trust:
    """How far it is proved that the mail comes from its sender, by the policy of this incoming server."""
    several = Defect.SEVERAL_FROM in examined.mail.defects
    return assess(examined.authentication_results, examined.sender, several, server)


def _mailboxes(parsed: Parsed, header: str) -> tuple[Mailbox, ...]:
    headers = parsed.headers
    return parse_addresses(headers.raw_all(header.lower()), headers.hint, set())


def _parse_step(mail: ParsedMail) -> Step:
    defects = mail.defects
    return Step("parse", "defects" if defects else "ok", ", ".join(defects))


def _screen_step(screening: Screening) -> Step:
    reason = ": ".join(part for part in (screening.reason, screening.evidence) if part)
    return Step("screen", screening.verdict, reason or "nothing tells of a machine")


def _conversation_outcome(found: ConversationReferences) -> str:
    offers = (
        ("id of our own mail", found.own_message_ids),
        ("signed tag", found.tokens),
        ("forged or expired token", found.doubtful),
        ("id of another mail", found.message_ids),
        ("item reference", found.item_references),
    )
    return ", ".join(f"{len(values)} x {name}" for name, values in offers if values) or "nothing to find an item by"
