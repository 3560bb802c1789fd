"""What the tests of Kafka's clients share."""

from collections.abc import Iterator
from importlib import import_module

import pytest
from kafka import codec


@pytest.fixture(scope="module")
def _packs_everything() -> Iterator[None]:
    """Also where another test has imported kafka-python as our processes do, which only unpack by Snappy and zstd."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codec, "snappy", import_module("snappy"))
        patch.setattr(codec, "zstd", import_module("zstandard"))
        yield
