"""Problems between settings: references to something that does not exist, and duplicates. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from schemas.settings import CallTemplate, IncomingServer, MapiProfile, MessageTemplate, OutgoingServer, Partition
from schemas.settings.notification_rules import Group, NotificationRule
from schemas.snapshot import SettingsSnapshot

_APPLY_IT = "apply it first or in the same file, or name one that exists"
_ONE_OF_THEM = "leave one of them out, or tell them apart"


@dataclass(frozen=True, slots=True)
class SettingProblem:
    """One thing that does not fit, at `path` within the setting `key` (`kind/id`).

    Where a name is used that nobody has, `named` is that name, and `known` are those that there are.
    """

    key: str
    path: tuple[str | int, ...]
    text: str
    remedy: str
    named: str = ""
    known: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.key}: {self.text}"


def problems(snapshot: SettingsSnapshot, person_ids: frozenset[str] | None = None) -> tuple[SettingProblem, ...]:
    """Everything that does not fit. `person_ids`: known persons; None leaves them out."""
    return (
        *_incoming_servers(snapshot, person_ids),
        *_call_templates(snapshot),
        *_outgoing_servers(snapshot),
        *_mapi_servers(snapshot),
        *_partitions(snapshot),
        *_given_twice(snapshot),
        *_members(snapshot, person_ids),
        *_circles(snapshot),
    )


def _missing(key: str, field: str, named: str, known: Iterable[str], what: str = "does not exist") -> SettingProblem:
    return SettingProblem(key, (field,), f"{field} {named!r} {what}", _APPLY_IT, named, tuple(known))


def _ids(snapshot: SettingsSnapshot, kind: type[CallTemplate | MapiProfile | OutgoingServer | Partition]) -> list[str]:
    return [one.id for one in snapshot.all_of(kind)]


def _incoming_servers(snapshot: SettingsSnapshot, person_ids: frozenset[str] | None) -> Iterator[SettingProblem]:
    for server in snapshot.all_of(IncomingServer):
        key = f"incoming-server/{server.id}"
        if snapshot.call_template(server.call_template) is None:
            yield _missing(key, "call_template", server.call_template, _ids(snapshot, CallTemplate))
        analyst = server.default_logging_analyst
        if person_ids is not None and analyst not in person_ids:
            yield _missing(key, "default_logging_analyst", analyst, sorted(person_ids), "is no person")


def _call_templates(snapshot: SettingsSnapshot) -> Iterator[SettingProblem]:
    for template in snapshot.all_of(CallTemplate):
        key = f"call-template/{template.id}"
        partition = snapshot.partition(template.partition)
        if partition is None:
            yield _missing(key, "partition", template.partition, _ids(snapshot, Partition))
        elif partition.priority(template.impact, template.urgency) is None:
            yield _without_priority(key, template, partition)


def _without_priority(key: str, template: CallTemplate, partition: Partition) -> SettingProblem:
    """The partition's matrix has a priority for each of its impacts and urgencies: one of the two is none of them."""
    field, named, known = (
        ("urgency", template.urgency, partition.urgencies)
        if template.impact in partition.impacts
        else ("impact", template.impact, partition.impacts)
    )
    text = f"impact {template.impact!r} with urgency {template.urgency!r} has no priority in partition {partition.id!r}"
    remedy = f"name an {field} that the partition has ({', '.join(known)}), or give it this one, with its priorities"
    return SettingProblem(key, (field,), text, remedy, named, known)


def _outgoing_servers(snapshot: SettingsSnapshot) -> Iterator[SettingProblem]:
    named = [(f"partition/{p.id}", "outgoing_server", p.outgoing_server) for p in snapshot.all_of(Partition)]
    named += [(f"outgoing-server/{s.id}", "fallback", s.fallback) for s in snapshot.all_of(OutgoingServer)]
    named.append(("email-options", "default_outgoing_server", snapshot.email_options().default_outgoing_server))
    for key, field, name in named:
        if name and not snapshot.outgoing_server(name):
            yield _missing(key, field, name, _ids(snapshot, OutgoingServer))


def _mapi_servers(snapshot: SettingsSnapshot) -> Iterator[SettingProblem]:
    """In the requirement's words (R9.2)."""
    ways: tuple[tuple[type[IncomingServer | OutgoingServer], str], ...] = (
        (IncomingServer, "incoming"),
        (OutgoingServer, "outgoing"),
    )
    for kind, way in ways:
        for server in snapshot.all_of(kind):
            if server.profile and snapshot.mapi_profile(server.profile) is None:
                what = (
                    f"does not exist: the MAPI Mail Server must be configured before you can configure {way} email for "
                    "MAPI"
                )
                known = _ids(snapshot, MapiProfile)
                yield _missing(f"{server.kind}/{server.id}", "profile", server.profile, known, what)


def _partitions(snapshot: SettingsSnapshot) -> Iterator[SettingProblem]:
    """Of what may be for one partition, or for all of them."""
    scoped: tuple[NotificationRule | Group | MessageTemplate, ...] = (
        *snapshot.all_of(NotificationRule),
        *snapshot.all_of(Group),
        *snapshot.all_of(MessageTemplate),
    )
    for one in scoped:
        if one.partition is not None and snapshot.partition(one.partition) is None:
            yield _missing(f"{one.kind}/{one.id}", "partition", one.partition, _ids(snapshot, Partition))


def _given_twice(snapshot: SettingsSnapshot) -> Iterator[SettingProblem]:
    rules, templates = snapshot.all_of(NotificationRule), snapshot.all_of(MessageTemplate)
    twice = Counter((rule.event, rule.partition) for rule in rules)
    for rule in rules:
        if twice[rule.event, rule.partition] > 1:
            text = f"there is another rule for {rule.event} in the same partition"
            yield SettingProblem(f"notification-rule/{rule.id}", ("event",), text, _ONE_OF_THEM)
    alike = Counter((template.event, template.recipient, template.partition) for template in templates)
    for template in templates:
        if alike[template.event, template.recipient, template.partition] > 1:
            text = f"there is another template for {template.event} with the same recipient and partition"
            yield SettingProblem(f"message-template/{template.id}", ("event",), text, _ONE_OF_THEM)


def _members(snapshot: SettingsSnapshot, person_ids: frozenset[str] | None) -> Iterator[SettingProblem]:
    for group in snapshot.all_of(Group) if person_ids is not None else ():
        for index, member in enumerate(group.members):
            if member not in (person_ids or ()):
                text, known = f"member {member!r} is no person", tuple(sorted(person_ids or ()))
                yield SettingProblem(f"group/{group.id}", ("members", index), text, _APPLY_IT, member, known)


def _circles(snapshot: SettingsSnapshot) -> Iterator[SettingProblem]:
    for server in snapshot.all_of(OutgoingServer):
        if any(after.fallback == server.id for after in snapshot.with_fallbacks(server)):
            text = "fallback leads back to the server itself"
            yield SettingProblem(f"outgoing-server/{server.id}", ("fallback",), text, "name another, or leave it out")
