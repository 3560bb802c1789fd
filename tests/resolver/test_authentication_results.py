"""RFC 8601's own examples, the oddities of real lines, and lines made to be read wrongly."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from resolver.authentication_results import MAX_CHARACTERS, read_authentication_results
from tests.parsing.steps import grows_no_faster


def results(header: str) -> list[tuple[str, str, dict[str, str]]]:
    return [(one.method, one.result, dict(one.properties)) for one in read_authentication_results(header).results]


@pytest.mark.parametrize(
    ("header", "authserv_id"),
    [
        ("example.org 1; none", "example.org"),
        ("EXAMPLE.org; none", "example.org"),
        ('"example.org"; dkim=pass', "example.org"),
        ("foo.example.net (foobar) 1 (baz); dkim=pass", "foo.example.net"),
        ("\r\n\tmx.google.com;\r\n dkim=pass", "mx.google.com"),
        ("mta1.mail.bf1.yahoo.com  from=example.org; domainkeys=neutral (no sig)", "mta1.mail.bf1.yahoo.com"),
        ("spf=pass smtp.mailfrom=example.org; dkim=none", None),
        ("dkim = pass; example.org; spf=none", None),
        ("", None),
        (";", None),
        ("()", None),
    ],
)
def test_who_wrote_it(header: str, authserv_id: str | None) -> None:
    assert read_authentication_results(header).authserv_id == authserv_id


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("example.org 1; none", []),
        (
            "example.com; auth=pass (cram-md5) smtp.auth=sender@example.net; spf=pass smtp.mailfrom=example.net",
            [("auth", "pass", {"smtp.auth": "sender@example.net"}), ("spf", "pass", {"smtp.mailfrom": "example.net"})],
        ),
        ("x; dkim (Because I like it) / 1 (One yay) = (wait for it) fail", [("dkim", "fail", {})]),
        (
            'x; dkim=pass reason="good; signature" header.i=@mail-router.example.net',
            [("dkim", "pass", {"reason": '"good; signature"', "header.i": "@mail-router.example.net"})],
        ),
        ("x; DMARC=Pass(p=NONE (really)) header.FROM=A.example", [("dmarc", "pass", {"header.from": "A.example"})]),
        ("x; dkim=pass header.b=a+/=; spf=none", [("dkim", "pass", {"header.b": "a+/="}), ("spf", "none", {})]),
        ('x; spf=pass smtp.mailfrom="a b;c"@d.example', [("spf", "pass", {"smtp.mailfrom": '"a b;c"@d.example'})]),
        (r'x; spf=pass smtp.mailfrom="a\";c"@d.example', [("spf", "pass", {"smtp.mailfrom": r'"a\";c"@d.example'})]),
        (r"x; dkim=pass (a \) ( ; spf=pass) ) header.d=d.example", [("dkim", "pass", {"header.d": "d.example"})]),
        ("spf=none; fabrikam.com; dkim=none", [("spf", "none", {}), ("dkim", "none", {})]),
    ],
)
def test_what_it_found(header: str, expected: list[object]) -> None:
    assert results(header) == expected


@pytest.mark.parametrize(
    "value",
    [
        "good.example(.evil.example",  # a parenthesis in a name that a signature may choose (CVE-2020-12272)
        "good.example(x)",
        "good.example .evil.example",
        "good.example header.d=evil.example",
        'good.example"',
    ],
)
def test_a_value_that_could_be_read_as_another_is_not_read_as_it(value: str) -> None:
    ((_, _, properties),) = results(f"x; dkim=pass header.d={value}")
    assert properties["header.d"] != "good.example"


@pytest.mark.parametrize("opened", ['smtp.mailfrom="', "(", "(()", 'smtp.mailfrom="\\"', "(\\)"])
def test_what_is_never_closed_hides_the_rest_and_adds_nothing(opened: str) -> None:
    found = results(f"x; spf=none {opened}; dkim=pass header.d=good.example")
    assert [method for method, _, _ in found] == ["spf"]


@given(st.text(alphabet=st.sampled_from('ab1.@=/;"()\\ \r\n\t_-é\0'), max_size=200) | st.text(max_size=200))
@example("\\")
@example('"\\')
@example("(\\")
def test_any_text_gives_an_answer(header: str) -> None:
    read_authentication_results(header)


@pytest.mark.parametrize("piece", ["(", ")", '"', "\\", '\\"', " ", ";", "=", " =", "a=b ", "a", "()", "\n\t", "/ "])
def test_the_longest_header_is_read_in_a_moment_and_a_longer_one_not_at_all(piece: str) -> None:
    header = ("x; dkim=pass header.d=good.example; " + piece * MAX_CHARACTERS)[:MAX_CHARACTERS]
    assert grows_no_faster(lambda times: read_authentication_results(header[: times * MAX_CHARACTERS // 2]), 1)
    assert read_authentication_results(header + piece * 1_000_000).results == ()
