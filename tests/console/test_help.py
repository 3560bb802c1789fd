"""What `mailcall` says of itself: version, help, and completion in the shell."""

import os
import subprocess
import sys
from typing import get_args

import pytest

from console.desk import item_commands
from desk.items import ItemStatus
from runtime.version import VERSION
from schemas.settings.notification_rules import DeskEvent, Role
from schemas.topics import TOPICS
from tests.console.conftest import Mailcall

WIDE = "500"  # columns, so that no word is broken


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", WIDE)
    monkeypatch.setenv("TERMINAL_WIDTH", WIDE)


def test_the_version(mailcall: Mailcall) -> None:
    ran = mailcall("--version")
    assert (ran.code, ran.out) == (0, f"mailcall {VERSION}\n")


def test_the_installed_package_has_the_same_version() -> None:
    from importlib.metadata import version

    assert version("mailcall") == VERSION


@pytest.mark.parametrize("name", ["KAFKA_BOOTSTRAP_SERVERS", "TOPIC_PREFIX", "DESK_URL", "BLOB_URL"])
def test_help_says_by_which_variable_an_option_is_read_too(name: str, mailcall: Mailcall) -> None:
    assert f"[env: MAILCALL_{name}]" in mailcall("--help").out


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("calls list", "open|closed"),
        ("calls list", "call|task|request"),
        ("tasks list", "open|closed"),
        ("servers add", "incoming|outgoing"),
        ("templates preview", "|".join(get_args(Role))),
        ("templates preview", ", ".join(get_args(DeskEvent))),
        ("dead-letters list", ", ".join(topic.short for topic in TOPICS if topic.dead_letters)),
    ],
)
def test_help_names_the_words_that_an_option_takes(command: str, words: str, mailcall: Mailcall) -> None:
    ran = mailcall(*command.split(), "--help")
    assert ran.code == 0
    assert words in ran.out


def test_a_status_on_the_command_line_is_one_of_the_desk() -> None:
    status = get_args(item_commands.Status)[0]
    assert get_args(ItemStatus) == get_args(get_args(status)[0])


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("mailcall ta", {"tasks"}),
        ("mailcall tasks ", {"list", "create"}),
        ("mailcall calls list --status ", {"open", "closed"}),
        ("mailcall dead-letters list --topic mail.", {"mail.fetched", "mail.resolved"}),
    ],
)
def test_the_shell_completes_commands_and_words(typed: str, offered: set[str]) -> None:
    environment = os.environ | {
        "_MAILCALL_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split(" ")) - 1),
    }
    command = [sys.executable, "-c", "from console.cli import main; main()"]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert set(ran.stdout.split()) == offered, ran.stderr
