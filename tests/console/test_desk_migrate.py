"""`mailcall desk migrate` makes the tables that every process needs; what is in them stays when it runs again."""

from desk.engine import open_desk
from tests.console.conftest import Mailcall
from tests.desk.rows import add_item, add_person


def test_makes_the_tables_and_keeps_what_is_in_them(mailcall: Mailcall, empty_desk_url: str) -> None:
    def desk(*arguments: str) -> tuple[int, str]:
        ran = mailcall("--desk-url", empty_desk_url, *arguments)
        return ran.code, ran.out

    assert desk("calls", "list")[0] == 1
    assert desk("desk", "migrate")[0] == 0
    engine = open_desk(empty_desk_url)
    add_person(engine, "ann")
    add_item(engine, 1)
    engine.dispose()
    assert desk("desk", "migrate")[0] == 0
    code, listed = desk("calls", "list")
    assert (code, "C-000001" in listed) == (0, True)


def test_a_database_that_is_away_is_told_in_one_message(mailcall: Mailcall) -> None:
    ran = mailcall("--desk-url", "postgresql+psycopg://desk:s3cret@127.0.0.1:1/desk", "desk", "migrate")
    assert ran.code == 1
    assert "127.0.0.1" in ran.err
    assert "Check MAILCALL_DESK_URL" in ran.err
    assert "s3cret" not in ran.err
