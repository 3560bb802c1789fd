"""The lines of real mail systems, and of those who forge them: what each proves of ann@example.org."""

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from resolver.ambiguity import header_doubts
from resolver.parsing import parse
from resolver.sender_address import SenderAddress
from resolver.trust import assess, own_lines
from schemas.resolved_mail import TrustVerdict
from schemas.settings import IncomingServer

SEVERAL = ("several-from",)
ANN = SenderAddress("ann@example.org", "Ann", "From", "the author, as From says")


def server(authserv_id: str | None = "mx.desk.example", trust: Any = "mark") -> IncomingServer:
    return IncomingServer(
        id="it",
        protocol="imap",
        call_template="it-call",
        default_logging_analyst="desk",
        trust=trust,
        authserv_id=authserv_id,
    )


def verdict(header: str, authserv_id: str = "mx.desk.example", sender: SenderAddress = ANN) -> TrustVerdict:
    return assess((header,), sender, (), server(authserv_id)).verdict


GMAIL = """mx.google.com;
       dkim=pass header.i=@example.org header.s=20230601 header.b=Zk3+/q=;
       spf=pass (google.com: domain of ann@example.org designates 192.0.2.1 as permitted sender) smtp.mailfrom=ann@example.org;
       dmarc=pass (p=NONE sp=QUARANTINE dis=NONE) header.from=example.org"""  # noqa: E501
GMAIL_FORGED = """mx.google.com;
       spf=softfail (google.com: domain of transitioning ann@example.org does not designate 203.0.113.9 as permitted sender) smtp.mailfrom=ann@example.org;
       dmarc=fail (p=REJECT sp=REJECT dis=NONE) header.from=example.org"""  # noqa: E501
GMAIL_FORWARDED = """mx.google.com;
       dkim=pass header.i=@example.org header.s=s1 header.b=abc;
       arc=pass (i=1 spf=pass spfdomain=example.org);
       spf=fail (google.com: domain of ann@example.org does not designate 198.51.100.7) smtp.mailfrom=ann@example.org"""
GMAIL_SRS = """mx.google.com;
       spf=pass (google.com: ...) smtp.mailfrom="SRS0=HHH=TT=example.org=ann@forwarder.example"; dmarc=none"""
MICROSOFT = """spf=pass (sender IP is 192.0.2.1)
 smtp.mailfrom=example.org; dkim=pass (signature was verified)
 header.d=example.org;dmarc=pass action=none
 header.from=example.org;compauth=pass reason=100"""
MICROSOFT_FORGED = """spf=fail (sender IP is 203.0.113.9) smtp.mailfrom=example.org; dkim=none
 (message not signed) header.d=none;dmarc=fail action=oreject
 header.from=example.org;compauth=fail reason=000"""
MICROSOFT_GUESS = """spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=mail.example.org; dkim=none
 (message not signed) header.d=none;dmarc=bestguesspass action=none header.from=example.org;compauth=pass reason=109"""
MICROSOFT_INTERNAL = "dkim=none (message not signed) header.d=none;dmarc=none action=none header.from=example.org;"
MICROSOFT_COMPAUTH = """spf=none (sender IP is 203.0.113.9) smtp.mailfrom=other.example; dkim=none header.d=none;
 dmarc=none action=none header.from=example.org;compauth=pass reason=703"""
OUTLOOK = """spf=pass (sender IP is 192.0.2.1)
 smtp.mailfrom=example.org; hotmail.com; dkim=pass (signature was verified)
 header.d=example.org;hotmail.com; dmarc=pass action=none header.from=example.org;compauth=pass reason=100"""
YAHOO = """atlas105.free.mail.gq1.yahoo.com;
 dkim=pass header.i=@example.org header.s=20161025;
 spf=pass smtp.mailfrom=example.org;
 dmarc=pass(p=NONE,sp=QUARANTINE) header.from=example.org;"""
YAHOO_OLD = """mta1007.mail.gq1.yahoo.com  from=example.org; domainkeys=neutral (no sig);  from=example.org;
 dkim=neutral (no sig)"""
FASTMAIL = """mx3.messagingengine.com;
    arc=none (no signatures found);
    bimi=skipped (DMARC Policy is not at enforcement);
    dkim=pass (2048-bit rsa key sha256) header.d=example.org
      header.i=@example.org header.b=kYc1oUwZ header.a=rsa-sha256
      header.s=20161025 x-bits=2048;
    dmarc=pass policy.published-domain-policy=none
      policy.published-subdomain-policy=quarantine
      policy.evaluated-disposition=none (p=none,sp=quarantine,d=none,
      d.eval=none) policy.policy-from=p header.from=example.org;
    iprev=pass smtp.remote-ip=192.0.2.1 (mail.example.org);
    spf=pass smtp.mailfrom=ann@example.org smtp.helo=mail.example.org"""
RSPAMD = """mx.desk.example;
	dkim=pass header.d=example.org header.s=dkim header.b=abc;
	dmarc=pass (policy=reject) header.from=example.org;
	spf=pass (mx.desk.example: domain of ann@example.org designates 192.0.2.1 as permitted sender) smtp.mailfrom=ann@example.org"""  # noqa: E501
RSPAMD_FORGED = """mx.desk.example; dkim=none; dmarc=fail reason="No valid SPF, No valid DKIM" header.from=example.org (policy=reject);
	spf=softfail (mx.desk.example: 203.0.113.9 is neither permitted nor denied) smtp.mailfrom=ann@example.org"""  # noqa: E501
OPENDMARC = "mx.desk.example; dmarc=pass (p=none dis=none) header.from=example.org"
OPENDMARC_NONE = "mx.desk.example; dmarc=none (p=none dis=none) header.from=example.org"
OPENDKIM = """mx.desk.example;
	dkim=pass (2048-bit key; unprotected) header.d=example.org header.i=@example.org header.a=rsa-sha256
	header.s=mail header.b="a+/="; dkim-atps=neutral"""
POLICYD_SPF = "mx.desk.example; spf=pass (sender SPF authorized) smtp.mailfrom=example.org (client-ip=192.0.2.1)"


@pytest.mark.parametrize(
    ("header", "authserv_id", "expected"),
    [
        (GMAIL, "mx.google.com", "passed"),
        (GMAIL, "MX.Google.COM", "passed"),
        (GMAIL, "*.google.com", "passed"),
        (GMAIL_FORGED, "mx.google.com", "failed"),
        (GMAIL_FORWARDED, "mx.google.com", "passed"),
        (GMAIL_SRS, "mx.google.com", "unproved"),
        (MICROSOFT, "-", "passed"),
        (MICROSOFT_FORGED, "-", "failed"),
        (MICROSOFT_GUESS, "-", "passed"),
        (MICROSOFT_INTERNAL, "-", "unproved"),
        (MICROSOFT_COMPAUTH, "-", "unproved"),
        (OUTLOOK, "-", "passed"),
        (YAHOO, "*.yahoo.com", "passed"),
        (YAHOO_OLD, "*.yahoo.com", "unproved"),
        (FASTMAIL, "*.messagingengine.com", "passed"),
        (RSPAMD, "mx.desk.example", "passed"),
        (RSPAMD_FORGED, "mx.desk.example", "failed"),
        (OPENDMARC, "mx.desk.example", "passed"),
        (OPENDMARC_NONE, "mx.desk.example", "unproved"),
        (OPENDKIM, "mx.desk.example", "passed"),
        (POLICYD_SPF, "mx.desk.example", "passed"),
    ],
)
def test_real_systems(header: str, authserv_id: str, expected: TrustVerdict) -> None:
    assert verdict(header.replace("\n", "\r\n"), authserv_id) == expected


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ("dmarc=pass header.from=example.org", "passed"),
        ("dmarc=pass header.from=evil.example", "unproved"),
        ("dmarc=pass", "unproved"),
        ("dmarc=fail header.from=example.org", "failed"),
        ("dmarc=fail header.from=example.org; dkim=pass header.d=example.org", "failed"),
        ("dmarc=temperror header.from=example.org; dkim=pass header.d=example.org", "passed"),
        ("dkim=pass header.d=example.org", "passed"),
        ("dkim=pass header.d=EXAMPLE.org.", "passed"),
        ("dkim=pass header.d=mail.example.org", "passed"),
        ("dkim=pass header.i=@example.org", "passed"),
        ("dkim=pass header.i=bot@news.example.org", "passed"),
        ("dkim=pass header.d=evil.example header.i=@example.org", "unproved"),
        ("dkim=pass header.d=evil.example", "unproved"),
        ("dkim=pass header.d=badexample.org", "unproved"),
        ("dkim=pass header.d=example.org.evil.example", "unproved"),
        ("dkim=pass header.d=org", "unproved"),
        ("dkim=pass header.d=example.org(.evil.example", "unproved"),
        ("dkim=pass header.d=example.org .evil.example", "unproved"),
        ("dkim=pass header.d=evil.example example.org", "unproved"),
        ("dkim=pass header.d=evil.example header.d=example.org", "unproved"),
        ("dkim=pass header.d=example.org\0.evil.example", "unproved"),
        ("dkim=pass", "unproved"),
        ("dkim=fail header.d=evil.example; dkim=pass header.d=example.org", "passed"),
        ("dkim=fail header.d=example.org", "failed"),
        ("dkim=fail header.d=example.org; dkim=pass header.d=list.example", "failed"),
        ("dkim=neutral header.d=example.org", "unproved"),
        ("dkim=policy header.d=example.org", "unproved"),
        ("spf=pass smtp.mailfrom=ann@example.org", "passed"),
        ("spf=pass smtp.mailfrom=bounce.example.org", "passed"),
        ("spf=pass smtp.mailfrom=evil.example", "unproved"),
        ("spf=pass smtp.mailfrom=ann@example.org@evil.example", "unproved"),
        ('spf=pass smtp.mailfrom="ann@example.org"@evil.example', "unproved"),
        ('spf=pass smtp.mailfrom="; dkim=pass header.d=example.org"@evil.example', "unproved"),
        ("spf=pass smtp.helo=example.org", "unproved"),
        ("spf=softfail smtp.mailfrom=example.org", "failed"),
        ("spf=fail smtp.mailfrom=evil.example", "failed"),
        ("spf=hardfail smtp.mailfrom=example.org", "failed"),
        ("spf=fail smtp.mailfrom=example.org; dkim=pass header.d=example.org", "passed"),
        ("spf=permerror smtp.mailfrom=example.org", "unproved"),
        ("arc=pass header.d=example.org", "unproved"),
        ("iprev=pass policy.iprev=192.0.2.1; auth=pass smtp.auth=ann@example.org", "unproved"),
        ("x=(dmarc=pass header.from=example.org)", "unproved"),
        ("none", "unproved"),
    ],
)
def test_what_proves_a_sender(found: str, expected: TrustVerdict) -> None:
    trust = assess((f"mx.desk.example; {found}",), ANN, (), server())
    assert trust.verdict == expected
    assert trust.reason


@pytest.mark.parametrize(
    ("header", "authserv_id"),
    [
        (GMAIL, "mx.desk.example"),
        (GMAIL, "google.com"),
        (GMAIL, "*.mx.google.com"),
        (GMAIL, "-"),
        ("evilmx.desk.example; dmarc=pass header.from=example.org", "*.desk.example.org"),
        ("mx.desk.example.evil.example; dmarc=pass header.from=example.org", "mx.desk.example"),
        ("evil-desk.example; dmarc=pass header.from=example.org", "*.desk.example"),
        ('"mx.desk.example; x"; dmarc=pass header.from=example.org', "mx.desk.example"),
        ("(mx.desk.example;) evil.example; dmarc=pass header.from=example.org", "mx.desk.example"),
        ("=?utf-8?q?mx.desk.example?=; dmarc=pass header.from=example.org", "mx.desk.example"),
        (MICROSOFT, "mx.desk.example"),
    ],
)
def test_another_systems_line_proves_nothing(header: str, authserv_id: str) -> None:
    trust = assess((header,), ANN, (), server(authserv_id))
    assert trust.verdict == "unproved"
    assert authserv_id in trust.reason


def test_only_an_address_that_stands_alone_in_from_is_ever_proved() -> None:
    passes = "mx.desk.example; dmarc=pass header.from=example.org; dkim=pass header.d=example.org"
    fails = "mx.desk.example; dmarc=fail header.from=example.org"
    stands_in = SenderAddress("ann@example.org", "", "Reply-To", "From is missing: Reply-To stands in for it")
    nobody = SenderAddress("", "", "", "From is missing")

    assert assess((passes,), ANN, (), server()).verdict == "passed"
    assert assess((passes,), ANN, SEVERAL, server()).verdict == "unproved"
    assert assess((passes,), stands_in, (), server()).verdict == "unproved"
    assert assess((passes,), nobody, (), server()).verdict == "unproved"
    assert assess((fails,), ANN, SEVERAL, server()).verdict == "failed"


@pytest.mark.parametrize(
    ("results", "verdict_of_from", "expected"),
    [
        ("dmarc=pass header.from=desk.example", "passed", "unproved"),
        ("dkim=fail header.d=relay.example; spf=pass smtp.mailfrom=desk.example", "passed", "unproved"),
        ("dmarc=pass header.from=example.org", "unproved", "unproved"),
        ("spf=fail smtp.mailfrom=desk.example", "failed", "failed"),
        ("dmarc=fail header.from=desk.example", "failed", "failed"),
    ],
)
def test_whoever_writes_in_anothers_name_is_trusted_no_further_than_that_one(
    results: str, verdict_of_from: str, expected: str
) -> None:
    header = f"mx.desk.example; {results}"
    desk = SenderAddress("it@desk.example", "", "From", "")
    ann = SenderAddress("ann@example.org", "", "Reply-To", "", in_name_of="it@desk.example")

    assert assess((header,), desk, (), server()).verdict == verdict_of_from
    assert assess((header,), ann, (), server()).verdict == expected
    assert assess((header,), ann, SEVERAL, server()).verdict == ("failed" if "fail" in results else "unproved")


def test_no_header_proves_nothing_and_a_policy_that_is_off_asks_nothing() -> None:
    assert assess((), ANN, (), server()).verdict == "unproved"
    assert assess((), ANN, (), server(None, "off")).verdict == "not-checked"
    assert assess((GMAIL_FORGED,), ANN, (), server("mx.google.com", "off")).verdict == "not-checked"


def test_a_domain_in_unicode_is_the_same_in_its_ascii_form() -> None:
    sender = SenderAddress("ann@xn--bcher-kva.example", "", "From", "")
    assert verdict("mx.desk.example; dkim=pass header.d=bücher.example", sender=sender) == "passed"


# A mail as it lies in the mailbox, from the top; AR is an Authentication-Results of the mailbox's own system.
AR = "Authentication-Results: mx.desk.example; "
STRANGE = "Authentication-Results: mx.other.example; "
OURS = "Received: from mail.example.org by mx.desk.example; Fri, 20 Nov 2026 11:58:03 +0000"
THEIRS = "Received: from laptop by mail.example.org; Fri, 20 Nov 2026 11:58:01 +0000"
NONE, PASS, FAIL = (
    "dmarc=none header.from=example.org",
    "dkim=pass header.d=example.org",
    "spf=fail smtp.mailfrom=x.example",
)

LAID: dict[str, tuple[tuple[str, ...], TrustVerdict]] = {
    "OpenDMARC above OpenDKIM": ((AR + NONE, AR + PASS, OURS, THEIRS), "passed"),
    "three programs": ((AR + NONE, AR + FAIL, AR + PASS, OURS, THEIRS), "passed"),
    "one of another name between": ((AR + NONE, STRANGE + "spf=pass", AR + PASS, OURS), "passed"),
    "one of another name on top": ((STRANGE + "spf=pass", AR + PASS, OURS), "passed"),
    "other fields between": ((AR + NONE, "Return-Path: <ann@example.org>", AR + PASS, "X-Spam: no", OURS), "passed"),
    "several signatures": ((AR + NONE, AR + "dkim=fail header.d=list.example; " + PASS, OURS), "passed"),
    "a program that writes a line for each signature": (
        (AR + NONE, AR + "dkim=pass header.d=list.example", AR + PASS, OURS), "passed",
    ),
    "what DMARC says goes before": ((AR + "dmarc=fail header.from=example.org", AR + PASS, OURS), "failed"),
    "and wherever it stands": ((AR + PASS, AR + "dmarc=fail header.from=example.org", OURS), "failed"),
    "nothing proves it": ((AR + NONE, AR + "dkim=pass header.d=list.example", OURS), "unproved"),
    "one fails, none proves": ((AR + NONE, AR + FAIL, OURS), "failed"),
    "of others only": ((STRANGE + PASS, STRANGE + PASS, OURS), "unproved"),
    # rspamd
    "one line below our Received": ((OURS, AR + PASS + "; " + NONE, THEIRS), "passed"),
    "one line below the Received of the mail store": ((OURS, OURS, AR + PASS, THEIRS), "passed"),
    # What the mail brought along.
    "forged below our Received": ((AR + NONE, OURS, AR + PASS, THEIRS), "unproved"),
    "forged below all": ((AR + NONE, OURS, THEIRS, AR + PASS), "unproved"),
    "forged below our line below our Received": ((OURS, AR + NONE, AR + PASS, THEIRS), "unproved"),
    "forged, and ours is another's": ((STRANGE + NONE, OURS, AR + PASS, THEIRS), "unproved"),
    "forged without any Received": ((AR + NONE, AR + PASS), "unproved"),
    "forged with a Received that says so": ((OURS, AR + NONE, THEIRS, AR + PASS, OURS), "unproved"),
    "forged behind a bare CR of our line": ((AR + NONE + " smtp.mailfrom=\"\r" + AR + PASS, OURS), "unproved"),
    "none": ((OURS, THEIRS), "unproved"),
}  # fmt: skip


@pytest.mark.parametrize("name", LAID)
def test_what_a_stranger_can_have_written_proves_nothing_wherever_it_stands(name: str) -> None:
    fields, expected = LAID[name]
    raw = "\r\n".join((*fields, "From: ann@example.org", "", "x")).encode()
    parsed = parse(raw)
    doubts = header_doubts(raw, parsed)
    lines = own_lines(parsed, in_doubt=bool(doubts))
    trust = assess(lines, ANN, doubts, server())
    assert trust.verdict == expected, (lines, trust)


@pytest.mark.parametrize(("authserv_id", "expected"), [("*.desk.example", "passed"), ("mx1.desk.example", "unproved")])
def test_the_lines_of_all_hosts_of_a_system_count_together(authserv_id: str, expected: TrustVerdict) -> None:
    fields = (AR.replace("mx", "mx1") + NONE, AR.replace("mx", "mx2") + PASS, OURS)
    lines = own_lines(parse("\n".join((*fields, "From: ann@example.org", "", "x")).encode()))
    assert assess(lines, ANN, (), server(authserv_id)).verdict == expected


def test_of_any_number_of_lines_a_few_are_looked_at() -> None:
    fields = (*(AR + NONE for _ in range(5_000)), AR + PASS, OURS)
    lines = own_lines(parse("\n".join((*fields, "From: ann@example.org", "", "x")).encode()))
    assert 0 < len(lines) < 100
    assert assess(lines, ANN, (), server()).verdict == "unproved"


# What such lines are made of, in any order.
PIECES = (
    "mx.other.example", "dmarc=pass", "dkim=pass", "spf=pass", "header.from=example.org", "header.d=example.org",
    "smtp.mailfrom=ann@example.org", "=", ";", " ", "\r\n ", "(", ")", '"', "\\", "1", "desk.example", "mx.", "é",
)  # fmt: skip
lines = st.lists(st.sampled_from(PIECES), max_size=30).map("".join) | st.text(max_size=100)


@given(header=lines)
def test_no_line_without_the_configured_id_passes(header: str) -> None:
    assume("mx.desk.example" not in header.lower())
    assert verdict(header) != "passed"


@given(forged=st.lists(lines, max_size=3), own=st.sampled_from(["none", "dmarc=none", "spf=softfail"]))
def test_no_line_below_our_received_passes(forged: list[str], own: str) -> None:
    below = [f"Authentication-Results: {' '.join(line.split())}" for line in forged]
    for fields in ((AR + own, OURS, *below), (OURS, AR + own, *below)):
        raw = "\r\n".join((*fields, "From: ann@example.org", "", "x")).encode()
        assert assess(own_lines(parse(raw)), ANN, (), server()).verdict != "passed"


@given(header=lines)
def test_no_line_with_an_id_passes_where_the_system_writes_none(header: str) -> None:
    assert verdict(f"mx.other.example; {header}", "-") == "unproved"


@given(rest=lines)
def test_no_line_of_ours_proves_a_domain_that_it_does_not_name(rest: str) -> None:
    stranger = SenderAddress("eve@elsewhere.test", "", "From", "")
    if "elsewhere" not in rest:
        assert verdict(f"mx.desk.example; {rest}", sender=stranger) != "passed"
