"""The benchmark of other service desks: what it sends them, how it judges what they made of it, what it installs.

No peer is installed here: that is what `make bench-peers` does.
"""

import imaplib
import re
from collections import Counter
from contextlib import closing
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from rich.console import Console

from deploy.local import NotAvailableError, StartError
from deploy.local.bench.mail_host import BenchMailHost
from deploy.local.bench.mails import BenchMail, make_mails
from deploy.local.bench.peers import django_helpdesk, roundup
from deploy.local.bench.peers.__main__ import main, show
from deploy.local.bench.peers.peer import DATABASE, DELIVERY, PROGRAM, RECIPIENT, Ground, Stored
from deploy.local.bench.peers.report import (
    Kept,
    PeerResult,
    cost,
    expected,
    in_stages,
    kept,
    plain_words,
    with_token,
)
from deploy.local.bench.peers.request_tracker import move_folders
from deploy.local.bench.peers.run import PEERS
from deploy.local.packages.debian import unpack_with_needs
from deploy.local.servers.database import Database

REQUIREMENTS = Path(__file__).parents[2] / "requirements"
MAILS = list(make_mails(60, seed=1, recipient=RECIPIENT, acknowledgement_id=lambda mail: f"<ack.{mail.number}@x.y>"))
CALLS, REPLIES = in_stages(MAILS)


def read(mail: BenchMail) -> EmailMessage:
    parsed = message_from_bytes(mail.raw, policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def as_sent(mails: list[BenchMail]) -> dict[str, Stored]:
    """What a peer holds that makes no mistake: one ticket for each call, its replies in it."""
    return {
        mail.message_id: Stored(str(mail.number if mail.answers is None else mail.answers), mail.words, mail.files)
        for mail in mails
    }


def test_what_makes_tickets_comes_before_what_answers_it() -> None:
    assert REPLIES and {mail.number for mail in CALLS + REPLIES} == {mail.number for mail in MAILS}
    assert {mail.answers for mail in REPLIES} <= {mail.number for mail in CALLS}


@pytest.mark.parametrize("reply", REPLIES, ids=lambda reply: str(reply.number))
def test_a_token_stands_in_the_subject_and_nothing_else_changes(reply: BenchMail) -> None:
    before, after = read(reply), read(with_token(reply, "[issue7]"))
    assert after["Subject"] == f"Re: [issue7] {before['Subject']}"
    del before["Subject"], after["Subject"]
    assert after.as_bytes() == before.as_bytes()
    assert with_token(reply, "[issue7]").answers == reply.answers


def test_all_right() -> None:
    assert kept(MAILS, as_sent(MAILS)) == expected(MAILS)
    assert expected(MAILS).files == sum(len(mail.files) for mail in MAILS) > 0


def test_each_fault_is_counted() -> None:
    """One mail not there, one reply in a ticket of its own, one text garbled, one file another."""
    lost = next(mail for mail in CALLS if not mail.files and mail.number not in {one.answers for one in REPLIES})
    with_file = next(mail for mail in CALLS if mail.files)
    garbled = next(mail for mail in CALLS if mail not in (lost, with_file))
    stored = as_sent(MAILS)
    del stored[lost.message_id]
    apart = REPLIES[0].message_id
    stored[apart] = replace(stored[apart], ticket="another")
    stored[garbled.message_id] = replace(stored[garbled.message_id], text=garbled.words[1:])
    stored[with_file.message_id] = replace(stored[with_file.message_id], files=("0" * 64,))
    right = expected(MAILS)
    assert kept(MAILS, stored) == Kept(
        tickets=right.tickets,  # one less, one more
        replies=right.replies - 1,
        texts=right.texts - 2,
        files=right.files - 1,
        missing=1,
    )


def test_mails_that_were_sent_before_do_not_count() -> None:
    warm_up = {"<earlier@example.com>": Stored("1", "text", ())}
    assert kept(MAILS, as_sent(MAILS) | warm_up) == expected(MAILS)


def test_a_text_is_found_in_html() -> None:
    kinds: Counter[str] = Counter()
    for mail in MAILS:
        body = read(mail).get_body(("html",))
        if body is not None:
            kinds[body.get_content_type()] += 1
            assert plain_words(body.get_content()) == mail.words
    assert kinds["text/html"] > 3


def test_the_starts_of_a_program_are_no_part_of_what_a_mail_costs() -> None:
    assert cost({PROGRAM: 5.0, DELIVERY: 1.0}, database=2.0, start=0.5, starts=2, mails=100) == {
        PROGRAM: 40.0,
        DELIVERY: 10.0,
        DATABASE: 20.0,
        "total": 70.0,
    }


def test_the_tables_tell_what_was_made_of_the_mails() -> None:
    result = PeerResult(
        title="a-desk",
        version="1.2",
        way="by mail",
        mails=100,
        cpu_ms_per_mail={PROGRAM: 40.0, DELIVERY: 0.0, DATABASE: 20.25, "total": 60.25},
        start_seconds=0.5,
        mails_per_s=9.9,
        expected=Kept(85, 15, 100, 10, 0),
        kept=Kept(84, 14, 97, 9, 1),
        acknowledgements=84,
    )
    console = Console(record=True, width=120)
    show([result], console)
    text = re.sub(r" +", " ", console.export_text())
    assert "a-desk 40.0 0.0 20.2 60.2 0.50 9.9" in text
    assert "a-desk 84 of 85 14 of 15 97 of 100 9 of 10 1 84" in text
    assert "a-desk 1.2: by mail; 100 mails" in text


def test_only_peers_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--only", "roundup,mailkrake"])
    assert "mailkrake: there is django-helpdesk, roundup, roundup-pipe, request-tracker" in capsys.readouterr().err
    assert all(peer.share >= 1 for peer in PEERS.values())


@pytest.mark.parametrize("package", [django_helpdesk.PACKAGE, roundup.PACKAGE])
def test_a_peer_and_all_that_it_needs_is_pinned_by_hashes(package: str) -> None:
    text = (REQUIREMENTS / f"{package}.txt").read_text()
    assert re.search(rf"(?m)^{package}==\d", text)
    assert re.search(r"(?m)^psycopg2?(-binary)?==\d", text)
    wanted = [one for one in re.split(r"(?m)^(?=\S)", text) if one]
    assert all(re.match(r"[\w.-]+==\S+ .*\n    --hash=sha256:", one) for one in wanted)
    assert f"{package}==" in (REQUIREMENTS.parent / "Makefile").read_text()  # to the same version


def test_request_tracker_reads_in_the_cache_and_writes_in_its_own_folder() -> None:
    named = "$BasePath = '/usr/share/rt';\n$VarPath = '/var/lib/rt';\n$LocalEtcPath = '/etc/rt';\n$VERSION = '5.0';\n"
    assert move_folders(named, Path("/tree"), Path("/own")) == (
        "$BasePath = '/tree/usr/share/rt';\n$VarPath = '/own/var/lib/rt';\n$LocalEtcPath = '/own/etc/rt';\n"
        "$VERSION = '5.0';\n"
    )


def test_packages_are_unpacked_where_debian_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(NotAvailableError, match="mailkrake comes from Debian's packages"):
        unpack_with_needs("mailkrake", ("mailkrake-core",))


def test_the_mail_host_serves_who_reads_by_number() -> None:
    """As django-helpdesk does."""
    with BenchMailHost(["box", "empty"]) as host:
        host.deliver("box", MAILS[:2])
        for box, wanted in (("box", [mail.raw for mail in MAILS[:2]]), ("empty", [])):
            with imaplib.IMAP4(host.host, host.imap_port) as client:
                client.login(box, "any")
                client.select("INBOX")
                numbers = client.search(None, "NOT", "DELETED")[1][0].split()
                answers = [client.fetch(number, "(RFC822)")[1][0] for number in numbers]
                assert [answer[1] for answer in answers if isinstance(answer, tuple)] == wanted


def test_what_a_program_costs_and_how_it_failed(tmp_path: Path) -> None:
    with closing(Database()) as database:  # not started
        peer = django_helpdesk.DjangoHelpdesk(Ground(tmp_path, database, "localhost", 25))
    spent = peer.run(["sh", "-c", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done"], {}, must_end_well=True)
    assert spent > 0
    peer.run(["sh", "-c", "exit 75"], {}, must_end_well=False)
    with pytest.raises(StartError, match=r"(?s)django-helpdesk: a program of it ended with 3; .*no room"):
        peer.run(["sh", "-c", "cat; exit 3"], {}, b"no room", must_end_well=True)
