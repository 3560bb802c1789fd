"""What a child had answered is read whatever became of it, and nothing that it had answered before."""

import os
from collections.abc import Iterator
from contextlib import closing
from io import FileIO
from random import Random

import pytest

from runtime.child.channel import KEPT_BYTES, SharedFile, new_file


@pytest.fixture
def file() -> Iterator[FileIO]:
    with new_file() as made:
        yield made


@pytest.fixture
def ours(file: FileIO) -> Iterator[SharedFile]:
    with closing(SharedFile(FileIO(os.dup(file.fileno()), "r+"))) as side:
        yield side


@pytest.fixture
def theirs(ours: SharedFile, file: FileIO) -> Iterator[SharedFile]:
    """Of the child, which begins after the process that started it."""
    with closing(SharedFile(FileIO(os.dup(file.fileno()), "r+"))) as side:
        yield side


class EndedError(Exception):
    """As if the child had ended there."""


class Ending:
    def __reduce__(self) -> str:
        raise EndedError


def answers(ours: SharedFile) -> list[object]:
    return list(ours.results())


def test_answers_come_in_their_order(ours: SharedFile, theirs: SharedFile) -> None:
    given = [("a", 1), {"names": ["a", "b"]}, b"x" * 300_000, ("a", 1)]
    for answer in given:
        theirs.add(answer)
    assert answers(ours) == given


def test_nothing_of_an_earlier_question_is_read(ours: SharedFile, theirs: SharedFile) -> None:
    for number in range(5):
        theirs.add(f"earlier {number}")
    ours.write_question("another")
    assert answers(ours) == []
    assert theirs.read_question() == "another"
    theirs.add("now")
    assert answers(ours) == ["now"]


def test_a_question_is_read_as_it_was_asked_and_makes_room_for_its_answers(
    ours: SharedFile, theirs: SharedFile
) -> None:
    theirs.add("earlier")
    question = [b"x" * 300_000, b"", b"y" * 70_000]
    ours.write_question(question)
    assert answers(ours) == []
    assert theirs.read_question() == question
    theirs.add("now")
    assert answers(ours) == ["now"]


@pytest.mark.parametrize("size", [300_000, KEPT_BYTES])
def test_an_answer_that_is_not_whole_does_not_count(ours: SharedFile, theirs: SharedFile, size: int) -> None:
    theirs.add("whole")
    with pytest.raises(EndedError):
        theirs.add([b"half" * size, Ending()])
    assert answers(ours) == ["whole"]


@pytest.mark.parametrize("seed", range(5))
def test_values_stand_on_both_sides_of_the_place_where_the_mapping_ends(
    ours: SharedFile, theirs: SharedFile, seed: int
) -> None:
    random = Random(seed)
    for _ in range(6):
        sizes = [random.choice((0, 10, 1_000, 200_000, 1_500_000)) for _ in range(12)]
        question = [random.randbytes(size) for size in sizes]
        ours.write_question(question)
        assert theirs.read_question() == question
        for value in reversed(question):
            theirs.add((value, len(value)))
        assert answers(ours) == [(value, len(value)) for value in reversed(question)]


@pytest.mark.parametrize("missing", range(1, 60))
def test_each_size_is_read_where_the_mapping_ends(ours: SharedFile, theirs: SharedFile, missing: int) -> None:
    """The second value, or its size, begins a few bytes before that place, at it or behind it."""
    for value in (b"x" * (KEPT_BYTES - missing), "second", "third"):
        theirs.add(value)
    assert answers(ours) == [b"x" * (KEPT_BYTES - missing), "second", "third"]


def test_what_large_answers_took_is_given_back(ours: SharedFile, theirs: SharedFile, file: FileIO) -> None:
    theirs.add(b"x" * (2 * KEPT_BYTES))
    assert [len(answer) for answer in answers(ours)] == [2 * KEPT_BYTES]  # type: ignore[arg-type]
    ours.write_question(None)
    assert os.fstat(file.fileno()).st_size == KEPT_BYTES
    assert theirs.read_question() is None
