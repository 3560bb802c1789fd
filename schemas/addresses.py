"""E-mail addresses: one type that is safe to use everywhere, one way to compare them."""

import re
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

_FORBIDDEN = frozenset(' <>()[],;:\\"')  # the blank: the only white space that counts as printable
MAX_ADDRESS = 320  # 64 + "@" + 255: RFC 5321, section 4.5.3.1
_REMEMBERED = 2_000  # addresses: those of few senders are compared again and again
_PROGRAM = re.compile(
    r"(?:no-?reply|do-?not-?reply|(?:mailer|fetchmail)-daemon|[^@]{1,64}[+-]bounces?(?:[+-][^@]*)?|"
    r"[^@+]{1,64}\+(?:owner|help|conf(?:un)?sub-[^@]*))@",
    re.IGNORECASE,
)


def normalise(address: str) -> str:
    """The form in which two addresses are compared: lower case, domain in ASCII (IDNA) form, no blanks about it.

    Never raises: what is no address at all is only stripped and lowered.
    """
    return _remembered(address) if len(address) <= MAX_ADDRESS else _normalised(address)


def _normalised(address: str) -> str:
    local, at, domain = address.strip().rpartition("@")
    domain = domain.rstrip(".").lower()
    if not domain.isascii():
        try:
            domain = domain.encode("idna").decode("ascii")
        except UnicodeError:
            pass  # an impossible domain compares as itself
    return f"{local.lower()}{at}{domain}"


_remembered = lru_cache(_REMEMBERED)(_normalised)


def has_one_form(address: str) -> bool:
    """Whether every program compares this address, or domain, as `normalise` does.

    Of ASCII all do. Other letters only where neither lower case nor IDNA changes them: `ß` is `ss` to IDNA 2003, and a
    letter of its own to IDNA 2008 (RFC 5894, section 7.2), so that two domains have one name; the Kelvin sign is `k`.
    """
    if address.isascii():
        return True
    lowered = address.encode("utf-8", "replace").lower().decode()  # ASCII letters alone
    domain = lowered.rpartition("@")[2].rstrip(".")
    try:
        return lowered == address.lower() and domain.encode("idna").decode("idna") == domain
    except UnicodeError:
        return False


def without_tag(address: str) -> str:
    """`ann@example.com` for `ann+printer@example.com` (sub-addressing: RFC 5233); an address without a tag as it is."""
    local, at, domain = address.rpartition("@")
    bare = local.partition("+")[0]
    return f"{bare}{at}{domain}" if bare else address


def is_program(address: str) -> bool:
    """Whether it is one that nobody reads: a sender of mails that are not to be answered, or a list manager's own."""
    return _found_program(address) if len(address) <= MAX_ADDRESS else _PROGRAM.match(address) is not None


@lru_cache(_REMEMBERED)
def _found_program(address: str) -> bool:
    return _PROGRAM.match(address) is not None


@lru_cache(_REMEMBERED)
def check_address(address: str) -> str:
    """A value that may stand in an SMTP command or a header: local@domain, no blanks, brackets or control characters.

    Raises `ValueError` saying what is wrong with it.
    """
    local, at, domain = address.rpartition("@")
    if not at or not local or not domain:
        raise ValueError(f"{address[:80]!r} is not an e-mail address: it needs the form name@domain")
    if "@" in local:
        raise ValueError(f"{address[:80]!r} is not one e-mail address: it has more than one @; give each by itself")
    if len(address) > MAX_ADDRESS:
        raise ValueError(f"an e-mail address has at most {MAX_ADDRESS} characters, this one has {len(address)}")
    # The domain's ASCII form as well: there a full-width sign has become a plain one (RFC 3490, section 4.1).
    if not all(map(_is_plain, (address, normalise(address)))):
        raise ValueError(
            f"{address[:80]!r} is not an e-mail address: it holds a blank, a bracket or a control character"
        )
    return address


def _is_plain(address: str) -> bool:
    return address.isprintable() and address.count("@") == 1 and _FORBIDDEN.isdisjoint(address)


# The same in a regular expression of JavaScript's, as JSON Schema has them; it cannot see a domain's ASCII form.
_PLAIN = r'[^@\s\x00-\x1f\x7f-\x9f<>()\[\],;:\\"]+'
_SCHEMA = {"type": "string", "maxLength": MAX_ADDRESS, "pattern": f"^{_PLAIN}@{_PLAIN}$"}
SafeAddress = Annotated[str, AfterValidator(check_address), WithJsonSchema(_SCHEMA)]


def check_sender_pattern(pattern: str) -> str:
    """One address, or a whole domain as `@example.com`, normalised. Raises `ValueError` where it is neither."""
    entry = normalise(pattern)
    try:
        check_address(f"any{entry}" if entry.startswith("@") else entry)
        if "*" in entry.rpartition("@")[2]:
            raise ValueError
    except ValueError:
        raise ValueError(
            f"{pattern[:80]!r} is neither an address (ann@example.com) nor a domain (@example.com)"
        ) from None
    return entry


SenderPattern = Annotated[str, AfterValidator(check_sender_pattern)]
