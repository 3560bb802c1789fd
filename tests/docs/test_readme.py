"""README's first steps: the settings file can be applied as it stands, and every command is one."""

import re
import textwrap
from functools import cache
from pathlib import Path

import pytest
from typer.testing import CliRunner

from console.cli import app
from console.settings.apply import Plan, plan
from console.settings.file_reading import read_settings_file
from console.settings.state import State
from schemas.settings import MailServer

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SETTINGS = re.compile(r"^ *```yaml\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
COMMANDS = re.findall(r"^ {4,}mailcall (.+)", README, re.MULTILINE)


@cache
def _settings() -> str:
    (block,) = SETTINGS.findall(README)
    return textwrap.dedent(block)


def _plan(directory: Path) -> Plan:
    file = directory / "desk.yaml"
    file.write_text(_settings(), encoding="utf-8")
    return plan(read_settings_file(file), State())


def test_the_settings_file_can_be_applied(tmp_path: Path) -> None:
    assert {change.effect for change in _plan(tmp_path).changes} == {"new"}


def test_every_password_is_exported(tmp_path: Path) -> None:
    servers = [change.after for change in _plan(tmp_path).changes if isinstance(change.after, MailServer)]
    variables = {server.password.env for server in servers if server.password}
    assert variables <= set(re.findall(r"export (\w+)=", README))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_one(command: str) -> None:
    """With every option that it is given."""
    shown = CliRunner().invoke(app, [*command.split(), "--help"])
    assert (shown.exit_code, shown.output.split()[:2]) == (0, ["Usage:", "mailcall"])


@pytest.mark.parametrize("server_id", re.findall(r"mailcall servers test (\S+)", README))
def test_every_server_that_is_tested_is_set_up(server_id: str) -> None:
    assert f"id: {server_id}\n" in _settings()


def test_there_are_commands_to_check() -> None:
    assert len(COMMANDS) > 5
