"""Two installations that know nothing of each other."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.blobs import BlobStore
from schemas.tokens import TokenKeys
from tests.mail.installation import Installation, of_address
from tests.mail.stored import FixedDesk
from tests.mail.walk import Walk


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Installation, Installation]]:
    desks, made = [], []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        desks.append(FixedDesk(folder))
        address = f"desk@{name}.example"
        blobs = BlobStore((folder / "blobs").as_uri())
        keys = TokenKeys((name.encode() * 16,))
        made.append(Installation(Walk(desks[-1].fresh(), blobs, of_address(address), keys), address))
    yield made[0], made[1]
    for desk in desks:
        desk.close()
