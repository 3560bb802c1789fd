"""The gallery's template, found as if it were a page's."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import ChoiceLoader, DictLoader

from console.web.render import environment

_GALLERY = Path(__file__).with_name("gallery.html")


@pytest.fixture(autouse=True, scope="session")
def gallery_template() -> Iterator[None]:
    made = environment()
    before = made.loader
    assert before is not None
    made.loader = ChoiceLoader([DictLoader({"web/gallery.html": _GALLERY.read_text()}), before])
    yield
    made.loader = before
