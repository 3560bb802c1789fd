"""Whether the sender is authenticated, by what the receiving mail system found (docs/trust.md). Pure.

A mail can bring along any number of Authentication-Results, but what its own system writes stands above them
(RFC 8601, sections 4 and 5). Above the topmost Received, which that system wrote as well, no stranger's line can stand:
there all lines of the system that is set count, one of each of its programs. Else the topmost line alone does.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from resolver.authentication_results import AuthenticationResults, Result, read_authentication_results
from resolver.sender_address import SenderAddress
from schemas.addresses import has_one_form, normalise
from schemas.mail import Defect
from schemas.resolved_mail import Trust, TrustVerdict
from schemas.settings import IncomingServer

if TYPE_CHECKING:
    from resolver.parsing import Parsed

TRUSTED: frozenset[TrustVerdict] = frozenset({"not-checked", "passed"})
NO_ID = "-"  # the setting of a system that writes no authserv-id
_ANY_HOST = "*."  # before a domain: the system's hosts write their own names
_MAX_DOMAIN = 255
_MAX_LINES = 20  # no mail system has more programs that check
_HEADER = "authentication-results"

# What each method proves a domain by, in the order in which it is asked: the first property that is there.
_PROVES: Mapping[str, tuple[str, ...]] = {
    "dmarc": ("header.from",),
    "dkim": ("header.d", "header.i"),
    "spf": ("smtp.mailfrom",),
}
# `hardfail` is what RFC 5451 called it.
_FAILS: Mapping[str, frozenset[str]] = {
    "dmarc": frozenset({"fail"}),
    "dkim": frozenset({"fail", "hardfail"}),
    "spf": frozenset({"fail", "hardfail", "softfail"}),
}
_DOMAIN = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)+")
_NOT_CHECKED = Trust(verdict="not-checked", reason="the incoming server's policy is off")


def own_lines(parsed: "Parsed", in_doubt: bool = False) -> tuple[str, ...]:
    """Those Authentication-Results that only the mail's own system can have written, as they stand; the topmost first.

    All above the topmost Received, else the topmost of the mail, which was its own system's if that wrote one.
    `in_doubt`: others may find other fields, so a stranger may have made one: then no more than the topmost counts.
    """
    headers = parsed.headers
    lines = () if in_doubt else headers.raw_above(_HEADER, "received")
    return tuple(line.decode("utf-8", "replace") for line in (lines or headers.raw_all(_HEADER)[:1])[:_MAX_LINES])


def assess(lines: Sequence[str], sender: SenderAddress, doubts: Collection[str], server: IncomingServer) -> Trust:
    """How far the sender is proved. `lines`: the Authentication-Results that `own_lines` gives.

    A mail that can be read in two ways (`doubts`: of `resolver.ambiguity`) is never proved, nor is a sender who stands
    in another header than From: no system checks that. Where From holds another's address all the same, what was found
    of that one counts, and `passed` is `unproved`.
    """
    if server.trust == "off":
        return _NOT_CHECKED
    trust = _found(lines, sender, Defect.SEVERAL_FROM in doubts, server.authserv_id or NO_ID)
    if doubts and trust.verdict != "failed":
        return Trust(verdict="unproved", reason=f"the message can be read in two ways: {', '.join(doubts)}")
    return trust


def _found(lines: Sequence[str], sender: SenderAddress, several_from: bool, wanted: str) -> Trust:
    if not lines:
        return Trust(verdict="unproved", reason="the message has no Authentication-Results")
    found = [read_authentication_results(line) for line in lines]
    ours = [line for line in found if _is_ours(line, wanted)]
    if not ours:
        return Trust(verdict="unproved", reason=_whose(found[0], wanted))
    provable = sender.header == "From"
    checked = "" if several_from else sender.address if provable else sender.in_name_of
    trust = _verdict([result for line in ours for result in line.results], _domain(checked))
    if trust.verdict != "failed" and not provable:
        why = f"it is in {sender.header or 'no header'}"
        return Trust(verdict="unproved", reason=f"the sender's address cannot be authenticated: {why}")
    return trust


def _verdict(results: Sequence[Result], domain: str) -> Trust:
    """`domain`: whose proof is looked for, empty where none can be."""
    if any(one.method == "dmarc" and one.result in _FAILS["dmarc"] for one in results):
        return Trust(verdict="failed", reason="dmarc=fail")
    for one in results:
        if one.result == "pass" and domain and _aligned(_proved(one), domain):
            return Trust(verdict="passed", reason=f"{one.method}=pass for {_proved(one)}")
    failed = [f"{one.method}={one.result}" for one in results if one.result in _FAILS.get(one.method, ())]
    if failed:
        return Trust(
            verdict="failed", reason=f"{', '.join(dict.fromkeys(failed))}, and nothing authenticates the sender"
        )
    return Trust(
        verdict="unproved", reason=f"no result of Authentication-Results authenticates {domain or 'the sender'}"
    )


def _is_ours(found: AuthenticationResults, wanted: str) -> bool:
    if found.authserv_id is None or wanted == NO_ID:
        return found.authserv_id is None and wanted == NO_ID
    wanted = wanted.lower()
    return found.authserv_id.endswith(wanted[1:]) if wanted.startswith(_ANY_HOST) else found.authserv_id == wanted


def _whose(found: AuthenticationResults, wanted: str) -> str:
    by = "names nobody" if found.authserv_id is None else f"is by {found.authserv_id[:80]!r}"
    return f"the topmost Authentication-Results {by}, and authserv_id is {wanted!r}"


def _proved(result: Result) -> str:
    """The domain that a result is about, normalised; empty where it names none, or nothing that could be one."""
    for name in _PROVES.get(result.method, ()):
        if name in result.properties:
            return _domain(result.properties[name])
    return ""


def _domain(address: str) -> str:
    """The domain of `ann@example.org`, `@example.org`, `example.org` or any of them in quotes."""
    domain = address.rpartition("@")[2].removesuffix('"').removeprefix('"')
    if len(domain) > _MAX_DOMAIN or not has_one_form(domain):
        return ""
    normalised = normalise(f"@{domain}")[1:]
    return normalised if _DOMAIN.fullmatch(normalised) else ""


def _aligned(one: str, other: str) -> bool:
    """Relaxed alignment (RFC 7489, section 3.1), by a simple rule: equal, or one is a subdomain of the other."""
    return bool(one and other) and (one == other or one.endswith(f".{other}") or other.endswith(f".{one}"))
