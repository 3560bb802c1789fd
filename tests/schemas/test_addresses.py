"""Addresses: compared in one form, and safe wherever they stand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import addresses
from schemas.addresses import MAX_ADDRESS, check_address, check_sender_pattern, is_program, normalise, without_tag


@pytest.mark.parametrize(
    ("address", "normal"),
    [
        (" Ursula@Example.COM. ", "ursula@example.com"),
        ("ÜRSULA@Bücher.example", "ürsula@xn--bcher-kva.example"),
        ("MAILER-DAEMON", "mailer-daemon"),
        ("", ""),
        ("a@b@C", "a@b@c"),
        ("x@" + "ü" * 300, "x@" + "ü" * 300),
    ],
)
def test_addresses_are_compared_in_one_form(address: str, normal: str) -> None:
    assert normalise(address) == normal


def test_only_addresses_of_ordinary_length_are_remembered() -> None:
    """Anybody can write a megabyte into From."""
    remembered = addresses._remembered.cache_info().misses
    for length in (MAX_ADDRESS, MAX_ADDRESS + 1, 1_000_000):
        address = "A" * (length - len("@example.org")) + "@example.org"
        assert normalise(address) == normalise(address) == address.lower()
    assert addresses._remembered.cache_info().misses == remembered + 1


@pytest.mark.parametrize(
    ("address", "bare"),
    [
        ("ann+printer@example.com", "ann@example.com"),
        ("ann+a+b@example.com", "ann@example.com"),
        ("ann@example.com", "ann@example.com"),
        ("+printer@example.com", "+printer@example.com"),
        ("ann@exa+mple.com", "ann@exa+mple.com"),
        ("ann+printer", "ann+printer"),
        ("", ""),
    ],
)
def test_a_plus_tag_is_taken_off_the_local_part(address: str, bare: str) -> None:
    assert without_tag(address) == bare


@given(st.text(max_size=60))
def test_normalising_never_raises_and_is_done_once(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == normalise(normalise(once))


@pytest.mark.parametrize(
    "address",
    [
        "", "a", "@example.com", "a@", "a b@example.com", "a@exam ple.com", "<a@example.com>", "a@example.com\r\nRCPT",
        "a\0@example.com", "a,b@example.com", "a@b.example,c@d.example", 'a"b@example.com', "a\u2028@example.com",
        "a@b@example.com", "a@" + "x" * 320, "\udcff@example.com",
        "a@x.example＞，＜b＠y.example", "a@x＠y.example",  # full-width signs are plain ones in the domain's ASCII form
    ],
)  # fmt: skip
def test_what_could_break_out_of_a_command_or_header_is_no_address(address: str) -> None:
    with pytest.raises(ValueError, match="e-mail address"):
        check_address(address)


@pytest.mark.parametrize(
    "address", ["a@b", "first.last+tag@example.com", "ürsula@bücher.example", "o'neil@example.com"]
)
def test_real_addresses_are_taken(address: str) -> None:
    assert check_address(address) == address


@given(st.text(max_size=40))
def test_an_accepted_address_holds_nothing_that_ends_a_command(text: str) -> None:
    try:
        check_address(text)
    except ValueError:
        return
    assert not set(text) & set('\r\n\0 <>,;"')
    assert text.count("@") == 1


@pytest.mark.parametrize(
    ("pattern", "entry"),
    [
        ("Ann@Example.com", "ann@example.com"),
        (" @Example.COM. ", "@example.com"),
        ("@bücher.example", "@xn--bcher-kva.example"),
    ],
)
def test_a_sender_or_a_domain_is_kept_in_the_form_that_is_compared(pattern: str, entry: str) -> None:
    assert check_sender_pattern(pattern) == entry
    assert check_sender_pattern(entry) == entry


@pytest.mark.parametrize("pattern", ["", "@", "example.com", "ann@", "a b@c", "@a@b", "@*.example.com", "a@b\r\nc"])
def test_what_is_neither_an_address_nor_a_domain_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="neither an address"):
        check_sender_pattern(pattern)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("noreply@shop.example", True),
        ("Do-Not-Reply@shop.example", True),
        ("FETCHMAIL-DAEMON@mx.example", True),
        ("staff-bounces@lists.example", True),
        ("staff+bounces-1-ann=client.example@lists.example", True),
        ("staff+help@lists.example", True),
        ("ann@client.example", False),
        ("postmaster@firm.example", False),
        ("daemon@firm.example", False),
        ("it-help@firm.example", False),
        ("ann+helpdesk@client.example", False),
        ("noreply.fan@client.example", False),
        ("bounces@firm.example", False),
        ("noreply", False),
        ("", False),
    ],
)
def test_an_address_that_nobody_reads(address: str, expected: bool) -> None:
    assert is_program(address) is expected
