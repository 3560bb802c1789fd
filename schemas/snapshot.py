"""All settings at one moment, with the look-ups that every stage needs. Immutable."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeVar, cast

from schemas.settings import (
    CallTemplate,
    EmailOptions,
    IncomingServer,
    MapiProfile,
    OutgoingServer,
    Partition,
    Setting,
)
from schemas.settings.notification_rules import DEFAULT_RULES, DeskEvent, Group, NotificationRule, Role

S = TypeVar("S")


@dataclass(frozen=True)  # without slots: what is looked up for every mail is kept
class SettingsSnapshot:
    """Settings by `kind/id`; `versions` are the offsets of their records: a call says which ones it was logged with.

    `at`: the highest version that has been applied, be it of what is deleted; -1: none.
    """

    settings: Mapping[str, Setting] = field(default_factory=dict)
    versions: Mapping[str, int] = field(default_factory=dict)
    at: int = -1

    def with_changes(self, changes: Iterable[tuple[str, Setting | None, int]]) -> "SettingsSnapshot":
        """The snapshot after (key, value or None for deleted, version) have been applied in order."""
        settings, versions, at = dict(self.settings), dict(self.versions), self.at
        for key, value, version in changes:
            at = max(at, version)
            if value is None:
                settings.pop(key, None)
                versions.pop(key, None)
            else:
                settings[key], versions[key] = value, version
        return replace(self, settings=settings, versions=versions, at=at)

    def incoming_server(self, server_id: str) -> IncomingServer | None:
        return cast(IncomingServer | None, self.settings.get(f"incoming-server/{server_id}"))

    def outgoing_server(self, server_id: str) -> OutgoingServer | None:
        return cast(OutgoingServer | None, self.settings.get(f"outgoing-server/{server_id}"))

    def mapi_profile(self, profile_id: str) -> MapiProfile | None:
        return cast(MapiProfile | None, self.settings.get(f"mapi-profile/{profile_id}"))

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

    def notified_roles(self, event: DeskEvent, partition_id: str) -> tuple[Role, ...]:
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
