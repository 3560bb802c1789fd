"""docs/requirement.md follows the code: each row names files and tests that exist, each reference names a row."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/requirement.md"
FOLDERS = (
    "schemas", "runtime", "mailserver", "desk", "ingest", "resolver", "logger", "outbound", "console", "deploy",
    "tests", "docs",
)  # fmt: skip
MET, NOT_BUILT = "met by ", "not built yet: "
STATES = (MET, NOT_BUILT)  # how what stands below a row begins, in the order of the columns at the top

_WRAP = re.compile(r"\n +(?=[^ -])")
_SECTION = re.compile(r'^## <a id="([^"]*)"></a>(R\d+)\. ', re.MULTILINE)
_ROW = re.compile(r'^- <a id="([^"]*)"></a>\*\*(R\d+\.\d+)\*\* .+((?:\n  - .+)*)', re.MULTILINE)
_COUNTS = re.compile(r"^\| \[(R\d+)\]\(#r\d+\) \| .+ \| (\d+) \| (\d+) \|$", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")
_TEST = re.compile(r"`(tests/[^`:]+)::(\w+)`")
_REFERENCE = re.compile(r"\bR\d+\.\d+\b|(?<=\bRequirement )R\d+\b|(?<=requirement\.md#)r\d+(?:\.\d+)?\b")
_QUOTE = re.compile(r"""requirement[:,]\s+["'*]""", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Row:
    """One sentence of the requirement. `below`: the lines under it, which say how it stands."""

    anchor: str
    id: str
    below: tuple[str, ...]

    @property
    def section(self) -> str:
        return self.id.partition(".")[0]

    @property
    def state(self) -> str:
        return next((state for state in STATES if self.below and self.below[0].startswith(state)), "none")


TEXT = _WRAP.sub(" ", PAGE.read_text(encoding="utf-8"))
SECTIONS = _SECTION.findall(TEXT)
ROWS = [Row(anchor, id_, tuple(below.split("\n  - ")[1:])) for anchor, id_, below in _ROW.findall(TEXT)]
every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)


@cache
def _defined_in(file: str) -> frozenset[str]:
    """The functions and classes at the top of a file."""
    nodes = ast.parse((ROOT / file).read_text(encoding="utf-8")).body
    return frozenset(one.name for one in nodes if isinstance(one, ast.FunctionDef | ast.ClassDef))


def _texts() -> Iterator[tuple[Path, str]]:
    """Code, tests and documents, but for this file."""
    files = [file for folder in FOLDERS for kind in ("*.py", "*.md") for file in (ROOT / folder).rglob(kind)]
    for file in (ROOT / "README.md", *files):
        if file != Path(__file__):
            yield file.relative_to(ROOT), file.read_text(encoding="utf-8")


def test_sections_and_rows_are_numbered_in_order_and_have_their_anchors() -> None:
    sections = [id_ for _, id_ in SECTIONS]
    rows = Counter(row.section for row in ROWS)
    assert sections == [f"R{number}" for number, _ in enumerate(sections, 1)]
    assert [row.id for row in ROWS] == [f"{one}.{n}" for one in sections for n in range(1, rows[one] + 1)]
    assert all(id_.lower() == anchor for anchor, id_ in [*SECTIONS, *((row.anchor, row.id) for row in ROWS)])
    assert TEXT.count("<a id=") == len(SECTIONS) + len(ROWS)
    assert len(ROWS) > 100


@every_row
def test_a_row_is_met_by_files_and_shown_by_tests_or_is_not_built(row: Row) -> None:
    assert row.state in STATES
    if row.state == NOT_BUILT:
        assert len(row.below) == 1
        return
    met, shown = row.below
    assert _LINK.search(met)
    assert shown.startswith("shown by `")


@every_row
def test_every_file_and_every_test_of_a_row_exists(row: Row) -> None:
    below = " ".join(row.below)
    named = _TEST.findall(below)
    assert len(named) == below.count("`tests/")
    assert not [link for link in _LINK.findall(below) if not (PAGE.parent / link).is_file()]
    assert not [f"{file}::{name}" for file, name in named if name not in _defined_in(file)]


def test_the_counts_at_the_top_are_those_of_the_rows() -> None:
    counted = Counter((row.section, row.state) for row in ROWS)
    assert _COUNTS.findall(TEXT) == [(one, *(str(counted[one, state]) for state in STATES)) for _, one in SECTIONS]
    total = Counter(row.state for row in ROWS)
    assert f"| | all | {' | '.join(str(total[state]) for state in STATES)} |\n" in TEXT


def test_every_reference_names_a_row_or_a_section() -> None:
    there = {id_ for _, id_ in SECTIONS} | {row.id for row in ROWS}
    found = [(file, one.upper()) for file, text in _texts() for one in _REFERENCE.findall(text)]
    assert len([file for file, _ in found if file.suffix == ".py"]) > 20
    assert not [(file, one) for file, one in found if one not in there]


def test_nothing_quotes_the_requirement() -> None:
    assert not [file for file, text in _texts() if _QUOTE.search(text)]
