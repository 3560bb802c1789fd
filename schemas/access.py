"""Which topics each process may read and write, and which consumer groups it may join. Pure.

Made from the topic catalogue: whoever reads a topic and dead-letters from it writes its `.dlq`; the console reads all
of these and sends what lies there back to its topic.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from schemas.topics import TOPICS, Topic

CONSOLE = "console"
# Each process with its consumer groups, named without the topic prefix.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "ingest": ("ingest", "ingest-tests"),
    "resolver": ("resolver",),
    "logger": ("logger",),
    "outbound": ("outbound", "outbound-tests"),
    CONSOLE: (),
}
# Programs of others; `MTAs and integrators` publish mails without being asked for anything else.
OTHERS = ("MTAs and integrators", "CMDB feeds", "integrators")
ROLES = (*GROUPS, *OTHERS)

Operation = Literal["READ", "WRITE", "DESCRIBE", "CREATE", "DESCRIBE_CONFIGS"]
Resource = Literal["TOPIC", "GROUP"]


@dataclass(frozen=True, slots=True)
class Access:
    """Full names of what a role may read and write (each includes to describe), and of the groups it may join."""

    reads: tuple[str, ...]
    writes: tuple[str, ...]
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """One ACL. With `prefixed` it holds for every name that begins so."""

    resource: Resource
    name: str
    operation: Operation
    prefixed: bool = False


def access_of(role: str, prefix: str) -> Access:
    """What one of `ROLES` needs. `prefix`: of the topics."""
    groups = tuple(f"{prefix}.{name}" for name in GROUPS.get(role, ()))
    reads = tuple(name for topic in TOPICS for name in _reads(role, topic, prefix))
    writes = tuple(name for topic in TOPICS for name in _writes(role, topic, prefix))
    return Access(reads, writes, groups)


def rules_of(role: str, prefix: str, *, makes_topics: bool = True) -> Iterator[Rule]:
    """The ACLs of a role. READ and WRITE include DESCRIBE, as Kafka has it.

    The console makes the topics, unless an administrator does; it looks at them, and asks where every group stands.
    """
    access = access_of(role, prefix)
    yield from (Rule("TOPIC", name, "READ") for name in access.reads)
    yield from (Rule("TOPIC", name, "WRITE") for name in access.writes)
    yield from (Rule("GROUP", name, "READ") for name in access.groups)
    if role == CONSOLE:
        for operation in _MAKES if makes_topics else _LOOKS:
            yield Rule("TOPIC", f"{prefix}.", operation, prefixed=True)
        yield Rule("GROUP", f"{prefix}.", "DESCRIBE", prefixed=True)


_LOOKS: tuple[Operation, ...] = ("DESCRIBE", "DESCRIBE_CONFIGS")
_MAKES: tuple[Operation, ...] = (*_LOOKS, "CREATE")  # with their settings: Kafka asks no further right for these


def _reads(role: str, topic: Topic, prefix: str) -> Iterator[str]:
    if role in topic.readers:
        yield topic.name(prefix)
    if topic.deferred and role in topic.readers:
        yield topic.retry(prefix)
    if topic.dead_letters and role == CONSOLE:
        yield topic.dlq(prefix)


def _writes(role: str, topic: Topic, prefix: str) -> Iterator[str]:
    sends_back = bool(topic.dead_letters) and role == CONSOLE
    if role in topic.writers or sends_back:
        yield topic.name(prefix)
    if topic.deferred and role in topic.dead_letters:
        yield topic.retry(prefix)
    if role in topic.dead_letters or sends_back:
        yield topic.dlq(prefix)
