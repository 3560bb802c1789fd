"""Mails whose fetch ends the connection: found out, and passed over only after it has broken for them alone."""

import pytest

from ingest.connectors.base import take_batch
from ingest.connectors.owed import BREAKS, Suspects


def broken(suspects: Suspects, *handles: str, error: Exception | None = None) -> None:
    with pytest.raises(OSError), suspects.fetching(handles, lambda error: not isinstance(error, PermissionError)):
        raise error or OSError("broken")


def test_a_break_in_a_block_makes_each_of_its_mails_a_suspect_and_passes_none_over() -> None:
    suspects = Suspects()
    for _ in range(10):
        broken(suspects, "1", "2")
    assert "1" in suspects and "2" in suspects and "3" not in suspects
    assert not suspects.breaks_connections("1")


def test_a_mail_for_which_the_connection_breaks_again_and_again_is_passed_over() -> None:
    suspects = Suspects()
    for times in range(BREAKS):
        assert not suspects.breaks_connections("1"), times
        broken(suspects, "1")
    assert suspects.breaks_connections("1")
    assert "breaks" in suspects.skip("1")
    assert not suspects.breaks_connections("1")  # it is asked for again
    broken(suspects, "1")
    assert suspects.breaks_connections("1")


def test_a_mail_that_comes_is_a_suspect_no_more() -> None:
    suspects = Suspects()
    broken(suspects, "1")
    broken(suspects, "1")
    with suspects.fetching(["1"], lambda _: True):
        pass
    assert "1" not in suspects
    broken(suspects, "1")
    assert not suspects.breaks_connections("1")


def test_what_is_no_break_is_held_against_no_mail() -> None:
    suspects = Suspects()
    broken(suspects, "1", error=PermissionError("refused"))
    assert "1" not in suspects


def test_a_suspect_is_taken_alone_and_in_its_order() -> None:
    waiting = [(handle, 1) for handle in "abcde"]
    taken = []
    while waiting:
        taken.append("".join(handle for handle, _ in take_batch(waiting, 100, lambda handle: handle in "cd")))
    assert taken == ["ab", "c", "d", "e"]
