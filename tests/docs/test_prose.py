"""Prose in documents is wrapped at 100 characters, so that a difference shows the words that changed."""

import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parents[2]
LINE = 100
GENERATED = ROOT / "docs" / "reference"
# A piece of code or a link that is alone on its line is as long as it is.
_UNBREAKABLE = re.compile(r"\s*(?:[-*]|\d+\.)?\s*\(?(?:`[^`]*`|\[[^\]]*\]\([^)]*\))[),.:;]*")
_MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable("table")
_DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "deploy/*.md", "findings/*.md", "tests/*.md")
    for path in ROOT.glob(pattern)
    if GENERATED not in path.parents
)


def prose_lines(text: str) -> list[str]:
    """The lines of paragraphs, those in lists and quotes as well; not of headings, tables, code and HTML."""
    lines, tokens = text.splitlines(), _MARKDOWN.parse(text)
    spans = [token.map for token in tokens if token.type == "paragraph_open" and token.map is not None]
    return [line for first, end in spans for line in lines[first:end]]


def test_prose_is_found() -> None:
    assert prose_lines("# A\n\nb\nc\n\n    code\n\n- d\n\n| t |\n|---|\n| u |\n") == ["b", "c", "- d"]


@pytest.mark.parametrize("document", _DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_prose_is_wrapped(document: Path) -> None:
    lines = prose_lines(document.read_text(encoding="utf-8"))
    assert lines, "a document without a paragraph"
    assert [line for line in lines if len(line) > LINE and not _UNBREAKABLE.fullmatch(line)] == []
