"""The file of token keys, and what is said of one that cannot be used."""

import base64
from pathlib import Path

import pytest

from runtime.config import ProcessConfig
from runtime.lifecycle import StopProcess
from runtime.security.sealing import SecretError
from runtime.security.token_keys import make_token_key, read_token_keys, token_keys_of
from tests.captured_logs import capture_logs

KEY = base64.b64encode(b"k" * 32).decode()


def test_a_new_key_is_good_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    make_token_key(tmp_path / "token.key")
    make_token_key(tmp_path / "other.key")
    first, other = (read_token_keys(tmp_path / name) for name in ("token.key", "other.key"))
    assert [len(key) for key in first.keys] == [32]
    assert first != other
    assert (tmp_path / "token.key").stat().st_mode & 0o777 == 0o600


def test_a_key_is_never_replaced(tmp_path: Path) -> None:
    make_token_key(tmp_path / "token.key")
    before = read_token_keys(tmp_path / "token.key")
    with pytest.raises(FileExistsError):
        make_token_key(tmp_path / "token.key")
    assert read_token_keys(tmp_path / "token.key") == before


def test_a_file_holds_a_key_a_line_and_their_order_counts(tmp_path: Path) -> None:
    longer = base64.b64encode(b"l" * 48).decode()
    (tmp_path / "key").write_text(f"{longer}\n\n{KEY}\n")
    assert read_token_keys(tmp_path / "key").keys == (b"l" * 48, b"k" * 32)


@pytest.mark.parametrize("content", [b"", b"\n", b"hunter2", base64.b64encode(b"short"), b"\xff" * 50, b"=" * 44])
def test_a_file_that_holds_no_key_is_named_and_not_quoted(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    with pytest.raises(SecretError) as error:
        read_token_keys(path)
    assert str(path) in str(error.value)
    assert "hunter2" not in str(error.value)


def test_a_process_whose_key_file_is_missing_stops_and_says_which_setting(tmp_path: Path) -> None:
    with pytest.raises(StopProcess, match=r"MAILCALL_TOKEN_KEY_FILE: .*/gone cannot be read"):
        token_keys_of(ProcessConfig(token_key_file=tmp_path / "gone"))


def test_a_process_without_a_key_says_so_and_goes_on() -> None:
    with capture_logs() as logged:
        assert token_keys_of(ProcessConfig()).keys == ()
    (line,) = logged
    assert line["log_level"] == "warning"
    assert "MAILCALL_TOKEN_KEY_FILE" in line["remedy"]
