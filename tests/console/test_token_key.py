"""`mailcall secrets make-token-key`, and `mailcall explain` with its key."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from runtime.security.token_keys import read_token_keys
from schemas import ids
from schemas.tokens import TokenKeys
from tests.console.conftest import DEMO, Mailcall

NOTIFICATION = "0123456789abcdef" * 2
URSULA = "ursula@example.com"


@pytest.fixture
def key_file(mailcall: Mailcall, tmp_path: Path) -> Path:
    path = tmp_path / "token.key"
    made = mailcall("secrets", "make-token-key", path)
    assert made.code == 0
    assert "MAILCALL_TOKEN_KEY_FILE" in made.out
    assert path.read_text().strip() not in made.out
    return path


def explained(mailcall: Mailcall, folder: Path, own_id: str, subject: str, *options: object) -> dict[str, Any]:
    mail = folder / "mail.eml"
    mail.write_text(f"From: ursula@example.com\nIn-Reply-To: {own_id}\nSubject: {subject}\n\nHello\n")
    ran = mailcall("explain", mail, "--settings", DEMO, "--server", "it-mailbox", "--json", *options)
    assert (ran.code, ran.err) == (0, "")
    account: dict[str, Any] = json.loads(ran.out)
    return account


def test_a_key_that_is_there_is_not_replaced(mailcall: Mailcall, key_file: Path) -> None:
    before = key_file.read_text()
    again = mailcall("secrets", "make-token-key", key_file)
    assert again.code == 2
    assert "exists already" in again.err
    assert key_file.read_text() == before


def test_explain_checks_tokens_with_the_key(mailcall: Mailcall, key_file: Path, tmp_path: Path) -> None:
    keys, now = read_token_keys(key_file), datetime.now(UTC)
    own = ids.message_id(keys.sign(NOTIFICATION, now, URSULA), "desk.example")
    expired = f"[{keys.sign('C-000007', now - timedelta(days=400), URSULA)}]"
    account = explained(mailcall, tmp_path, own, expired, "--token-key-file", key_file)
    assert account["conversation"] == {
        "own_message_ids": [own],
        "tokens": [],
        "sent_to_sender": [own],
        "doubtful": ["C-000007"],
        "message_ids": [],
        "item_references": [],
    }
    assert account["action"] == "update an item"


def test_explain_says_that_a_forged_token_logs_a_call(mailcall: Mailcall, key_file: Path, tmp_path: Path) -> None:
    own = ids.message_id(TokenKeys((b"f" * 32,)).sign(NOTIFICATION, datetime.now(UTC), URSULA), "desk.example")
    account = explained(mailcall, tmp_path, own, "Hello", "--token-key-file", key_file)
    assert account["conversation"]["doubtful"] == [own]
    assert account["action"] == "log a call"
    (why,) = [step["reason"] for step in account["steps"] if step["step"] == "action"]
    assert "forged or expired" in why


def test_explain_without_a_key_takes_tokens_for_unsigned(mailcall: Mailcall, tmp_path: Path) -> None:
    own = ids.message_id(NOTIFICATION, "desk.example")
    account = explained(mailcall, tmp_path, own, "Hello")
    assert account["conversation"]["message_ids"] == [own]
    assert account["action"] == "update an item"
