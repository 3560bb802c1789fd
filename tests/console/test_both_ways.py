"""docs/window-and-commands.md is whole: what only the window or only the command line does has its reason there."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from typer.main import get_command

from console.cli import app
from console.web.routes import routes_of

PAGE = Path(__file__).resolve().parents[2] / "docs/window-and-commands.md"
_ROW = re.compile(r"^\| `([^`]+)` \| (?:`([^`]+)`)? ?\| ?(.*?) ?\|$", re.MULTILINE)


def tables() -> tuple[Mapping[str, tuple[str, str]], Mapping[str, tuple[str, str]]]:
    """Of commands and of pages: by name the other side and the reason why there is none, one of them empty."""
    first, second = (
        {name: (other, why) for name, other, why in _ROW.findall(part)}
        for part in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]
    )
    return first, second


def commands(command: Any = None, before: tuple[str, ...] = ()) -> Iterator[str]:
    command = get_command(app) if command is None else command
    subcommands = getattr(command, "commands", None)
    if subcommands is None:
        yield " ".join(before)
        return
    for name, one in subcommands.items():
        yield from commands(one, (*before, name))


def test_every_command_and_every_page_that_changes_something_stands_there() -> None:
    of_commands, of_pages = tables()
    pages = routes_of().pages
    assert of_commands.keys() == set(commands())
    assert of_pages.keys() == {page.name for page in pages if "POST" in page.methods}
    assert {other for other, _ in of_commands.values() if other} <= {page.name for page in pages}
    assert {other for other, _ in of_pages.values() if other} <= of_commands.keys()


def test_what_has_no_other_side_has_a_reason() -> None:
    for table in tables():
        assert len(table) > 30
        assert [name for name, (other, why) in table.items() if bool(other) == bool(why) and not (other and why)] == []
