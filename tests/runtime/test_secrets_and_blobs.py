"""Passwords are opened only with the private key; blobs are found again by their content."""

import stat
from dataclasses import dataclass
from pathlib import Path

import pytest

from runtime.blobs import BlobMissingError, BlobStore
from runtime.outages import OutageError
from runtime.security.sealing import SecretError, make_keys, reveal, seal
from schemas.reasons import Reason
from schemas.settings import Secret

PASSWORD = "p\N{LATIN SMALL LETTER A WITH DIAERESIS}ss word\t"


@dataclass
class Keys:
    secret_key_file: Path | None


def test_a_sealed_password_is_opened_with_the_private_key(tmp_path: Path) -> None:
    key = tmp_path / "key"
    secret = seal(PASSWORD, make_keys(key))
    assert PASSWORD not in secret.model_dump_json()
    assert reveal(secret, Keys(key)) == PASSWORD
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert seal(PASSWORD, (tmp_path / "key.pub").read_text().strip()) != secret, "no two boxes are the same"


def test_a_key_is_never_replaced(tmp_path: Path) -> None:
    make_keys(tmp_path / "key")
    with pytest.raises(FileExistsError):
        make_keys(tmp_path / "key")


def test_references_are_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "password").write_text(PASSWORD + "\n")
    monkeypatch.setenv("IT_PASSWORD", PASSWORD)
    assert reveal(Secret(file=str(tmp_path / "password")), Keys(None)) == PASSWORD
    assert reveal(Secret(env="IT_PASSWORD"), Keys(None)) == PASSWORD


def test_what_is_missing_is_named_and_no_password_shown(tmp_path: Path) -> None:
    own, other, broken = tmp_path / "own", tmp_path / "other", tmp_path / "broken"
    sealed = seal(PASSWORD, make_keys(own))
    make_keys(other)
    broken.write_text("no key")
    wrong = [
        (Secret(env="NOT_SET"), Keys(None), "NOT_SET is not set"),
        (Secret(file="/nowhere"), Keys(None), "/nowhere cannot be read"),
        (sealed, Keys(None), "MAILCALL_SECRET_KEY_FILE"),
        (sealed, Keys(tmp_path / "gone"), "gone cannot be read"),
        (sealed, Keys(broken), "holds no private key"),
        (sealed, Keys(other), "does not fit the key"),
        (Secret(sealed="!!"), Keys(own), "does not fit the key"),
    ]
    for secret, keys, says in wrong:
        with pytest.raises(SecretError, match=says) as raised:
            reveal(secret, keys)
        assert PASSWORD not in str(raised.value)
    with pytest.raises(SecretError, match="public key"):
        seal(PASSWORD, "no key")


def test_a_blob_is_found_by_its_content_and_may_be_put_twice(tmp_path: Path) -> None:
    store = BlobStore((tmp_path / "blob store").as_uri())
    key = store.put(b"mail")
    assert store.put(b"mail") == key
    assert key.startswith("sha256/")
    assert store.get(key) == b"mail"
    assert store.get(store.put(b"")) == b""
    assert BlobStore((tmp_path / "blob store").as_uri()).get(key) == b"mail"


@pytest.mark.parametrize("key", [f"sha256/00/{'0' * 64}", "../../etc/passwd", "", "sha256/00/xyz"])
def test_a_blob_that_is_not_there_is_told_from_a_store_that_is_away(tmp_path: Path, key: str) -> None:
    with pytest.raises(BlobMissingError):
        BlobStore(tmp_path.as_uri()).get(key)


def test_a_store_that_cannot_be_written_is_an_outage(tmp_path: Path) -> None:
    (tmp_path / "sha256").write_text("a file where a folder should be")
    with pytest.raises(OutageError) as raised:
        BlobStore(tmp_path.as_uri()).put(b"mail")
    assert raised.value.reason is Reason.BLOB_STORE_AWAY
