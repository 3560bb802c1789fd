"""`python -m schemas.generate [--check]`: JSON Schemas, AsyncAPI document and reference pages, from the catalogue.

Without `--check` it writes the files; with it, it writes nothing, names what drifted and exits 1.
"""

import ast
import json
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import yaml

from schemas import asyncapi, reference, scaling
from schemas.json_schema import json_schema
from schemas.topics import TOPICS, Topic

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = (
    "schemas", "runtime", "mailserver", "desk", "ingest", "resolver", "logger", "outbound", "console", "deploy",
)  # fmt: skip


@cache
def generated() -> Mapping[str, str]:
    """Path from the root, and text, of every generated file."""
    return {
        **{f"schemas/json/{topic.short}.v{topic.version}.json": _schema(topic) for topic in TOPICS if topic.value},
        "schemas/asyncapi.yaml": yaml.safe_dump(asyncapi.document(), sort_keys=False, allow_unicode=True, width=120),
        "deploy/chart/files/scaling.yaml": scaling.page(),
        "docs/reference/topics.md": reference.topics_page(),
        "docs/reference/access.md": reference.access_page(),
        "docs/reference/records.md": reference.records_page(),
        "docs/reference/settings.md": reference.settings_page(),
        "docs/reference/reasons.md": reference.reasons_page(),
        "docs/reference/files.md": reference.files_page(_modules()),
    }


def drifted(root: Path = ROOT) -> list[str]:
    """Paths of the files that differ from what would be generated, are missing, or describe a topic that is no more."""
    wanted = generated()
    stale = {str(path.relative_to(root)) for path in (root / "schemas/json").glob("*.json")} - wanted.keys()
    return sorted(stale | {path for path, text in wanted.items() if _read(root / path) != text})


def write(root: Path = ROOT) -> list[str]:
    """Make the files what they should be. The paths that were changed."""
    wanted, changed = generated(), drifted(root)
    for path in changed:
        file = root / path
        if path in wanted:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(wanted[path], encoding="utf-8")
        else:
            file.unlink()
    return changed


def _modules() -> dict[str, str]:
    """Path from the root, and docstring, of every module that is part of the product."""
    files = [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]
    return {
        file.relative_to(ROOT).as_posix(): ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
        for file in files
    }


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def _schema(topic: Topic) -> str:
    assert topic.value is not None
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **json_schema(topic.value),
        "title": topic.event_type,
        "description": topic.doc,
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def main(arguments: Sequence[str]) -> int:
    if list(arguments) == ["--check"]:
        names = drifted()
        for name in names:
            print(f"{name} does not follow the code: run `make schemas` and commit what it writes", file=sys.stderr)
        return 1 if names else 0
    if arguments:
        print(f"usage: python -m schemas.generate [--check], not {' '.join(arguments)!r}", file=sys.stderr)
        return 2
    for name in write():
        print(f"wrote {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
