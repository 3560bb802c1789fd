"""The tutorial works: its commands, run in a copy of the tree, print what the page says, first red and then green."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local import NotAvailableError

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tutorial" / "first-change.md"
# A block of commands, and the block of some of their output where one follows before the next.
_BLOCK = re.compile(r"```shell\n(.*?)```(?:(?:(?!```).)*```text\n(.*?)```)?", re.DOTALL)
# Not run: what makes the clone and its .venv, what checks all of it, and what is git's.
_LEFT_OUT = ("git clone", "cd mailcall", "make ", "git add", "git switch")
# Compiled files are copied, which saves seconds; one that another test is just writing has a longer name.
_NOT_COPIED = shutil.ignore_patterns(".git", ".venv", "build", "*.egg-info", ".*_cache", ".hypothesis", "*.pyc.*")
_ROW = 're.compile(r"(?i)^receipt$")'

pytestmark = pytest.mark.timeout(150)  # long: begun early


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the tree to work in. A reader runs this test with the change in the tree already; CI never does."""
    if (ROOT / "tests" / "mail" / "auto-replies" / "larkdesk-receipt.eml").exists():
        raise NotAvailableError("the tutorial needs a tree without its change: git switch to another branch")
    tree = shutil.copytree(ROOT, tmp_path / "mailcall", ignore=_NOT_COPIED)
    python = tree / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    return tree


def test_the_tutorial_is_red_and_then_green(tree: Path) -> None:
    blocks = [block for block in _BLOCK.findall(PAGE.read_text("utf-8")) if not block[0].startswith(_LEFT_OUT)]
    # the mail, its draft, its result, the comment: red; the rule: green
    for (commands, shown), code in zip(blocks, [0, 0, 0, 0, 1, 0, 0], strict=True):
        done = run(commands, tree)
        assert done.returncode == code, done.stdout
        assert [line for line in shown.splitlines() if line not in done.stdout] == [], done.stdout

    rule = tree / "resolver" / "screening" / "auto_reply_headers.py"
    rule.write_text(rule.read_text("utf-8").replace(_ROW, "_ANY"), "utf-8")
    broken = run(".venv/bin/python -m pytest -q --noconftest tests/screening -k larkdesk", tree)
    assert "1 failed" in broken.stdout


def run(commands: str, tree: Path) -> subprocess.CompletedProcess[str]:
    """In that tree alone: neither of a repository around it, nor as part of this run of pytest."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PYTEST_"))}
    environment = own | {"GIT_CEILING_DIRECTORIES": str(tree.parent)}
    return subprocess.run(
        ["sh", "-euc", commands],
        cwd=tree,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
