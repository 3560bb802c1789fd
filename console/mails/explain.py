"""What would happen to a mail: the pure steps of resolver and logger, run and told here (docs/adr/0003-explain.md).

The mail is read in a child process with limits, as the resolver reads it. Needs no broker, and no database where the
settings come from a file. The shape of `explain` is a public interface (docs/cli.md).
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from console.mails.expected_action import expected_action, expected_priority
from resolver.admission import admit
from resolver.resolve import Examined, Step, own_addresses, resolve, steps_of, trust_in
from resolver.sandbox.sandboxed_parser import SandboxedParser
from resolver.sender import known_as, persons_known_as
from schemas.addresses import normalise
from schemas.persons import Person
from schemas.reasons import Reason
from schemas.resolved_mail import Sender, Trust
from schemas.settings import CallTemplate, IncomingServer, RateLimits
from schemas.snapshot import SettingsSnapshot
from schemas.tokens import TokenVerifier

Directory = Callable[[Collection[str]], Mapping[str, tuple[Person, ...]]]

# What the way of a mail ends with that becomes no call, by the verdict of the screening.
_OTHER_ACTIONS = {"rejected": "reject", "notification-result": "record a notification result"}
_UNFIT = re.compile("[\0\ud800-\udfff]")
_CALL_FIELDS = (
    "impact",
    "urgency",
    "screen_set",
    "ipk_status",
    "ipk_stream",
    "assigned_office",
    "assigned_group",
    "call_type",
)


@dataclass(frozen=True, slots=True)
class Explainer:
    """Explains mails as if they had arrived at one incoming server."""

    settings: SettingsSnapshot
    server: IncomingServer
    template: CallTemplate
    directory: Directory
    own: frozenset[str]
    verify_token: TokenVerifier
    _reader: SandboxedParser = field(default_factory=SandboxedParser)

    @classmethod
    def at(
        cls, settings: SettingsSnapshot, server: IncomingServer, directory: Directory, verify_token: TokenVerifier
    ) -> "Explainer":
        """Raises `LookupError` where the server's call template does not exist."""
        template = settings.call_template(server.call_template)
        if template is None:
            raise LookupError(f"call template {server.call_template!r} of incoming server {server.id!r} does not exist")
        return cls(settings, server, template, directory, own_addresses(settings), verify_token)

    def explain(self, file: str, raw: bytes) -> dict[str, Any]:
        """One mail, as plain data: every key always there, every string valid Unicode.

        Whatever the bytes. Raises `OutageError` where the child that reads mails cannot be started.
        """
        [examined] = self._reader.examine([(file, raw)], self.own)
        truncated = len(raw) if len(raw) > self.server.max_mail_bytes else None
        admitted = admit(examined, self.server, self.settings.email_options(), truncated)
        if admitted.screening.verdict == "person":
            rest = self._admitted(admitted)
        elif admitted.screening.reason is Reason.QUARANTINE:
            admitted, rest = examined, self._held(examined)
        else:
            rest = _refused(admitted)
        account = {
            "file": file,
            "parse": examined.mail.model_dump(mode="json", by_alias=True),
            "screen": admitted.screening.model_dump(mode="json", exclude={"about"}),
            **rest,
        }
        valid: dict[str, Any] = _valid(account)
        return valid

    def close(self) -> None:
        self._reader.close()

    def _held(self, examined: Examined) -> dict[str, Any]:
        """A mail that a person seems to have written, and that its own mail system says is another's."""
        trust = trust_in(examined, self.server)
        steps = (
            *examined.steps,
            Step("trust", trust.verdict, trust.reason),
            Step("action", "hold", "the server's policy is quarantine: it waits for somebody to release it"),
        )
        return _no_call(trust, "hold", steps)

    def _admitted(self, examined: Examined) -> dict[str, Any]:
        address, plus_tags = examined.sender.address, self.settings.email_options().plus_tags
        persons = persons_known_as(address, plus_tags, self.directory(known_as(address, plus_tags)))
        resolution = resolve(examined, self.server, persons, self.verify_token, plus_tags=plus_tags)
        sender, template = resolution.sender, self.template
        priority = expected_priority(template, self.settings)
        action, why = expected_action(examined, resolution, self.server, template, persons, self.settings)
        steps = (
            *steps_of(examined, resolution, self.server, template),
            Step("action", action, why),
            Step("flood", "not counted here", _limits(self.server.floods)),
            Step(
                "priority",
                priority or "none",
                f"impact {template.impact}, urgency {template.urgency} in the Priority Matrix of {template.partition}",
            ),
        )
        return {
            "trust": resolution.trust.model_dump(mode="json"),
            "sender": {
                "user": {"id": sender.person_id, "name": _name(sender, persons), "address": sender.address},
                "new_person": sender.new_person,
                "logging_analyst": sender.logging_analyst,
                "kind": sender.kind,
                "set_user_flag": sender.set_user_flag,
                "reason": sender.reason,
            },
            "conversation": resolution.conversation.model_dump(mode="json"),
            "action": action,
            "call": {
                "partition": template.partition,
                "priority": priority,
                "template": template.id,
                **{name: getattr(template, name) for name in _CALL_FIELDS},
            },
            "steps": [asdict(step) for step in steps],
        }


def _refused(examined: Examined) -> dict[str, Any]:
    """A mail that becomes no call, for what wrote it or by the settings."""
    action = _OTHER_ACTIONS[examined.screening.verdict]
    return _no_call(None, action, (*examined.steps, Step("action", action, "it becomes no call")))


def _no_call(trust: Trust | None, action: str, steps: tuple[Step, ...]) -> dict[str, Any]:
    return {
        "trust": trust and trust.model_dump(mode="json"),
        "sender": None,
        "conversation": None,
        "action": action,
        "call": None,
        "steps": [asdict(step) for step in steps],
    }


def directory_of(persons: Collection[Person]) -> Directory:
    """A directory over persons in memory, as those of a settings file."""
    by_address: dict[str, tuple[Person, ...]] = {}
    for person in sorted(persons, key=lambda one: one.id):
        for address in dict.fromkeys(map(normalise, person.addresses)):
            by_address[address] = (*by_address.get(address, ()), person)
    return lambda addresses: {address: by_address[address] for address in addresses if address in by_address}


def _limits(floods: RateLimits) -> str:
    limits = (
        (floods.per_sender, "of one sender"),
        (floods.per_sender_and_item, "of one sender to one item"),
        (floods.per_server, "of all senders"),
    )
    said = ", ".join(f"{limit} {whose}" for limit, whose in limits if limit)
    return f"the logger accepts within {floods.minutes} minutes {said}" if said else "the server accepts any number"


def _name(sender: Sender, persons: Collection[Person]) -> str:
    known = next((person.name for person in persons if person.id == sender.person_id), "")
    return known or f"{sender.first_name} {sender.last_name}".strip()


def _valid(value: Any) -> Any:
    """The same data with every string fit for JSON: no lone surrogates, no NUL."""
    if isinstance(value, str):
        return _UNFIT.sub("\ufffd", value)
    if isinstance(value, dict):
        return {key: _valid(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_valid(one) for one in value]
    return value
