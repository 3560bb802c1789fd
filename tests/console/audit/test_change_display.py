"""A difference shows what changed, and of the rest no more than one line around it."""

from console.audit.change_display import compact


def test_only_the_lines_around_a_change_are_shown_and_gaps_are_marked() -> None:
    before = "\n".join(f"line {number}" for number in range(20))
    found = list(compact(before, before.replace("line 5\n", "line five\n").replace("line 15\n", "")))
    assert found == [
        ("gap", "…"),
        ("same", "line 4"),
        ("del", "line 5"),
        ("ins", "line five"),
        ("same", "line 6"),
        ("gap", "…"),
        ("same", "line 14"),
        ("del", "line 15"),
        ("same", "line 16"),
        ("gap", "…"),
    ]


def test_what_was_or_is_nothing_has_no_lines() -> None:
    assert list(compact("", "new")) == [("ins", "new")]
    assert list(compact("old", "")) == [("del", "old")]
    assert list(compact("", "")) == []


def test_a_very_long_line_is_cut() -> None:
    [(_, line)] = compact("", "x" * 100_000)
    assert len(line) < 500
