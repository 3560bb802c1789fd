"""Another revision of this repository, in a directory of its own, for the time that it is measured."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local import NotAvailableError
from deploy.local.pipeline import ROOT


@contextmanager
def checked_out(revision: str, directory: Path, repository: Path = ROOT) -> Iterator[Path]:
    """The directory, with the files of that revision. Raises `NotAvailableError` where git does not know it."""
    directory = directory.absolute()
    shutil.rmtree(directory, ignore_errors=True)
    _git(repository, "worktree", "prune")
    _git(repository, "worktree", "add", "--quiet", "--force", "--detach", str(directory), f"{revision}^{{commit}}")
    try:
        yield directory
    finally:
        _git(repository, "worktree", "remove", "--force", str(directory))


def _git(repository: Path, *arguments: str) -> None:
    done = subprocess.run(["git", "-C", str(repository), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotAvailableError(f"git {arguments[0]} {arguments[1]}: {done.stderr.strip()}")
