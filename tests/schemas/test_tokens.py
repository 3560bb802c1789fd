"""Signed tokens: what we signed is good for as long as it should be, and nothing else is, whatever anybody writes."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas import ids
from schemas.addresses import normalise, without_tag
from schemas.tokens import NO_KEYS, TAG, TokenKeys, own_token

KEY, OTHER = b"k" * 32, b"o" * 32
KEYS = TokenKeys((KEY,))
NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
DAYS = 365
ANN = "ann@example.com"
NOTIFICATION = ids.notification_id("cause", "CallLogged", ANN)
REFERENCES = st.builds("{}-{:06d}".format, st.sampled_from("CTR"), st.integers(0, 10**18 - 1))
ABOUTS = REFERENCES | st.binary(min_size=16, max_size=16).map(bytes.hex)


@given(ABOUTS, st.binary(min_size=32), st.datetimes(timezones=st.just(UTC), min_value=datetime(1970, 1, 1)))
def test_what_was_signed_is_good(about: str, key: bytes, at: datetime) -> None:
    keys = TokenKeys((key,))
    assert keys.verdict(keys.sign(about, at, ANN), [ANN], at, DAYS) == "good"


def test_a_token_is_written_as_it_always_was() -> None:
    assert KEYS.sign("C-000123", NOW, "Ann+printer@Example.com") == "C-000123.20783.gjdfoaz67erkhz7hvenix7am"


@given(ABOUTS)
def test_capitals_do_not_matter(about: str) -> None:
    token = KEYS.sign(about, NOW, ANN)
    assert KEYS.verdict(token.upper(), [ANN], NOW, DAYS) == KEYS.verdict(token.lower(), [ANN], NOW, DAYS) == "good"


@given(st.text() | st.from_regex(r"(C-[0-9]{6}|[0-9a-f]{32})\.[0-9]{5}\.[a-z2-7]{16}", fullmatch=True))
@example("")
@example(TokenKeys((OTHER,)).sign("C-000123", NOW, ANN))
def test_no_text_is_good_that_was_not_signed(text: str) -> None:
    assert KEYS.verdict(text, [ANN], NOW, DAYS) in ("forged", "unsigned")


@given(ABOUTS, st.data())
def test_another_character_anywhere_is_not_what_was_signed(about: str, data: st.DataObject) -> None:
    token = KEYS.sign(about, NOW, ANN)
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters() | st.sampled_from("0123456789abcdefctr.-"))
    tampered = token[:at] + other + token[at + 1 :]
    is_same = tampered.lower() == token.lower() and other.isascii()
    assert (KEYS.verdict(tampered, [ANN], NOW, DAYS) == "good") == is_same


@given(ABOUTS, ABOUTS)
def test_the_signature_of_one_thing_says_nothing_of_another(one: str, other: str) -> None:
    _, day, signature = KEYS.sign(one, NOW, ANN).split(".")
    moved = f"{other}.{day}.{signature}"
    assert KEYS.verdict(moved, [ANN], NOW, DAYS) == ("good" if one == other else "forged")


@pytest.mark.parametrize(
    ("age", "verdict"), [(0, "good"), (365, "good"), (366, "expired"), (-1, "good"), (-2, "expired"), (9000, "expired")]
)
def test_a_token_is_good_for_so_many_days(age: int, verdict: str) -> None:
    assert KEYS.verdict(KEYS.sign("C-000123", NOW - timedelta(days=age), ANN), [ANN], NOW, DAYS) == verdict


def test_the_day_is_that_of_universal_time() -> None:
    assert KEYS.sign("C-000123", datetime(1970, 1, 3, 23, 59, tzinfo=UTC), ANN).startswith("C-000123.2.")
    assert KEYS.sign("C-000123", datetime(1970, 1, 3, 23, 59), ANN).startswith("C-000123.2.")
    assert KEYS.sign("C-000123", datetime(1, 1, 1, tzinfo=UTC), ANN).startswith("C-000123.0.")


def test_a_day_written_in_another_way_is_forged() -> None:
    about, day, signature = KEYS.sign("C-000123", NOW, ANN).split(".")
    assert KEYS.verdict(f"{about}.0{day}.{signature}", [ANN], NOW, DAYS) == "forged"


@given(ABOUTS, st.emails(), st.emails())
def test_whoever_else_shows_a_token_was_not_sent_it(about: str, one: str, other: str) -> None:
    same = without_tag(normalise(one)) == without_tag(normalise(other))
    assert KEYS.verdict(KEYS.sign(about, NOW, one), [other], NOW, DAYS) == ("good" if same else "passed-on")


@given(ABOUTS, st.text(alphabet="abcdefghijklmnopqrstuvwxyz234567", min_size=8, max_size=8))
def test_nobody_can_say_that_a_token_was_sent_to_another(about: str, guess: str) -> None:
    token = KEYS.sign(about, NOW, ANN)
    assert KEYS.verdict(token[:-8] + guess, ["eve@example.net"], NOW, DAYS) == "passed-on"


def test_a_token_of_a_release_before_was_sent_to_nobody_in_particular() -> None:
    assert KEYS.verdict(KEYS.sign("C-000123", NOW, ANN)[:-8], [ANN], NOW, DAYS) == "passed-on"


def test_the_first_key_signs_and_every_key_verifies() -> None:
    new = TokenKeys((OTHER, KEY))
    old_token, new_token = KEYS.sign("C-000123", NOW, ANN), new.sign("C-000123", NOW, ANN)
    assert new.verdict(old_token, [ANN], NOW, DAYS) == new.verdict(new_token, [ANN], NOW, DAYS) == "good"
    assert KEYS.verdict(new_token, [ANN], NOW, DAYS) == "forged"


def test_without_a_key_nothing_is_signed_and_nothing_is_checked() -> None:
    assert NO_KEYS.sign("C-000123", NOW, ANN) == "C-000123"
    assert NO_KEYS.verdict(KEYS.sign("C-000123", NOW, ANN), [ANN], NOW, DAYS) == "unchecked"


def test_keys_are_not_shown() -> None:
    assert "kkk" not in repr(KEYS)


def test_a_message_id_of_ours_carries_its_token() -> None:
    token = KEYS.sign(NOTIFICATION, NOW, ANN)
    message_id = ids.message_id(token, "desk.example")
    assert own_token(message_id) == token
    assert own_token(ids.message_id(NOTIFICATION, "desk.example")) == NOTIFICATION
    assert own_token(ids.message_id_of_part(message_id, ["ann@example.com"])) == token
    assert own_token("<one@example.com>") is None
    assert ids.notification_of(message_id.upper()) == NOTIFICATION


def test_a_tag_is_found_in_a_subject_and_is_no_part_of_a_word() -> None:
    tag = KEYS.sign("C-000123", NOW, ANN)
    assert [match[0] for match in TAG.finditer(f"Re: [{tag}] Printer, {tag}")] == [tag, tag]
    assert TAG.search(f"x{tag}") is None
    assert TAG.search(f"{tag}x") is None
