"""What a child had answered is read whatever became of it, and nothing that it had answered before."""

import os
from collections.abc import Iterator
from contextlib import closing
from io import FileIO

import pytest

from runtime.child import channel as child_answers
from runtime.child.channel import MOST_KEPT_BYTES, FileWriter


@pytest.fixture
def file() -> Iterator[FileIO]:
    with closing(child_answers.new_file()) as made:
        child_answers.clear(made)
        yield made


def answers(file: FileIO) -> list[object]:
    return list(child_answers.read_all(file))


def test_answers_come_in_their_order(file: FileIO) -> None:
    writer = FileWriter(file)
    given = [("a", 1), {"names": ["a", "b"]}, b"x" * 300_000, ("a", 1)]
    for answer in given:
        writer.add(answer)
    assert answers(file) == given


def test_nothing_of_an_earlier_question_is_read(file: FileIO) -> None:
    earlier = FileWriter(file)
    for number in range(5):
        earlier.add(f"earlier {number}")
    child_answers.clear(file)
    assert answers(file) == []
    FileWriter(file).add("now")
    assert answers(file) == ["now"]


def test_a_question_is_read_as_it_was_asked_and_makes_room_for_its_answers(file: FileIO) -> None:
    FileWriter(file).add("earlier")
    question = [b"x" * 300_000, b"", b"y" * 70_000]
    child_answers.write_question(file, question)
    assert answers(file) == []
    assert child_answers.read_question(file) == question
    FileWriter(file).add("now")
    assert answers(file) == ["now"]


def test_an_answer_that_is_not_whole_does_not_count(file: FileIO, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = FileWriter(file)
    writer.add("whole")

    def end(*_: object) -> int:
        raise KeyboardInterrupt  # as if the child ended there: with half of it written

    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: real(fd, data[: len(data) // 2], at) and end())
    with pytest.raises(KeyboardInterrupt):
        writer.add("half" * 100_000)
    monkeypatch.undo()
    assert answers(file) == ["whole"]


def test_what_large_answers_took_is_given_back(file: FileIO) -> None:
    FileWriter(file).add(b"x" * (2 * MOST_KEPT_BYTES))
    assert [len(answer) for answer in answers(file)] == [2 * MOST_KEPT_BYTES]  # type: ignore[arg-type]
    child_answers.clear(file)
    assert os.fstat(file.fileno()).st_size == MOST_KEPT_BYTES
