"""The table of who reads and writes what, against what the code of each process really names."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest import watcher_group as replica
from logger.handler import LoggerHandler
from outbound.handler import OutboundHandler
from resolver.handler import ResolverHandler
from runtime.server_tests import ServerTestHandler
from schemas import topics
from schemas.access import GROUPS, ROLES, access_of, rules_of
from schemas.topics import TOPICS, Topic

ROOT = Path(__file__).resolve().parents[2]
# The code of each process: its package, and the modules that several of them use.
CODE: dict[str, tuple[str, ...]] = {
    "ingest": ("ingest", "mailserver/token_store.py", "runtime/server_tests.py", "runtime/settings_view.py"),
    "resolver": ("resolver", "runtime/settings_view.py"),
    "logger": ("logger", "runtime/settings_view.py"),
    "outbound": ("outbound", "mailserver/token_store.py", "runtime/server_tests.py", "runtime/settings_view.py"),
    "console": ("console",),
}
MAKES_RECORDS = {"encode", "tombstone"}
# Handlers say what they read; a process asks for `.topics` of each.
HANDLERS: dict[str, tuple[tuple[Topic, ...], ...]] = {
    "ingest": (ServerTestHandler.topics,),
    "resolver": (ResolverHandler.topics,),
    "logger": (LoggerHandler.topics,),
    "outbound": (OutboundHandler.topics, ServerTestHandler.topics),
    "console": (),
}


def trees(stage: str) -> Iterator[ast.Module]:
    for name in CODE[stage]:
        path = ROOT / name
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            yield ast.parse(file.read_text(encoding="utf-8"))


def topic_called(node: ast.expr) -> Topic | None:
    found = getattr(topics, node.id, None) if isinstance(node, ast.Name) else None
    return found if isinstance(found, Topic) else None


def named(stage: str) -> set[str]:
    """Every topic that the code of a process imports."""
    imports = (
        alias.name
        for tree in trees(stage)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "schemas.topics"
        for alias in node.names
    )
    found = (getattr(topics, name) for name in imports)
    return {one.name("t") for one in found if isinstance(one, Topic)}


def written(stage: str) -> set[str]:
    """Every topic that the code of a process makes records of."""
    return {
        topic.name("t")
        for tree in trees(stage)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in MAKES_RECORDS
        and node.args
        for topic in [topic_called(node.args[0])]
        if topic
    }


@pytest.mark.parametrize("stage", GROUPS)
def test_a_process_may_do_what_its_code_does_and_no_more(stage: str) -> None:
    access = access_of(stage, "t")
    handled = {topic.name("t") for topics_ in HANDLERS[stage] for topic in topics_}
    own = {topic.name("t") for topic in TOPICS}

    assert written(stage)
    assert written(stage) <= set(access.writes)
    assert handled <= set(access.reads)
    if stage == "console":  # sends dead letters of any topic back
        assert named(stage) <= {*access.reads, *access.writes}
    else:
        assert named(stage) == ({*access.reads, *access.writes} & own)
        assert written(stage) == set(access.writes) & own


def test_each_role_has_a_name_that_a_topic_knows_or_groups() -> None:
    known = {name for topic in TOPICS for name in (*topic.writers, *topic.readers)}
    assert known == set(ROLES)


def test_only_who_dead_letters_or_sends_back_writes_dead_letters() -> None:
    for topic in TOPICS:
        writing = {role for role in ROLES if topic.dlq("t") in access_of(role, "t").writes}
        assert writing == ({*topic.dead_letters, "console"} if topic.dead_letters else set())


def test_what_proves_something_is_written_by_few() -> None:
    """A mail that was resolved or released, a setting, a token: no program of others may write it."""
    guarded = ("mail.resolved", "mail.rejected", "notification.results", "settings", "server.tokens", "mailbox.cursors")
    for short in guarded:
        name = topics.BY_SHORT_NAME[short].name("t")
        writing = {role for role in ROLES if name in access_of(role, "t").writes}
        assert writing
        assert writing <= set(GROUPS)


def test_no_rule_reaches_beyond_the_prefix() -> None:
    for role in ROLES:
        rules = list(rules_of(role, "t"))
        assert rules
        assert all(rule.name.startswith("t.") for rule in rules)
        assert role == "console" or not any(rule.prefixed for rule in rules)


def test_the_groups_are_those_that_the_processes_join() -> None:
    joined = {stage: {constant(call.args[3]) for call in calls_of(stage, "ConsumerLoop")} for stage in GROUPS}
    joined["ingest"].add(replica.GROUP)
    joined["resolver"].add(ResolverHandler.stage)
    assert joined == {stage: set(names) for stage, names in GROUPS.items()}


def calls_of(stage: str, name: str) -> Iterator[ast.Call]:
    for tree in trees(stage):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
                yield node


def constant(node: ast.expr) -> str:
    assert isinstance(node, ast.Constant)
    assert isinstance(node.value, str)
    return node.value
