"""Pages name one another in templates and code: each name is a page's, so that no link is left out in silence."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.web.routes import routes_of

CONSOLE = Path(__file__).resolve().parents[3] / "console"
_IN_TEMPLATES = re.compile(r"""\b(?:url|may)\(\s*["']([\w.-]+)["']\s*[,)]""")
_IN_CODE = re.compile(r"""\b(?:Link\(|url\(request, |redirect\(request, )["']([\w.-]+)["']""")


def named() -> Iterator[tuple[str, str]]:
    """Where, and which page."""
    for pattern, found in ((_IN_TEMPLATES, CONSOLE.rglob("*.html")), (_IN_CODE, CONSOLE.rglob("*.py"))):
        for file in sorted(found):
            for name in pattern.findall(file.read_text(encoding="utf-8")):
                yield str(file.relative_to(CONSOLE)), name


@pytest.mark.parametrize(("file", "name"), sorted(set(named())))
def test_every_page_that_is_named_is_there(file: str, name: str) -> None:
    assert name in routes_of().by_name
