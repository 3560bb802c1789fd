"""Prometheus, Debian's: the server that scrapes our processes, and promtool, which tests the rules."""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from deploy.local.child import Child
from deploy.local.packages.debian import need
from deploy.local.ports import HOST, free_port
from deploy.local.servers.server import Server

_PACKAGES = ("prometheus",)


def find_promtool() -> Path:
    """The program; installed where this is root on Debian. Raises `NotAvailableError`."""
    return need("promtool", (), _PACKAGES)


class Prometheus(Server):
    """Scrapes `targets` (host:port) each second, with these files of rules."""

    name = "prometheus"

    def __init__(self, targets: Sequence[str], rules: Sequence[Path], directory: Path | None = None) -> None:
        super().__init__(directory)
        self._targets = list(targets)
        self._rules = [str(file.resolve()) for file in rules]
        self.port = free_port()

    def ask(self, path: str, **parameters: str) -> Any:
        """`data` of what `/api/v1/<path>` answers. Raises `ValueError` with Prometheus' own words."""
        url = f"http://{HOST}:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise ValueError(json.load(error)["error"]) from None

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples of an expression now. Raises `ValueError` where it is none."""
        found: list[dict[str, Any]] = self.ask("query", query=expression)["result"]
        return found

    def _prepare(self) -> Child:
        program = need("prometheus", (), _PACKAGES)
        configuration = self.directory / "prometheus.yaml"
        configuration.write_text(
            yaml.safe_dump(
                {
                    "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                    "rule_files": self._rules,
                    "scrape_configs": [{"job_name": "mailcall", "static_configs": [{"targets": self._targets}]}],
                }
            ),
            encoding="utf-8",
        )
        arguments = {
            "config.file": configuration,
            "storage.tsdb.path": self.directory / "data",
            "web.listen-address": f"{HOST}:{self.port}",
        }
        return Child(self.name, [program, *(f"--{name}={value}" for name, value in arguments.items())], log=self.log)

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self.port}/-/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False
