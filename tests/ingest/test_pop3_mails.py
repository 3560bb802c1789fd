"""By what mails of a POP3 mailbox are known again, where the server gives them no id of their own."""

import poplib
from collections.abc import Iterator, Mapping
from typing import Any, cast

import pytest

from ingest.connectors.pop3_mails import Identified, identify
from ingest.connectors.pop3_session import Pop3Session

D = b"Subject: d\r\n\r\nD\r\n"
A, B, C = b"Subject: a\r\n\r\nA\r\n", b"Subject: b\r\n\r\nB\r\n", b"Subject: a\r\n\r\nanother\r\n"


class Session:
    """Gives these mails by their numbers; `refused` are commands that it refuses, such as TOP 2."""

    def __init__(self, mails: Mapping[int, bytes], *refused: str) -> None:
        self.mails, self.refused = mails, refused

    def header(self, number: int) -> bytes:
        self._check(f"TOP {number}")
        return self.mails[number].split(b"\r\n\r\n")[0]

    def content(self, number: int) -> Iterator[bytes]:
        self._check(f"RETR {number}")
        yield self.mails[number]

    def _check(self, command: str) -> None:
        if command in self.refused:
            raise poplib.error_proto(b"-ERR not this one")


def told_apart(session: Session, unique_ids: Mapping[int, str]) -> Identified:
    return identify(cast(Pop3Session, session), session.mails, unique_ids)


def test_a_unique_id_is_taken_as_it_is() -> None:
    found = told_apart(Session({1: A, 2: B}), {1: "x", 2: "y"})
    assert (found.numbers, found.not_given, found.by_digest) == ({"x": 1, "y": 2}, {}, 0)


@pytest.mark.parametrize("unique_ids", [{}, {1: "", 2: "y"}, {2: "y"}, {1: "same", 2: "y", 3: "same"}])
def test_none_is_left_out_whatever_ids_there_are(unique_ids: Mapping[int, str]) -> None:
    found = told_apart(Session({1: A, 2: B, 3: C}), unique_ids)
    assert list(found.numbers.values()) == [1, 2, 3]
    assert len(found.numbers) == 3


def test_it_stays_known_when_others_go() -> None:
    before = told_apart(Session({1: A, 2: B}), {1: "same", 2: "same"})
    after = told_apart(Session({1: B, 2: D}), {1: "same", 2: "same"})
    (id_of_b,) = before.numbers.keys() & after.numbers.keys()
    assert (before.numbers[id_of_b], after.numbers[id_of_b]) == (2, 1)


def test_mails_with_the_same_header_are_told_apart_by_all_of_them() -> None:
    one, other = told_apart(Session({1: A, 2: C}), {}), told_apart(Session({1: C, 2: A}), {})
    assert one.numbers == {id_: 3 - number for id_, number in other.numbers.items()}
    assert all(id_.startswith("mail-") for id_ in one.numbers)


def test_copies_of_a_mail_are_counted() -> None:
    numbers = told_apart(Session({1: A, 2: A, 3: A}), {}).numbers
    first = next(iter(numbers))
    assert numbers == {first: 1, f"{first}-2": 2, f"{first}-3": 3}


def test_without_top_all_of_the_mail_is_read() -> None:
    found = told_apart(Session({1: A, 2: B}, "TOP 1", "TOP 2"), {})
    assert list(found.numbers.values()) == [1, 2]


def test_what_cannot_be_told_at_all_is_named_and_holds_up_no_other() -> None:
    found = told_apart(Session({1: A, 2: B}, "TOP 1", "RETR 1"), {})
    assert list(found.numbers.values()) == [2]
    assert found.not_given == {"number 1": "-ERR not this one"}


def test_a_connection_that_breaks_is_no_refusal() -> None:
    class Breaking(Session):
        def _check(self, _command: str) -> Any:
            raise poplib.error_proto("the server closed the connection")

    with pytest.raises(poplib.error_proto, match="closed"):
        told_apart(Breaking({1: A}), {})
