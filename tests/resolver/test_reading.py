"""The child process that reads mails: what it gives, what bounds it, and what becomes of a mail that ends it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from deploy.local.bench.mails import make_mails
from resolver.examine import examine
from resolver.resolve import trust_in
from resolver.sandbox.child import cpu_seconds
from resolver.sandbox.sandboxed_parser import BEGINNING_BYTES, MAX_HEAD_BYTES, SandboxedParser
from runtime.outages import OutageError
from schemas.mail import Defect
from schemas.reasons import Reason
from schemas.settings import IncomingServer
from tests.captured_logs import capture_logs
from tests.parsing.hostile import HOSTILE

OWN = frozenset({"desk@example.com"})
MISBEHAVING = (sys.executable, "-m", "tests.resolver.misbehaving")
PATIENCE = 60.0


@pytest.fixture(scope="module")
def reader() -> Iterator[SandboxedParser]:
    with closing(SandboxedParser()) as one:
        yield one


@pytest.fixture
def misbehaving() -> Iterator[SandboxedParser]:
    with closing(SandboxedParser(MISBEHAVING)) as one:
        yield one


def mail(body: str, subject: str = "Printer", number: int = 0) -> bytes:
    return f"From: Ursula <ursula@example.org>\r\nSubject: {subject}\r\nX-Number: {number}\r\n\r\n{body}\r\n".encode()


def others() -> list[bytes]:
    return [mail(f"Hello {number}", number=number) for number in range(9)]


def over_limits(limit: str) -> float:
    return REGISTRY.get_sample_value("mailcall_mails_over_limits_total", {"limit": limit}) or 0


def wait_for(done: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < deadline, f"{what}: not within {PATIENCE:.0f} s"
        time.sleep(0.05)


def runs(pid: int) -> bool:
    """Whether a process is there and has not ended: one that nobody has waited for yet still has its number."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


# ---- what it gives ---------------------------------------------------------------------------------------------------


def test_the_child_gives_what_reading_here_gives(reader: SandboxedParser) -> None:
    mails = [
        one.raw
        for one in make_mails(60, seed=1, recipient="it@example.com", acknowledgement_id=lambda m: f"<{m.number}@x>")
    ]
    mails += [
        mail("It is ours", subject="Re: \udc80".encode("utf-8", "replace").decode()),
        b"From: desk@example.com\nAuto-Submitted: auto-generated\n\n.",
    ]
    mails += [b"", b"\0", os.urandom(5_000)]

    examined = reader.examine([(str(number), raw) for number, raw in enumerate(mails)], OWN)

    assert examined == [examine(raw, OWN) for raw in mails]
    assert any(one.files for one in examined)
    assert any(one.screening.verdict == "rejected" for one in examined)


def test_other_own_addresses_are_in_force_at_once(reader: SandboxedParser) -> None:
    raw = b"From: new@example.com\r\nAuto-Submitted: auto-generated\r\n\r\nHello\r\n"
    verdicts = [
        reader.examine([("1", raw)], own)[0].screening.verdict
        for own in (OWN, OWN | {"new@example.com"}, frozenset[str]())
    ]
    assert verdicts == ["person", "rejected", "person"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_mail_stays_within_the_limits(name: str, reader: SandboxedParser) -> None:
    [examined] = reader.examine([(name, HOSTILE[name])], OWN)
    assert Defect.UNPARSED not in examined.mail.defects


# ---- a mail past the limits ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("act", "limit"), [("burn", "cpu"), ("devour", "memory"), ("die", "crash"), ("hang", "time"), ("fail", "crash")]
)
def test_of_a_mail_past_the_limits_its_headers_stay_and_all_others_are_read(
    act: str, limit: str, capfd: pytest.CaptureFixture[str]
) -> None:
    raws = others()
    raws.insert(4, mail(f"please {act} sesame"))
    before = over_limits(limit)

    patience = 1 if act == "hang" else PATIENCE
    with closing(SandboxedParser(MISBEHAVING, patience)) as reader, capture_logs() as logs:
        examined = reader.examine([(f"mail-{number}", raw) for number, raw in enumerate(raws)], OWN)

    past = examined.pop(4)
    assert (past.mail.subject, past.sender.address) == ("Printer", "ursula@example.org")
    assert (past.mail.text, past.files, past.mail.defects[-1]) == ("", (), Defect.UNPARSED)
    assert examined == [examine(raw, OWN) for raw in others()]
    assert over_limits(limit) == before + 1
    told = [line for line in logs if line["log_level"] == "error"]
    assert [(line["mail_id"], line["limit"]) for line in told] == [("mail-4", limit)]
    assert "sesame" not in capfd.readouterr().err


def test_where_the_headers_are_past_the_limits_as_well_the_mail_still_goes_on(misbehaving: SandboxedParser) -> None:
    [examined] = misbehaving.examine([("1", mail("Hello", subject="please burn"))], OWN)
    assert (examined.mail.defects, examined.screening.verdict) == ((Defect.UNPARSED,), "person")
    assert (examined.sender.address, examined.answerable) == ("ursula@example.org", False)


@pytest.mark.parametrize(
    "start",
    [
        b"From: a@example.org\nFrom: b@example.org\n",
        b"From: a@example.org, b@example.org\n",
        b"From: nobody\n",
        b"From: " + b"a@" * 30_000 + b"\n",
        b"Subject: x\n",
        b"From: (old) x@example.org (new\n",
        b'From: "b@example.org" <a@example.org>\n',
        b"From: <@relay.example:a@example.org>\n",
        b"From: team: a@example.org;\n",
        b"Subject: x\rFrom: b@example.org\nFrom: a@example.org\n",
        b"From: a@example.org\nX: " + b"y" * MAX_HEAD_BYTES + b"\nFrom: b@example.org\n",
    ],
)
def test_where_the_headers_are_past_the_limits_a_doubtful_sender_is_none(
    start: bytes, misbehaving: SandboxedParser
) -> None:
    [examined] = misbehaving.examine([("1", b"X: please burn\n" + start + b"\nFrom: c@example.org\n")], OWN)
    assert (examined.mail.from_, examined.sender.address) == (None, "")


CHECKED = b"Authentication-Results: mx.example.com; dmarc=pass header.from=example.org\r\nReceived: x\r\n"
CHECKING = IncomingServer(
    id="it-in",
    protocol="imap",
    call_template="it",
    default_logging_analyst="ida",
    trust="mark",
    authserv_id="mx.example.com",
)


@pytest.mark.parametrize(
    ("head", "body", "verdict"),
    [
        (b"", b"please burn", "passed"),
        (b"X: " + b"y" * MAX_HEAD_BYTES + b"\r\nFrom: b@example.org\r\n", b"please burn", "unproved"),
        (b"From: b@example.org\r\n", b"please burn", "unproved"),
        (b"X: please burn\r\n", b"", "unproved"),
    ],
)
def test_past_the_limits_only_a_sender_without_doubt_is_proved(
    head: bytes, body: bytes, verdict: str, misbehaving: SandboxedParser
) -> None:
    raw = CHECKED + b"From: Ursula <ursula@example.org>\r\n" + head + b"\r\n" + body
    [examined] = misbehaving.examine([("1", raw)], OWN)
    assert examined.mail.defects[-1] is Defect.UNPARSED
    assert examined.sender.address == "ursula@example.org"
    assert trust_in(examined, CHECKING).verdict == verdict


@pytest.mark.parametrize("act", ["burn", "die", "devour"])
def test_after_a_mail_past_the_limits_only_the_rest_of_its_group_is_read(
    act: str, misbehaving: SandboxedParser, tmp_path: Path
) -> None:
    raws = [mail(f"please count {tmp_path / str(number)}") for number in range(9)]
    raws.insert(4, mail(f"please {act} x"))
    examined = misbehaving.examine([("", raw) for raw in raws], OWN)
    assert [(tmp_path / str(number)).read_bytes() for number in range(9)] == [b"."] * 9
    assert [Defect.UNPARSED in one.mail.defects for one in examined] == [number == 4 for number in range(10)]


def test_a_large_message_has_more_time_in_proportion() -> None:
    assert [cpu_seconds(size) for size in (0, 10_000_000, 50_000_000)] == [2.0, 3.0, 7.0]


LINE = "Die Tür zum Lager im dritten Stock schließt nicht mehr, bitte prüfen.\r\n"
CHINESE = "三楼的打印机坏了，请尽快派人来修理，谢谢。\r\n"


@pytest.mark.parametrize(
    ("charset", "line"),
    [
        ("us-ascii", "The door of the store does not close any more.\r\n"),
        ("utf-8", LINE),
        ("iso-8859-1", LINE),
        ("utf-16", LINE),
        ("gb18030", CHINESE),
    ],
)
def test_a_large_ordinary_text_is_read_whole(charset: str, line: str, reader: SandboxedParser) -> None:
    head = f"From: anna@example.org\r\nContent-Type: text/plain; charset={charset}\r\n\r\n".encode()
    times = 48_000_000 // len(line.encode(charset))
    [examined] = reader.examine([("1", head + (line * times).encode(charset))], OWN)
    assert examined.mail.defects == ()
    assert len(examined.mail.text) == times * (len(line) - 1) - 1


def test_a_text_too_wide_for_the_memory_is_cut_and_says_so(reader: SandboxedParser) -> None:
    raw = (
        b"From: anna@example.org\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
        + "Thanks \U0001f600\n".encode() * 3_000_000
    )
    [examined] = reader.examine([("1", raw)], OWN)
    assert examined.mail.defects == (Defect.TOO_LONG,)
    assert len(examined.mail.text) > 1_000_000


def test_of_a_large_mail_past_the_memory_limit_the_beginning_is_read(misbehaving: SandboxedParser) -> None:
    raw = mail("Hello\n" * (BEGINNING_BYTES // 6) + "please devour sesame")
    [examined] = misbehaving.examine([("1", raw)], OWN)
    assert examined.mail.text.startswith("Hello\nHello")
    assert (examined.mail.defects, examined.files) == ((Defect.UNPARSED,), ())


def test_a_machines_mail_past_the_limits_is_still_known_as_one(misbehaving: SandboxedParser) -> None:
    [examined] = misbehaving.examine([("1", b"Auto-Submitted: auto-replied\r\n" + mail("please die"))], OWN)
    assert examined.screening.reason is Reason.AUTO_REPLY


# ---- a child that ends for other reasons -----------------------------------------------------------------------------


def test_a_child_killed_from_outside_condemns_no_mail(misbehaving: SandboxedParser, tmp_path: Path) -> None:
    """Killed twice: while it reads several mails, then while it reads one alone."""
    raws = others()
    raws[4] = mail(f"please die_once {tmp_path / 'first'} please die_once {tmp_path / 'second'}")
    examined = misbehaving.examine([("", raw) for raw in raws], OWN)
    assert (tmp_path / "second").exists()
    assert [one.mail.text for one in examined] == [examine(raw, OWN).mail.text for raw in raws]
    assert not [one for one in examined if Defect.UNPARSED in one.mail.defects]


def test_a_child_that_is_gone_between_two_batches_is_replaced(misbehaving: SandboxedParser, tmp_path: Path) -> None:
    pid = told_pid(misbehaving, tmp_path / "pid")
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not runs(pid), "the child to be gone")
    assert misbehaving.examine([("1", mail("Hello"))], OWN) == [examine(mail("Hello"), OWN)]


def test_a_signal_to_the_whole_group_leaves_the_child_to_the_resolver(
    misbehaving: SandboxedParser, tmp_path: Path
) -> None:
    pid = told_pid(misbehaving, tmp_path / "pid")
    os.kill(pid, signal.SIGTERM)
    os.kill(pid, signal.SIGINT)
    assert told_pid(misbehaving, tmp_path / "pid") == pid


def test_closing_ends_the_child(tmp_path: Path) -> None:
    with closing(SandboxedParser(MISBEHAVING)) as reader:
        pid = told_pid(reader, tmp_path / "pid")
        assert runs(pid)
    assert not runs(pid)


@pytest.mark.parametrize("act", ["tell", "tell_and_burn"])
def test_the_child_ends_when_the_resolver_is_killed(act: str, tmp_path: Path) -> None:
    program = (
        "import sys, time; from resolver.sandbox.sandboxed_parser import SandboxedParser; "
        "reader = SandboxedParser(sys.argv[1:4]); reader.examine([('', sys.argv[4].encode())], frozenset()); "
        "time.sleep(600)"
    )
    resolver = subprocess.Popen([sys.executable, "-c", program, *MISBEHAVING, f"please {act} {tmp_path / 'pid'}"])
    try:
        wait_for((tmp_path / "pid").exists, "the child to read")
    finally:
        resolver.kill()
        resolver.wait()
    pid = int((tmp_path / "pid").read_text())
    wait_for(lambda: not runs(pid), "the child to end")


@pytest.mark.parametrize("command", [("/nowhere/python",), (sys.executable, "-c", "raise SystemExit(7)")])
def test_a_child_that_does_not_start_is_an_outage_and_no_mails_fault(command: tuple[str, ...]) -> None:
    with closing(SandboxedParser(command)) as reader, pytest.raises(OutageError) as caught:
        reader.examine([("1", mail("Hello"))], OWN)
    assert caught.value.reason is Reason.READER_AWAY


def told_pid(reader: SandboxedParser, file: Path) -> int:
    """Process id of the child."""
    file.unlink(missing_ok=True)
    reader.examine([("", mail(f"please tell {file}"))], OWN)
    return int(file.read_text())
