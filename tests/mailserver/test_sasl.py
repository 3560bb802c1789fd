"""Every mechanism against the examples of its RFC; real servers prove the rest (test_log_ins.py)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.authentication import METHODS
from mailserver.challenge_responses import DigestMd5, apop, cram_md5
from mailserver.errors import SaslError
from mailserver.sasl import MAX_ROUNDS, Credentials, SaslExchange, Target
from mailserver.sasl_libraries import ScramSha256

MECHANISMS = {name: steps for method in METHODS.values() for name, steps in method.mechanisms.items()}
IMAP = Target("imap", "mail.example.test", 993)
CHALLENGE = b'realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",qop="auth",algorithm=md5-sess,charset=utf-8'


def begin(mechanism: str, username: str, password: str) -> SaslExchange:
    return SaslExchange(MECHANISMS[mechanism], Credentials(username, password), IMAP)


def digest(password: str = "secret") -> DigestMd5:
    return DigestMd5("chris", password, "imap/elwood.innosoft.com", "OA6MHXh6VqTrRk")


def test_plain_is_that_of_rfc_4616() -> None:
    assert begin("PLAIN", "tim", "tanstaaftanstaaf")(b"") == b"\0tim\0tanstaaftanstaaf"


def test_login_gives_the_user_then_the_password() -> None:
    exchange = begin("LOGIN", "jörg", "geheim")
    assert [exchange(b"Username:"), exchange(b"Password:"), exchange(b"?")] == ["jörg".encode(), b"geheim", b""]


def test_cram_md5_is_that_of_rfc_2195() -> None:
    challenge = b"<1896.697170952@postoffice.reston.mci.net>"
    expected = b"tim b913a602c7eda7a495b4e6e7334d3890"
    assert cram_md5("tim", "tanstaaftanstaaf", challenge) == expected
    assert begin("CRAM-MD5", "tim", "tanstaaftanstaaf")(challenge) == expected


def test_apop_is_that_of_rfc_1939() -> None:
    banner = b"+OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>"
    assert apop(banner, "tanstaaf") == "c4c9334bac560ecc979e58001b3e22fb"


@pytest.mark.parametrize("banner", [b"+OK ready", b"+OK <>", b"+OK <a b@c>", b"+OK <" + b"x" * 300 + b">"])
def test_a_greeting_without_a_timestamp_offers_no_apop(banner: bytes) -> None:
    with pytest.raises(SaslError, match="no APOP"):
        apop(banner, "tanstaaf")


def test_digest_md5_is_that_of_rfc_2831() -> None:
    one = digest()
    answer = one.response(CHALLENGE)
    assert b"response=d388dad90d4bbd760a152321f2143af7" in answer
    assert b'username="chris",realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh"' in answer
    one.verify(b"rspauth=ea40f60335c427b5527b84dbabcdfffd")


def test_digest_md5_finds_a_server_that_does_not_know_the_password() -> None:
    one = digest("another secret")
    one.response(CHALLENGE)
    with pytest.raises(SaslError, match="did not prove"):
        one.verify(b"rspauth=ea40f60335c427b5527b84dbabcdfffd")


@pytest.mark.parametrize("challenge", [b"", b"nonce", b'qop="auth-conf",nonce="x"', b"\xff\0" * 5000])
def test_a_challenge_that_is_none_is_told(challenge: bytes) -> None:
    with pytest.raises(SaslError):
        digest().response(challenge)


def test_a_quote_in_a_name_does_not_end_it() -> None:
    answer = DigestMd5('a",realm="x', "pw", "imap/h", "c").response(CHALLENGE)
    assert b'username="a\\",realm=\\"x",' in answer


def test_xoauth2_and_oauthbearer_carry_the_token() -> None:
    assert begin("XOAUTH2", "a@x.test", "ya29")(b"") == b"user=a@x.test\1auth=Bearer ya29\1\1"
    expected = b"n,a=a=2Cb@x.test,\1host=mail.example.test\1port=993\1auth=Bearer ya29\1\1"
    assert begin("OAUTHBEARER", "a,b@x.test", "ya29")(b"") == expected


@pytest.mark.parametrize(("mechanism", "answer"), [("XOAUTH2", b""), ("OAUTHBEARER", b"\1")])
def test_why_a_token_is_refused_is_kept(mechanism: str, answer: bytes) -> None:
    exchange = begin(mechanism, "a@x.test", "ya29")
    exchange(b"")
    assert exchange(b'{"status":"401","schemes":"bearer"}\r\n') == answer
    assert exchange.said == '{"status":"401","schemes":"bearer"}'


@pytest.mark.parametrize("server_first", [b"r=x,s=QSXCR+Q6sek8bf92,i=2000000000", b"r=x,s=QSXCR+Q6sek8bf92", b"\xff"])
def test_scram_does_no_boundless_work(server_first: bytes) -> None:
    scram = ScramSha256("user", "pencil")
    scram.first()
    with pytest.raises(SaslError, match="rounds"):
        scram.final(server_first)


def test_a_nonce_that_is_not_ours_is_refused() -> None:
    scram = ScramSha256("user", "pencil")
    scram.first()
    with pytest.raises(SaslError, match="SCRAM failed"):
        scram.final(b"r=another,s=QSXCR+Q6sek8bf92,i=4096")


def test_a_server_that_asks_for_ever_is_given_up() -> None:
    exchange = begin("LOGIN", "desk", "pw")
    with pytest.raises(SaslError, match="goes on asking"):
        for _ in range(MAX_ROUNDS + 1):
            exchange(b"?")


PURE = ["PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-256", "XOAUTH2", "OAUTHBEARER", "NTLM", "MSN"]


@pytest.mark.parametrize("mechanism", PURE)
@given(challenges=st.lists(st.binary(max_size=300), min_size=1, max_size=4))
def test_whatever_a_server_asks_the_answer_is_bytes_or_an_error_in_words(
    mechanism: str, challenges: list[bytes]
) -> None:
    exchange = begin(mechanism, "desk", "s3cret-word")
    try:
        for challenge in challenges:
            assert isinstance(exchange(challenge), bytes)
    except SaslError as error:
        assert str(error).isprintable()
        assert "s3cret-word" not in str(error)
