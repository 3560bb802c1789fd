"""Two builds in turns: the order, the ratios, and the other revision's files."""

import subprocess
from pathlib import Path

import pytest

from deploy.local import NotAvailableError
from deploy.local.bench.checkout import checked_out
from deploy.local.bench.turns import Ratio, in_turns, mean, ratios


def test_each_pair_of_turns_lies_side_by_side_and_neither_build_is_always_first() -> None:
    assert list(in_turns("AB", 4)) == list("ABBAABBA")
    assert list(in_turns("A", 2)) == list("AA")


def test_a_machine_that_slows_down_leaves_the_ratio_as_it_is() -> None:
    """Each pair is measured at its own speed; the sum of all turns would say 0.56 here."""
    speeds = (1.0, 1.0, 1.0, 3.0)
    these = [{"logger": 0.5 * speed} for speed in speeds]
    those = [{"logger": 1.0 * speed} for speed in speeds]
    assert ratios(these, those) == {"logger": Ratio(0.5, 0.5, 0.5)}


def test_one_disturbed_pair_shows_in_the_spread_alone_where_there_are_enough() -> None:
    these = [{"total": cost} for cost in (1.0, 2.0, 2.1, 2.2, 9.0)]
    assert ratios(these, [{"total": 2.0}] * 5) == {"total": Ratio(1.05, 1.0, 1.1)}


def test_a_figure_that_one_build_does_not_tell_is_not_compared() -> None:
    assert ratios([{"a": 1.0, "b": 1.0, "c": 1.0}], [{"a": 2.0, "c": 0.0}]) == {"a": Ratio(0.5, 0.5, 0.5)}
    assert ratios([], []) == {}
    assert mean([{"a": 1.0}, {"a": 2.0}]) == {"a": 1.5}


def _git(directory: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.com")
    subprocess.run(["git", "-C", directory, *identity, *arguments], check=True, capture_output=True)


def test_a_revision_is_there_for_the_time_of_the_block(tmp_path: Path) -> None:
    repository, elsewhere = tmp_path / "repository", tmp_path / "elsewhere"
    repository.mkdir()
    _git(repository, "init", "--quiet")
    for text in ("old", "new"):
        (repository / "file").write_text(text)
        _git(repository, "add", "file")
        _git(repository, "commit", "--quiet", "--message", text)
    for _ in range(2):
        with checked_out("HEAD~1", elsewhere, repository) as build:
            assert (build.source / "file").read_text() == "old"
        assert not elsewhere.exists()
    with (
        pytest.raises(NotAvailableError, match="no-such-revision"),
        checked_out("no-such-revision", elsewhere, repository),
    ):
        pass
