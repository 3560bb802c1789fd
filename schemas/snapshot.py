"""All settings at one moment, with the look-ups every stage needs. A value: changing it gives a new one."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeVar, cast

from schemas.notifying import DEFAULT_RULES, DeskEvent, Group, NotificationRule, Role
from schemas.settings import CallTemplate, EmailOptions, IncomingServer, OutgoingServer, Partition, Setting

S = TypeVar("S")


@dataclass(frozen=True)  # without slots: what is looked up for every mail is kept
class SettingsSnapshot:
    """Settings by `kind/id`; `versions` are the offsets of their records: a call says which ones it was logged with."""

    settings: Mapping[str, Setting] = field(default_factory=dict)
    versions: Mapping[str, int] = field(default_factory=dict)

    def with_changes(self, changes: Iterable[tuple[str, Setting | None, int]]) -> "SettingsSnapshot":
        """The snapshot after (key, value or None for deleted, version) have been applied in order."""
        settings, versions = dict(self.settings), dict(self.versions)
        for key, value, version in changes:
            if value is None:
                settings.pop(key, None)
                versions.pop(key, None)
            else:
                settings[key], versions[key] = value, version
        return replace(self, settings=settings, versions=versions)

    def incoming_server(self, server_id: str) -> IncomingServer | None:
        return cast(IncomingServer | None, self.settings.get(f"incoming-server/{server_id}"))

    def outgoing_server(self, server_id: str) -> OutgoingServer | None:
        return cast(OutgoingServer | None, self.settings.get(f"outgoing-server/{server_id}"))

    def call_template(self, template_id: str) -> CallTemplate | None:
        return cast(CallTemplate | None, self.settings.get(f"call-template/{template_id}"))

    def partition(self, partition_id: str) -> Partition | None:
        return cast(Partition | None, self.settings.get(f"partition/{partition_id}"))

    def email_options(self) -> EmailOptions:
        return cast(EmailOptions, self.settings.get("email-options/email-options")) or EmailOptions()

    def all_of(self, kind: type[S]) -> tuple[S, ...]:
        """Every setting of one kind, in the order of the ids."""
        return tuple(value for _, value in sorted(self.settings.items()) if isinstance(value, kind))

    def outgoing_server_for(self, partition_id: str | None) -> OutgoingServer | None:
        """The partition's outgoing server, else the default one, else None."""
        partition = self.partition(partition_id) if partition_id else None
        chosen = (partition and partition.outgoing_server) or self.email_options().default_outgoing_server
        return self.outgoing_server(chosen) if chosen else None

    def told(self, event: DeskEvent, partition_id: str) -> tuple[Role, ...]:
        """Who is told of an event: by the partition's rule, else the rule for all partitions, else the default."""
        rules = self._rules
        own = rules.get((event, partition_id))
        return rules.get((event, None), DEFAULT_RULES[event]) if own is None else own

    def group(self, name: str, partition_id: str) -> Group | None:
        """The group that items of the partition are assigned to by this name: the partition's own goes first."""
        return self._groups.get((name, partition_id)) or self._groups.get((name, None)) if name else None

    @cached_property
    def _rules(self) -> Mapping[tuple[DeskEvent, str | None], tuple[Role, ...]]:
        return {(rule.event, rule.partition): rule.tell for rule in self.all_of(NotificationRule)}

    @cached_property
    def _groups(self) -> Mapping[tuple[str, str | None], Group]:
        return {(group.name or group.id, group.partition): group for group in self.all_of(Group)}

    def with_fallbacks(self, server: OutgoingServer) -> Iterator[OutgoingServer]:
        """The server, its fall-back, that one's fall-back and so on, each once."""
        seen: set[str] = set()
        following: OutgoingServer | None = server
        while following is not None and following.id not in seen:
            seen.add(following.id)
            yield following
            following = self.outgoing_server(following.fallback) if following.fallback else None

    def problems(self, person_ids: frozenset[str] | None = None) -> tuple[str, ...]:
        """Every reference that leads nowhere, a sentence each. `person_ids`: known persons; None leaves them out."""
        found: list[str] = []
        for server in self.all_of(IncomingServer):
            if self.call_template(server.call_template) is None:
                found.append(f"incoming-server/{server.id}: call_template {server.call_template!r} does not exist")
            if person_ids is not None and server.default_logging_analyst not in person_ids:
                found.append(
                    f"incoming-server/{server.id}: default_logging_analyst "
                    f"{server.default_logging_analyst!r} is no person"
                )
        for template in self.all_of(CallTemplate):
            partition = self.partition(template.partition)
            if partition is None:
                found.append(f"call-template/{template.id}: partition {template.partition!r} does not exist")
            elif partition.priority(template.impact, template.urgency) is None:
                found.append(
                    f"call-template/{template.id}: impact {template.impact!r} with urgency {template.urgency!r} "
                    f"has no priority in partition {partition.id!r}"
                )
        named = [(f"partition/{p.id}: outgoing_server", p.outgoing_server) for p in self.all_of(Partition)]
        named += [(f"outgoing-server/{s.id}: fallback", s.fallback) for s in self.all_of(OutgoingServer)]
        named.append(("email-options: default_outgoing_server", self.email_options().default_outgoing_server))
        found += [
            f"{place} {name!r} does not exist" for place, name in named if name and not self.outgoing_server(name)
        ]
        found += self._problems_of_telling(person_ids)
        found += [
            f"outgoing-server/{server.id}: fallback leads back to the server itself"
            for server in self.all_of(OutgoingServer)
            if any(after.fallback == server.id for after in self.with_fallbacks(server))
        ]
        return tuple(found)

    def _problems_of_telling(self, person_ids: frozenset[str] | None) -> Iterator[str]:
        rules, groups = self.all_of(NotificationRule), self.all_of(Group)
        named = [(f"notification-rule/{rule.id}", rule.partition) for rule in rules]
        named += [(f"group/{group.id}", group.partition) for group in groups]
        for key, partition in named:
            if partition is not None and self.partition(partition) is None:
                yield f"{key}: partition {partition!r} does not exist"
        twice = Counter((rule.event, rule.partition) for rule in rules)
        for rule in rules:
            if twice[rule.event, rule.partition] > 1:
                yield f"notification-rule/{rule.id}: there is another rule for {rule.event} in the same partition"
        for group in groups if person_ids is not None else ():
            for member in sorted(frozenset(group.members) - (person_ids or frozenset())):
                yield f"group/{group.id}: member {member!r} is no person"
