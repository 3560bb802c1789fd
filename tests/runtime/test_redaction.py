"""A text that leaves the process repeats no secret, however it is written there; ordinary words stay."""

import base64
import html
import json
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.security.redaction import HIDDEN, MIN_LENGTH, MOST_SECRETS, KnownSecrets, conceal, remember_configured
from runtime.security.secret_forms import forms_of

PASSWORD = 'Gr\N{LATIN SMALL LETTER U WITH DIAERESIS}n "und" \\b\'lau & 7'
TOKEN = "eyJhbGciOi" + "".join(f"{n:x}Zq_{n * 7919:x}-" for n in range(90))


def known(*secrets: str) -> KnownSecrets:
    known = KnownSecrets()
    for secret in secrets:
        known.add(secret)
    return known


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


WRITTEN = {
    "as it is": PASSWORD,
    "in capitals": PASSWORD.upper(),
    "quoted for IMAP": PASSWORD.replace("\\", "\\\\").replace('"', '\\"'),
    "as JSON": json.dumps(PASSWORD)[1:-1],
    "as JSON in Unicode": json.dumps(PASSWORD, ensure_ascii=False)[1:-1],
    "as Python shows it": repr([PASSWORD + "'\""]),
    "as Python shows its bytes": repr([PASSWORD.encode()]),
    "in HTML": html.escape(PASSWORD),
    "percent-encoded": quote(PASSWORD),
    "percent-encoded in small letters": quote(PASSWORD).replace("%C3%BC", "%c3%bc").replace("%5C", "%5c"),
    "percent-encoded as a form": urlencode({"client_secret": PASSWORD}),
    "plus for a blank": quote_plus(PASSWORD),
    "hexadecimal": PASSWORD.encode().hex(),
    "base64, as LOGIN has it": b64(PASSWORD),
    "base64, as PLAIN has it": b64(f"\0desk\0{PASSWORD}"),
    "base64, as PLAIN has it with an authorisation": b64(f"desk\0desk\0{PASSWORD}"),
    "base64, another place": b64(f"\0desks\0{PASSWORD}"),
    "base64, the third place": b64(f"\0desk@example.test\0{PASSWORD}"),
    "base64, as XOAUTH2 has it": b64(f"user=desk\1auth=Bearer {PASSWORD}\1\1"),
    "base64 for URLs": base64.urlsafe_b64encode(f"desk:{PASSWORD}".encode()).decode(),
}


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN.keys())
def test_a_secret_is_hidden_however_it_is_written(written: str) -> None:
    told = known(PASSWORD).conceal(f"535 5.7.8 {written}: refused")
    assert HIDDEN in told
    assert told.startswith("535 5.7.8 ")
    assert told.endswith(": refused")
    for form in forms_of(PASSWORD):
        assert form not in told


@pytest.mark.parametrize("cut", [12, 40, 200, len(TOKEN) - 1])
def test_the_beginning_of_a_long_one_is_hidden_where_somebody_cut_it_off(cut: int) -> None:
    assert known(TOKEN).conceal(f"bad token {TOKEN[:cut]}") == f"bad token {HIDDEN}"
    blob = b64(f"user=desk@example.test\1auth=Bearer {TOKEN}")
    start = len(b64("user=desk@example.test\1auth=Bearer ").rstrip("=")) + 2
    assert blob[start + 4 : start + cut] not in known(TOKEN).conceal(f"bad token {blob[: start + max(cut, 40)]}")


def test_each_piece_of_a_folded_one_is_hidden() -> None:
    folded = "\r\n".join(TOKEN[at : at + 64] for at in range(0, len(TOKEN), 64))
    told = known(TOKEN).conceal(folded)
    assert told.count(HIDDEN) >= len(TOKEN) // 64
    assert not any(TOKEN[at : at + 16] in told for at in range(len(TOKEN) - 16))


def test_what_somebody_said_is_cut_without_leaving_half_a_secret() -> None:
    for most in (5, 10, 11, 300):
        told = known(TOKEN).conceal_said(f"bad token {TOKEN} and more", most)
        assert len(told) <= most
        assert not any(TOKEN[at : at + 4] in told for at in range(len(TOKEN) - 4))


def test_of_two_secrets_the_longer_is_hidden_as_a_whole() -> None:
    assert known("hunter-22", "hunter-22-and-more").conceal("with hunter-22-and-more or hunter-22") == (
        f"with {HIDDEN} or {HIDDEN}"
    )


def test_a_short_one_is_hidden_as_a_word_and_not_within_one() -> None:
    told = known("s3cret").conceal("PASS s3cret, 's3cret', S3CRET; s3crets and as3cret stay")
    assert told == f"PASS {HIDDEN}, '{HIDDEN}', {HIDDEN}; s3crets and as3cret stay"


def test_below_four_characters_nothing_is_searched_for() -> None:
    assert MIN_LENGTH == 4
    assert known("", "a", "in1").conceal_said("a line in1 a mail", 300) == "a line in1 a mail"


@pytest.mark.parametrize("secret", ["password", "server", "Username", "10000", "20261129", "authentication"])
def test_one_that_could_be_our_own_word_spoils_no_text_of_ours_and_is_hidden_in_what_a_server_says(secret: str) -> None:
    text = f"server it refused: check {secret}, it is wrong"
    assert known(secret).conceal(text) == text
    assert secret not in known(secret).conceal_said(text, 300)
    assert b64(f"\0desk\0{secret}")[8:] not in known(secret).conceal(b64(f"\0desk\0{secret}"))


def test_ordinary_texts_stay_where_a_passphrase_holds_their_words() -> None:
    text = "notification and authentication of imap.example.test by mailcall-outbound failed"
    assert known("authentication notification of 2026", TOKEN, PASSWORD).conceal(text) == text


def test_the_oldest_is_forgotten_when_there_are_too_many() -> None:
    some = KnownSecrets(most=2)
    for secret in ("first-1", "second-2", "first-1", "third-3"):
        some.add(secret)
    assert some.conceal("first-1 second-2 third-3") == f"{HIDDEN} second-2 {HIDDEN}"
    few = KnownSecrets(most_characters=100)
    few.add("x1" * 40)
    assert few.conceal("x1" * 40) == "x1" * 40
    assert MOST_SECRETS >= 3_000  # three of a thousand mailboxes each


def test_what_a_process_is_configured_with_is_known() -> None:
    remember_configured(
        ["postgresql+psycopg://desk:p%40ss-4711@db/x?sslpassword=inner-4711", "sqlite:///x", "http://[", "::"],
        {"PGPASSWORD": "pg-4711-word", "AWS_SECRET_ACCESS_KEY": "aws/4711+word", "https_proxy": "http://u:via-4711@p"},
    )
    told = conceal("p@ss-4711 p%40ss-4711 inner-4711 pg-4711-word aws/4711+word via-4711 sqlite")
    assert told.split() == [HIDDEN] * 6 + ["sqlite"]


@given(st.text(min_size=1, max_size=60), st.text(max_size=40), st.text(max_size=40))
def test_any_text_may_be_a_secret(secret: str, before: str, behind: str) -> None:
    some = known(secret)
    told = some.conceal_said(before + " " + secret + " " + behind, 1000)
    if len(secret) >= 8:
        assert secret not in told or secret in HIDDEN * 20
    assert some.conceal("") == ""
