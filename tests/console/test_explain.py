"""`mailcall explain`: no broker, no database; a line of JSON a mail, always, whatever the bytes."""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from console.mails.explain import Explainer
from resolver.sandbox.sandboxed_parser import SandboxedParser

DEMO = Path(__file__).parents[2] / "deploy/local/demo/demo.yaml"
KEYS = ["file", "parse", "screen", "trust", "sender", "conversation", "action", "call", "steps"]
PARSE_KEYS = [
    "from",
    "to",
    "cc",
    "reply_to",
    "subject",
    "date",
    "message_id",
    "in_reply_to",
    "references",
    "text",
    "reply",
    "html",
    "attachments",
    "defects",
]
Explain = Callable[..., list[dict[str, Any]]]

SETTINGS = """
partitions:
- {id: it, impacts: [Person, Everybody], urgencies: [Now], priorities: [P1, P3],
   priority_matrix: {Person: {Now: P3}, Everybody: {Now: P1}}}
call_templates:
- {id: it-call, partition: it, impact: Person, urgency: Now, assigned_group: First line, ipk_stream: Desk}
outgoing_servers:
- {id: out, from_address: desk@example.org}
incoming_servers:
- {id: it-mailbox, protocol: imap, call_template: it-call, default_logging_analyst: ida, use_linked_analyst: true}
persons:
- {id: ida, first_name: Ida, last_name: Ek, addresses: [ida@example.org], is_analyst: true}
- {id: ursula, first_name: Ursula, last_name: Sand, addresses: [ursula@example.org, u@example.org], is_user: true}
"""


class LastingReader(SandboxedParser):
    """Its child goes on when a command is done: to start one takes longer than all that it does here."""

    def close(self) -> None:
        pass

    def end(self) -> None:
        super().close()


@pytest.fixture(scope="module")
def reader() -> Iterator[SandboxedParser]:
    reader = LastingReader()
    yield reader
    reader.end()


@pytest.fixture(autouse=True)
def one_child(reader: SandboxedParser, monkeypatch: pytest.MonkeyPatch) -> None:
    at = Explainer.at
    monkeypatch.setattr(Explainer, "at", lambda *given: replace(at(*given), _reader=reader))


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "settings.yaml"
    path.write_text(SETTINGS)
    return path


@pytest.fixture
def explain(mailcall: Callable[..., Any], settings: Path) -> Explain:
    def run(*paths: Path) -> list[dict[str, Any]]:
        ran = mailcall("explain", *paths, "--settings", settings, "--json")
        assert (ran.code, ran.err) == (0, "")
        assert ran.out.isascii()
        return [json.loads(line) for line in ran.out.splitlines()]

    return run


def mail(folder: Path, headers: str, body: str = "Hello", name: str = "mail.eml") -> Path:
    folder.mkdir(exist_ok=True, parents=True)
    path = folder / name
    path.write_bytes(f"{headers}\r\n\r\n{body}\r\n".replace("\n", "\r\n").replace("\r\r", "\r").encode())
    return path


def test_a_users_mail(explain: Explain, tmp_path: Path) -> None:
    path = mail(tmp_path, "From: Ursula <U@example.org>\nSubject: Printer\nMessage-ID: <1@example.org>")

    (account,) = explain(path)

    assert list(account) == KEYS
    assert list(account["parse"]) == PARSE_KEYS
    assert account["file"] == str(path)
    assert account["parse"]["from"] == {"address": "U@example.org", "name": "Ursula"}
    assert account["screen"]["verdict"] == "person"
    assert account["screen"]["reason"] is None
    assert account["sender"]["user"] == {"id": "ursula", "name": "Ursula Sand", "address": "u@example.org"}
    assert (account["sender"]["new_person"], account["sender"]["logging_analyst"]) == (False, "ida")
    assert account["trust"]["verdict"] == "not-checked"
    assert account["action"] == "log a call"
    expected = {"partition": "it", "priority": "P3", "impact": "Person", "urgency": "Now", "template": "it-call"}
    assert expected.items() <= account["call"].items()
    assert (account["call"]["assigned_group"], account["call"]["ipk_stream"]) == ("First line", "Desk")
    steps = [step["step"] for step in account["steps"]]
    assert steps == ["parse", "screen", "trust", "converse", "wanted", "sender", "route", "action", "flood", "priority"]
    assert all(set(step) == {"step", "outcome", "reason"} for step in account["steps"])


@pytest.mark.parametrize(
    ("headers", "user", "new_person", "analyst"),
    [
        ("From: ida@example.org", "ida", False, "ida"),
        ("From: New <new@example.net>", None, True, "ida"),
        ("Reply-To: ursula@example.org", "ursula", False, "ida"),
        ("From: Ursula\nSender: ursula@example.org", "ursula", False, "ida"),
        ("Subject: nobody", None, True, "ida"),
    ],
)
def test_who_sends_it(
    headers: str, user: str | None, new_person: bool, analyst: str, explain: Explain, tmp_path: Path
) -> None:
    (account,) = explain(mail(tmp_path, headers))

    sender = account["sender"]
    assert (sender["new_person"], sender["logging_analyst"]) == (new_person, analyst)
    if user:
        assert sender["user"]["id"] == user


@pytest.mark.parametrize(
    ("subject", "body", "action"),
    [
        ("Re: [C-000123] Printer", "and another thing", "update an item"),
        ("Re: [C-000123] Printer", "#close", "close an item"),
        ("#close", "", "log a call"),
    ],
)
def test_what_it_asks_for(subject: str, body: str, action: str, explain: Explain, tmp_path: Path) -> None:
    (account,) = explain(mail(tmp_path, f"From: ursula@example.org\nSubject: {subject}", body))
    assert account["action"] == action


def test_a_machines_mail_becomes_no_call(explain: Explain, tmp_path: Path) -> None:
    (account,) = explain(mail(tmp_path, "From: desk@example.org\nX-Mailcall-Loop: 1\nSubject: [C-000001] logged"))

    assert list(account) == KEYS
    assert (account["screen"]["verdict"], account["screen"]["reason"]) == ("rejected", "loop")
    assert account["action"] == "reject"
    assert (account["call"], account["sender"]) == (None, None)
    assert account["steps"][-1]["outcome"] == "reject"


FAILS = "Authentication-Results: mx.desk.example; dmarc=fail header.from=example.org"
PASSES = "Authentication-Results: mx.desk.example; dmarc=pass header.from=example.org"


@pytest.fixture
def set_to(settings: Path) -> Callable[..., None]:
    """Gives the incoming server these fields, and the e-mail options those."""

    def change(server: str = "", options: str = "") -> None:
        text = SETTINGS.replace("use_linked_analyst: true", f"use_linked_analyst: true, {server}".rstrip(", "))
        settings.write_text(text + (f"email_options: {{{options}}}\n" if options else ""))

    return change


@pytest.mark.parametrize(
    ("header", "verdict", "set_user_flag"),
    [(PASSES, "passed", True), (FAILS, "failed", False), ("X: y", "unproved", False)],
)
def test_how_far_the_sender_is_trusted(
    header: str, verdict: str, set_user_flag: bool, explain: Explain, set_to: Callable[..., None], tmp_path: Path
) -> None:
    set_to("trust: mark, authserv_id: mx.desk.example")

    (account,) = explain(mail(tmp_path, f"{header}\nFrom: ida@example.org"))

    assert account["trust"]["verdict"] == verdict
    assert account["trust"]["reason"]
    assert account["sender"]["set_user_flag"] == set_user_flag
    assert account["action"] == "log a call"


def test_who_writes_by_a_form_is_the_sender_where_the_server_says_so(
    explain: Explain, set_to: Callable[..., None], tmp_path: Path
) -> None:
    file = mail(tmp_path, f"{PASSES}\nFrom: form@example.org\nReply-To: Cleo <cleo@client.example>")
    (before,) = explain(file)
    set_to("trust: mark, authserv_id: mx.desk.example, reply_to_is_sender: [Form@Example.org]")
    (account,) = explain(file)

    assert before["sender"]["user"]["address"] == "form@example.org"
    assert account["sender"]["user"]["address"] == "cleo@client.example"
    assert account["parse"]["from"]["address"] == "form@example.org"
    [why] = [step["reason"] for step in account["steps"] if step["step"] == "sender"]
    assert "form@example.org sends for others" in why
    assert "Reply-To names the author" in why
    assert account["trust"]["verdict"] == "unproved"
    assert "Reply-To" in account["trust"]["reason"]


def test_a_mail_in_quarantine_is_held(explain: Explain, set_to: Callable[..., None], tmp_path: Path) -> None:
    set_to("trust: quarantine, authserv_id: mx.desk.example")

    (account,) = explain(mail(tmp_path, f"{FAILS}\nFrom: ida@example.org"))

    assert list(account) == KEYS
    assert (account["screen"]["verdict"], account["screen"]["reason"]) == ("person", None)
    assert account["trust"] == {"verdict": "failed", "reason": "dmarc=fail"}
    assert (account["action"], account["call"], account["sender"]) == ("hold", None, None)
    assert [step["step"] for step in account["steps"]] == ["parse", "screen", "trust", "action"]


@pytest.mark.parametrize(
    ("server", "options", "reason"),
    [
        ("", "blocked_senders: ['@example.org']", "blocked"),
        ("oversize: reject, max_mail_bytes: 100000", "", "oversize"),
    ],
)
def test_what_the_settings_refuse(
    server: str, options: str, reason: str, explain: Explain, set_to: Callable[..., None], tmp_path: Path
) -> None:
    set_to(server, options)

    (account,) = explain(mail(tmp_path, "From: ida@example.org", "x" * 200_000))

    assert list(account) == KEYS
    assert (account["screen"]["verdict"], account["screen"]["reason"]) == ("rejected", reason)
    assert account["screen"]["evidence"]
    assert (account["action"], account["call"]) == ("reject", None)


def test_a_folder_means_every_file_in_it_in_name_order(explain: Explain, tmp_path: Path) -> None:
    folder = tmp_path / "mails"
    for name in ("b.eml", "a", "sub/c.eml", "sub/b.txt", ".hidden", "z.eml"):
        mail((folder / name).parent, "From: ursula@example.org", name=Path(name).name)
    os.mkfifo(folder / "pipe")
    (folder / "loop").symlink_to(folder)
    (folder / "broken").symlink_to(folder / "nowhere")

    files = [Path(account["file"]).relative_to(folder).as_posix() for account in explain(folder)]

    assert files == [".hidden", "a", "b.eml", "sub/b.txt", "sub/c.eml", "z.eml"]


def test_any_bytes_give_one_line(explain: Explain, tmp_path: Path) -> None:
    draw = random.Random(7)
    odd = [
        b"",
        b"\0",
        b"\r\n\r\n",
        b"\xff" * 100,
        b"From: a@b.c\x00\xd8\n\n\x85\xe2\x80\xa8",
        b"\n" * 1000,
        b"a" * 50_000,
    ]
    odd += ["Subject: \ufffe\u2028 x\n\n\u2028\u0085".encode(), b"Subject: =?utf-8?b?7aCA?=\n\n\xed\xa0\x80"]
    odd += [draw.randbytes(draw.randrange(3000)) for _ in range(60)]
    for number, raw in enumerate(odd):
        (tmp_path / f"m{number:03}").write_bytes(raw)
    (tmp_path / "m000").rename(tmp_path / os.fsdecode(b"m000\xff"))

    accounts = explain(*sorted(tmp_path.glob("m*")))

    assert len(accounts) == len(odd)
    for account in accounts:
        assert list(account) == KEYS
        assert list(account["parse"]) == PARSE_KEYS
        text = json.dumps(account, ensure_ascii=False)
        text.encode()  # no lone surrogates
        assert "\\u0000" not in text


def test_without_json_it_is_told_step_by_step(mailcall: Callable[..., Any], settings: Path, tmp_path: Path) -> None:
    path = mail(tmp_path, "From: =?utf-8?q?Ur=1B[31msula?= <u@example.org>\nSubject: Printer\x07")

    ran = mailcall("explain", path, "--settings", settings)

    assert ran.code == 0
    for word in ("parse", "screen", "sender", "route", "action", "priority", "log a call", "it-call", "P3"):
        assert word in ran.out
    assert "\x1b" not in ran.out
    assert "\x07" not in ran.out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere.eml"], "nowhere.eml does not exist"),
        (["{mail}", "--server", "other"], "no incoming server 'other'"),
        (["{mail}", "--settings", "nowhere.yaml"], "nowhere.yaml cannot be read"),
        (["{mail}", "--settings", str(DEMO)], "--server: there are several incoming servers"),
        (["{mail}", "--nonsense"], "No such option"),
        ([], "Missing argument"),
    ],
)
def test_a_users_mistake_is_told_with_exit_code_2(
    arguments: list[str], told: str, mailcall: Callable[..., Any], settings: Path, tmp_path: Path
) -> None:
    path = mail(tmp_path, "From: u@example.org")
    given = [str(path) if argument == "{mail}" else argument for argument in arguments]

    ran = mailcall("explain", "--settings", settings, *given)

    assert ran.code == 2
    assert ran.out == ""
    assert told in ran.err


def test_an_unreadable_file_is_told_and_the_others_go_on(
    mailcall: Callable[..., Any], settings: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "mails"
    mail(folder, "From: u@example.org", name="b")
    (folder / "a").symlink_to("/proc/self/mem")  # not even root can read its beginning

    ran = mailcall("explain", folder, "--settings", settings, "--json")

    assert ran.code == 2
    assert "a cannot be read" in ran.err
    assert len(ran.out.splitlines()) == 1


def test_it_starts_fast_and_loads_no_client(settings: Path, tmp_path: Path) -> None:
    path = mail(tmp_path, "From: u@example.org")
    program = (
        "import sys, console.cli as m\n"
        "try: m.main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "print(sorted({'kafka', 'sqlalchemy', 'faust', 'obstore'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", program, "explain", str(path), "--settings", str(settings), "--json"]
    started = time.monotonic()

    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)

    assert time.monotonic() - started < 10  # 0.6 s on a quiet machine
    assert ran.stdout.splitlines()[-1] == "[]"
