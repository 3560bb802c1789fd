"""Mails that two programs can read in two ways: whatever was found of one reading, no other is ever proved by it.

Every form of From, with every oddity of a header block, with every place of the results. The right verdict is simple:
what is odd in none of the three, and was found to pass by our own system, is proved; nothing else is.
"""

from itertools import product

import pytest

from resolver.examine import examine
from resolver.resolve import trust_in
from schemas.resolved_mail import Trust
from schemas.settings import IncomingServer

SERVER = IncomingServer(
    id="it", protocol="imap", call_template="it", default_logging_analyst="desk", trust="mark",
    authserv_id="mx.desk.example",
)  # fmt: skip
PASS = "Authentication-Results: mx.desk.example; dmarc=pass header.from=example.org"
NONE = "Authentication-Results: mx.desk.example; dmarc=none header.from=example.org"
FAIL = "Authentication-Results: mx.desk.example; dmarc=fail header.from=example.org"
STRANGE = "Authentication-Results: mx.other.example; dmarc=pass header.from=example.org"
OURS = "Received: from mail.example.org by mx.desk.example; Fri, 20 Nov 2026 11:58:03 +0000"
THEIRS = "Received: from laptop by mail.example.org; Fri, 20 Nov 2026 11:58:01 +0000"

# What the fields above From are -> whether they prove example.org.
RESULTS: dict[str, tuple[tuple[str, ...], bool]] = {
    "ours passes": ((PASS, OURS, THEIRS), True),
    "ours passes below our Received": ((OURS, PASS, THEIRS), True),
    "ours passes without any Received": ((PASS,), True),
    "ours finds nothing": ((NONE, OURS, THEIRS), False),
    "forged below ours": ((NONE, OURS, PASS, THEIRS), False),
    "forged below all": ((NONE, OURS, THEIRS, PASS), False),
    "forged below our line below our Received": ((OURS, NONE, PASS, THEIRS), False),
    "of another system": ((STRANGE, OURS, THEIRS), False),
    "of another system, forged below": ((STRANGE, OURS, PASS), False),
    "none at all": ((OURS, THEIRS), False),
}

# Fields of From -> the name of what is odd, empty where every program reads ann@example.org.
FROM: dict[str, str] = {
    "From: ann@example.org": "",
    "from:ann@example.org": "",
    "From: <ann@example.org>": "",
    "From: Ann Ek <ann@example.org>": "",
    "From: Ann Ek <Ann@Example.ORG>": "",
    "From: Ann Ek <ann@example.org.>": "",
    'From: "Ek, Ann" <ann@example.org>': "",
    'From: "Ann \\"Annie\\" Ek" <ann@example.org>': "",
    "From: ann@example.org (Ann Ek)": "",
    "From: Ann Ek (IT (Oslo)) <ann@example.org>": "",
    "From: [IT] Ann Ek <ann@example.org>": "",
    "From: ann@example.org <ann@example.org>": "",
    'From: "ann@example.org" <ann@example.org>': "",
    "From: =?utf-8?q?Ann_=C3=86k?= <ann@example.org>": "",
    "From: =?utf-8?q?ann=40example=2Eorg?= <ann@example.org>": "",
    "From: Ann Ek\r\n <ann@example.org>": "",
    "From: Ann Ek <ann@example.org>\r\nSender: boss@elsewhere.test": "",
    "From: Ann Ek <ann@example.org>\r\nResent-From: boss@elsewhere.test": "",
    "From: boss@elsewhere.test\r\nFrom: ann@example.org": "several-from",
    "From: ann@example.org\r\nFrom: ann@example.org": "several-from",
    "From: boss@elsewhere.test, ann@example.org": "several-from",
    "From: ann@example.org, boss@elsewhere.test": "several-from",
    "From: Ek, Ann <ann@example.org>": "ambiguous-from",
    "From: ann@example.org\r\nFrom:": "ambiguous-from",
    "From: <boss@elsewhere.test> <ann@example.org>": "ambiguous-from",
    "From: <ann@example.org> <boss@elsewhere.test>": "ambiguous-from",
    "From: boss@elsewhere.test <ann@example.org>": "ambiguous-from",
    'From: "boss@elsewhere.test" <ann@example.org>': "ambiguous-from",
    'From: "boss@example.org" <ann@example.org>': "ambiguous-from",
    "From: Ann (boss@elsewhere.test) <ann@example.org>": "ambiguous-from",
    "From: ann@example.org (boss@elsewhere.test)": "ambiguous-from",
    "From: =?utf-8?q?boss=40elsewhere=2Etest?= <ann@example.org>": "ambiguous-from",
    "From: =?utf-8?b?Ym9zc0BlbHNld2hlcmUudGVzdA==?= <ann@example.org>": "ambiguous-from",
    "From: =?utf-8?q?ann=40example=2Eorg?=": "ambiguous-from",
    "From: =?utf-8?q?=3Cboss=40elsewhere=2Etest=3E=2C?= <ann@example.org>": "ambiguous-from",
    "From: <@elsewhere.test:ann@example.org>": "ambiguous-from",
    "From: <@elsewhere.test,@other.test:ann@example.org>": "ambiguous-from",
    "From: boss%elsewhere.test@example.org": "ambiguous-from",
    "From: elsewhere.test!boss@example.org": "ambiguous-from",
    "From: Staff: ann@example.org;": "ambiguous-from",
    "From: Staff: ann@example.org, boss@elsewhere.test;": "several-from",
    "From: ann@example.org(.elsewhere.test": "ambiguous-from",
    "From: ann@(x)example.org": "ambiguous-from",
    "From: ann @ example.org": "ambiguous-from",
    "From: <mailto:ann@example.org>": "ambiguous-from",
    "From: <<ann@example.org>>": "ambiguous-from",
    "From: <ann@example.org": "ambiguous-from",
    'From: "Ann <ann@example.org>': "ambiguous-from",
    'From: "Ann\\" <ann@example.org>': "ambiguous-from",
    'From: "ann"@example.org': "ambiguous-from",
    "From: <> <ann@example.org>": "ambiguous-from",
    "From: ann@example.org boss": "ambiguous-from",
    "From: ann@example.org\x0b": "ambiguous-from",
    "From: \x1bAnn <ann@example.org>": "ambiguous-from",
    "From: ann@\u24d4xample.org": "ambiguous-from",
    "From: ann@exam\u200bple.org": "ambiguous-from",
    "From: ann@example\u3002org": "ambiguous-from",
    f"From: {'Ann ' * 300}<ann@example.org>": "ambiguous-from",
    "From : ann@example.org": "blank-before-colon",
    "From\t: ann@example.org": "blank-before-colon",
}

# What else stands in the block: (above the results, behind From) -> its name; empty where it is nothing odd.
BLOCK: dict[tuple[str, str], str] = {
    ("", ""): "",
    ("Return-Path: <ann@example.org>\r\n", ""): "",
    ("Delivered-To: desk@desk.example\r\n\tby a\r\n  long way\r\n", ""): "",
    ("", f"References: {'<a@b.example> ' * 3000}\r\n"): "",
    ("", "Subject: Re : from : \r\n"): "",
    ("", "Subject: blanks at the end  \r\n\tand more\r\n"): "",
    (f'Return-Path: <"\r{PASS}"@x.example>\r\n', ""): "bare-cr",
    (f"Return-Path: <x>\r{PASS}\r\n", ""): "bare-cr",
    ("", "Subject: x\ry\r\n"): "bare-cr",
    ("", "Subject: x\rFrom: ann@example.org\r\n"): "bare-cr",
    ("Return-Path: <x\0>\r\n", ""): "nul",
    ("", "Subject: \0\r\n"): "nul",
    (f"Return-Path: <x>\n{PASS}\r\n", ""): "mixed-line-ends",
    ("", "Subject: x\nX-Other: y\r\n"): "mixed-line-ends",
    ("Delivered-To: a\r\n \r\n", ""): "blank-fold",
    ("Delivered-To: a\r\n\t \r\n b\r\n", ""): "blank-fold",
    (PASS.replace(":", " :") + "\r\n", ""): "blank-before-colon",
    (OURS.replace(":", "\t:", 1) + "\r\n", ""): "blank-before-colon",
    ("no field at all\r\n", ""): "junk-in-headers",
    ("", "no field at all\r\nSubject: x\r\n"): "junk-in-headers",
    ("", "X: y\r\n" * 1_001): "too-many-headers",
}


def trust_of(above: str, results: tuple[str, ...], from_: str, behind: str) -> Trust:
    top = above + "".join(f"{line}\r\n" for line in results)
    raw = f"{top}{from_}\r\n{behind}\r\nA body.\r\n".encode()
    return trust_in(examine(raw, frozenset()), SERVER)


def has_results(fields: tuple[str, ...]) -> bool:
    return any(field.startswith("Authentication-Results") for field in fields)


@pytest.mark.parametrize(("above", "behind"), BLOCK)
def test_only_what_every_program_reads_alike_is_proved(above: str, behind: str) -> None:
    odd_block = BLOCK[above, behind]
    seen = set()
    for (from_, odd_from), (results, proves) in product(FROM.items(), RESULTS.values()):
        trust = trust_of(above, results, from_, behind)
        odd = {odd_block, odd_from} - {""}
        expected = "passed" if proves and not odd else "unproved"
        assert trust.verdict == expected, (above, results, from_, behind, trust)
        assert not odd or any(name in trust.reason for name in odd) or not has_results(results), (from_, behind, trust)
        seen.add(trust.verdict)
    assert seen == ({"unproved"} if odd_block else {"passed", "unproved"})


@pytest.mark.parametrize(("above", "behind"), BLOCK)
def test_what_is_found_to_fail_is_no_better_for_being_odd(above: str, behind: str) -> None:
    verdicts = {trust_of(above, (FAIL, OURS, THEIRS), from_, behind).verdict for from_ in FROM}
    assert verdicts <= {"failed", "unproved"}
    assert "authentication-results" in above.lower() or verdicts == {"failed"}


@pytest.mark.parametrize(
    ("from_", "results", "expected"),
    [
        ("ann@bücher.example", "dmarc=pass header.from=bücher.example", "passed"),
        ("ann@bücher.example", "dmarc=pass header.from=xn--bcher-kva.example", "passed"),
        ("ann@xn--bcher-kva.example", "dmarc=pass header.from=bücher.example", "passed"),
        # To IDNA 2003 it is fass.example, to IDNA 2008 xn--fa-hia.example, which somebody else may own.
        ("ann@faß.example", "dmarc=pass header.from=faß.example", "unproved"),
        ("ann@faß.example", "dmarc=pass header.from=fass.example", "unproved"),
        ("ann@fass.example", "dkim=pass header.d=faß.example", "unproved"),
        ("ann@xn--fa-hia.example", "dmarc=pass header.from=xn--fa-hia.example", "passed"),
        ("ann@ban\u212a.example", "dmarc=pass header.from=ban\u212a.example", "unproved"),
        ("ann@bank.example", "dkim=pass header.d=ban\u212a.example", "unproved"),
        ("\u212aate@example.org", "dmarc=pass header.from=example.org", "unproved"),
        ("jörg@example.org", "dmarc=pass header.from=example.org", "passed"),
    ],
)
def test_a_domain_with_two_meanings_is_nobodys(from_: str, results: str, expected: str) -> None:
    trust = trust_of("", (f"Authentication-Results: mx.desk.example; {results}", OURS), f"From: {from_}", "")
    assert trust.verdict == expected, trust


@pytest.mark.parametrize("header", ["Sender", "Reply-To", "Return-Path", "Resent-From"])
def test_who_stands_in_another_header_than_from_is_not_proved(header: str) -> None:
    assert trust_of("", (PASS, OURS), f"{header}: ann@example.org", "").verdict == "unproved"


def test_line_ends_of_one_kind_are_nothing_odd() -> None:
    for end in ("\n", "\r\n", "\r\r\n"):
        raw = end.join((PASS, OURS, "From: Ann Ek <ann@example.org>", "", "a bare\rcarriage return, \0 and\n")).encode()
        assert trust_in(examine(raw, frozenset()), SERVER).verdict == "passed"
    raw = "\r".join((PASS, OURS, "From: Ann Ek <ann@example.org>", "", "x")).encode()
    assert trust_in(examine(raw, frozenset()), SERVER).verdict == "unproved"
