"""What operations say of errors fits the window too; the command line adds its commands and options."""

import ast
import re
from pathlib import Path

import pytest

import console
from console.command_line.error_text import COMMANDS, text_of
from console.errors import Problem, Remedy, UserError

_ROOT = Path(console.__file__).parent
# What the window has no page for: it is done on the machine, before the window can work.
_ALONE = re.compile("`mailcall (topics create|secrets make-keys)`")
_COMMAND = re.compile(r"`mailcall |(?<![\w-])--[a-z]")


def test_every_remedy_has_words_for_the_command_line() -> None:
    assert COMMANDS.keys() == set(Remedy)
    assert not [one for one in Remedy if _COMMAND.search(one)]


def test_no_operation_speaks_of_commands_or_options() -> None:
    spoken = [
        f"{path.relative_to(_ROOT)}:{line}: {text}"
        for path in sorted(_ROOT.rglob("*.py"))
        if not _is_command_line(path.relative_to(_ROOT))
        for line, text in _texts(ast.parse(path.read_text(encoding="utf-8")))
        if _COMMAND.search(_ALONE.sub("", text))
    ]
    assert spoken == []


def test_the_command_line_names_command_and_option() -> None:
    found = text_of(UserError("there is no person 'x'", Remedy.FIND_PERSON, place="logging_analyst"))
    assert found == "--logging-analyst: there is no person 'x'\n`mailcall persons list` shows their ids and addresses"


def test_a_place_within_settings_is_no_option() -> None:
    error = UserError.of([Problem("it is no box", Remedy.SEAL_PASSWORD, "oauth.client_secret", "desk.yaml", 3)])
    assert text_of(error) == "desk.yaml:3:oauth.client_secret: it is no box - `mailcall secrets seal` makes one"


@pytest.mark.parametrize("error", [UserError("a", "b", place="c"), UserError.of([Problem("a", "b", "c")])])
def test_an_error_tells_place_cause_and_remedy(error: UserError) -> None:
    assert str(error) == "c: a - b"


def _is_command_line(path: Path) -> bool:
    """`config.py` describes the configuration of whoever runs the commands, `provisioning.py` writes Kafka's own."""
    names = ("cli.py", "config.py", "provisioning.py")
    by_name = path.name in names or path.name.endswith(("commands.py", "command_parts.py"))
    return by_name or bool({"commands", "command_line"} & set(path.parts))


def _texts(tree: ast.AST) -> list[tuple[int, str]]:
    """Line and value of every text but docstrings."""
    docstrings = {
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    return [
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings
    ]
