"""`python -m deploy.manifests [--check]`: what of the chart is made: its settings' schema, copies, plain YAML of it.

Without `--check` it writes the files; with it, it writes nothing, names what drifted and exits 1.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from deploy.chart_settings import settings_schemas
from deploy.local.packages.helm import Programs, find_helm

DEPLOY = Path(__file__).resolve().parent
CHART = DEPLOY / "chart"
SCHEMA = CHART / "values.schema.json"
RENDERED = DEPLOY / "kustomize" / "base" / "mailcall.yaml"
RELEASE = "mailcall"
_HEAD = "# The chart with its default values. Made by `make manifests`: do not edit, write patches.\n"


def schema() -> str:
    """values.schema.json as it is, with the processes' settings as they are."""
    document = json.loads(SCHEMA.read_text("utf-8"))
    kept = {name: value for name, value in document["definitions"].items() if not name.startswith("settings")}
    return json.dumps(document | {"definitions": kept | settings_schemas()}, indent=2, ensure_ascii=False) + "\n"


def render(programs: Programs, *options: str | Path) -> str:
    """The chart's YAML. Raises `subprocess.CalledProcessError`."""
    return programs.run("template", RELEASE, CHART, *options)


def plain_yaml() -> str:
    """The chart with its default values, for kustomize."""
    return _HEAD + render(find_helm(), "--skip-tests")


# Helm packs nothing from outside of the chart, and a link does not outlive every way that a repository is handed on.
COPIES: Mapping[Path, Path] = {
    CHART / "files" / source.name: source
    for source in (DEPLOY / "alerts.yaml", DEPLOY / "alerts-kafka-exporter.yaml", DEPLOY / "grafana" / "mailcall.json")
}
# In this order: helm reads the others when it renders.
MADE: Mapping[Path, Callable[[], str]] = {
    SCHEMA: schema,
    **{copy: partial(source.read_text, "utf-8") for copy, source in COPIES.items()},
    RENDERED: plain_yaml,
}


def main(arguments: Sequence[str]) -> int:
    if list(arguments) not in ([], ["--check"]):
        print(f"usage: python -m deploy.manifests [--check], not {' '.join(arguments)!r}", file=sys.stderr)
        return 2
    drifted = [path for path, text in MADE.items() if not _holds(path, text(), write=not arguments)]
    for path in drifted:
        print(
            f"{path.relative_to(DEPLOY.parent)} "
            + ("does not follow: run `make manifests`" if arguments else "written")
        )
    return 1 if arguments and drifted else 0


def _holds(path: Path, text: str, *, write: bool) -> bool:
    """Whether the file has that text already; it is written where it may be."""
    if path.exists() and path.read_text("utf-8") == text:
        return True
    if write:
        path.write_text(text, "utf-8")
    return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
