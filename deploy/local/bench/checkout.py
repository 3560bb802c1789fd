"""Another revision of this repository, in a directory of its own, for the time that it is measured."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local import NotAvailableError
from deploy.local.pipeline import ROOT

REQUIREMENTS = Path("requirements/dev.txt")


@dataclass(frozen=True, slots=True)
class Build:
    """The directory with its packages, and the interpreter that it runs with."""

    source: Path
    python: str


THIS_BUILD = Build(ROOT, sys.executable)


@contextmanager
def checked_out(revision: str, directory: Path, repository: Path = ROOT) -> Iterator[Build]:
    """That revision in that directory. Raises `NotAvailableError` where git does not know it.

    It runs with the Python environment of this checkout; with one of its own where it requires other packages.
    """
    directory = directory.absolute()
    shutil.rmtree(directory, ignore_errors=True)
    _git(repository, "worktree", "prune")
    _git(repository, "worktree", "add", "--quiet", "--force", "--detach", str(directory), f"{revision}^{{commit}}")
    try:
        yield Build(directory, _python_of(directory))
    finally:
        _git(repository, "worktree", "remove", "--force", str(directory))


def _python_of(directory: Path) -> str:
    required = directory / REQUIREMENTS
    if not required.exists() or required.read_bytes() == (ROOT / REQUIREMENTS).read_bytes():
        return THIS_BUILD.python
    done = subprocess.run(["make", "-C", directory, "venv"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotAvailableError(f"the other revision's environment could not be made:\n{done.stderr[-2000:]}")
    return str(directory / ".venv" / "bin" / "python")


def _git(repository: Path, *arguments: str) -> None:
    done = subprocess.run(["git", "-C", str(repository), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotAvailableError(f"git {arguments[0]} {arguments[1]}: {done.stderr.strip()}")
