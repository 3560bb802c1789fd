"""Rules for mail to closed items: as rows of a form and back."""

from console.settings.partitions import MAX_RULES, closing_entry, closing_rows, read_closing_rows
from schemas.settings import AfterClosing, Partition

RULES = (AfterClosing(action="reopen", within_days=14), AfterClosing(action="new-call"))


def test_rules_become_rows_and_one_more_to_type_into() -> None:
    rows = closing_rows(RULES)
    assert [(row.action, row.within_days) for row in rows] == [("reopen", "14"), ("new-call", ""), ("", "")]
    assert rows[0].action_field == "after_closing.0.action"


def test_what_was_typed_is_the_entry_and_empty_rows_say_nothing() -> None:
    form = {
        "after_closing.0.action": ["journal"],
        "after_closing.0.within_days": [" 0 "],
        "after_closing.1.action": [""],
        "after_closing.1.within_days": [""],
        "after_closing.2.action": ["new-call"],
        "after_closing.2.within_days": [""],
    }
    rows = read_closing_rows(form)
    assert closing_entry(rows) == [{"action": "journal", "within_days": "0"}, {"action": "new-call"}]
    assert [row.place for row in rows] == [0, 1, 2]
    matrix = {"impacts": ["I"], "urgencies": ["U"], "priorities": ["P"], "priority_matrix": {"I": {"U": "P"}}}
    partition = Partition.model_validate({**matrix, "after_closing": closing_entry(rows)}, extra="forbid")
    assert partition.after_closing == (AfterClosing(action="journal", within_days=0), AfterClosing(action="new-call"))


def test_days_without_an_action_are_kept_for_the_check_to_tell() -> None:
    rows = read_closing_rows({"after_closing.0.action": [""], "after_closing.0.within_days": ["soon"]})
    assert closing_entry(rows) == [{"action": "", "within_days": "soon"}]


def test_no_more_rows_are_read_than_anybody_means() -> None:
    form = {f"after_closing.{place}.action": ["reopen"] for place in range(10_000)}
    assert len(closing_entry(read_closing_rows(form))) == MAX_RULES
