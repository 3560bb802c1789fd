"""Which servers this replica watches. Pure.

The partitions of `mailbox.cursors` are shared out by a Kafka consumer group; a server belongs to the partition that its
cursor's record goes to.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from runtime.kafka.partitioner import partition_of_key
from schemas.settings import IncomingServer, MapiProfile
from schemas.snapshot import SettingsSnapshot


def partition_of(server_id: str, partitions: int) -> int:
    """Where the default partitioner of producers puts a record with this key."""
    return partition_of_key(server_id.encode(), partitions)


@dataclass(frozen=True, slots=True)
class Watched:
    """What a watcher is made of: where one of both changes, it is made anew. `profile`: with MAPI."""

    server: IncomingServer
    profile: MapiProfile | None = None


def servers_of(
    snapshot: SettingsSnapshot, owned: Collection[int], partitions: int
) -> tuple[dict[str, Watched], tuple[IncomingServer, ...]]:
    """Servers by id that this replica is to watch, and its disabled ones."""
    mine = [s for s in snapshot.all_of(IncomingServer) if partition_of(s.id, partitions) in owned]
    wanted = {s.id: Watched(s, snapshot.mapi_profile(s.profile) if s.profile else None) for s in mine if s.enabled}
    return wanted, tuple(s for s in mine if not s.enabled)


@dataclass(frozen=True, slots=True)
class WatcherDiff:
    """What makes the running watchers the wanted ones: first stop, then start. A changed server stands in both."""

    stop: tuple[str, ...]
    start: tuple[Watched, ...]


def changes(running: Mapping[str, Watched], wanted: Mapping[str, Watched]) -> WatcherDiff:
    return WatcherDiff(
        stop=tuple(id_ for id_, one in running.items() if wanted.get(id_) != one),
        start=tuple(one for id_, one in wanted.items() if running.get(id_) != one),
    )
