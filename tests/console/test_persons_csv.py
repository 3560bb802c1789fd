"""Persons as CSV: what is read of a file, each fault with its line, and that what is written can be read again."""

import csv
import io
from collections.abc import Collection, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.errors import UserError
from console.persons import csv_file
from console.persons.csv_file import read_csv
from console.persons.csv_format import write_persons
from console.persons.importing import Import, plan_import
from schemas.addresses import normalise
from schemas.persons import Person
from schemas.settings import EmailOptions, Format
from schemas.snapshot import SettingsSnapshot

ANN = Person(id="ann", first_name="Ann", is_user=True, addresses=("ann@example.test",), office="North", version=4)
BEN = Person(id="ben", is_user=True, addresses=("shared@example.test",), version=1)
CAT = Person(id="cat", is_user=True, addresses=("SHARED@example.test",), version=1)


def known(*persons: Person) -> object:
    def find(ids: Collection[str], addresses: Collection[str]) -> Mapping[str, Person]:
        return {
            one.id: one
            for one in persons
            if one.id in ids or any(normalise(address) in addresses for address in one.addresses)
        }

    return find


def settings(per_person: bool = True) -> SettingsSnapshot:
    options = EmailOptions(message_format_per_person=per_person)
    return SettingsSnapshot().with_changes([("email-options/email-options", options, 0)])


def planned(text: str, *persons: Person, per_person: bool = True) -> Import:
    return plan_import(read_csv("people.csv", text.encode()), settings(per_person), known(*persons))  # type: ignore[arg-type]


def refused(text: str, *persons: Person, per_person: bool = True) -> list[str]:
    with pytest.raises(UserError) as caught:
        planned(text, *persons, per_person=per_person)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "windows-1252"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_encoding_and_separator_are_found_out(separator: str, encoding: str, line_end: str) -> None:
    rows = ("Id", "Last name", "E-Mail", "User"), ("ann", "Ölçe, jr; x"[:4], "ann@example.test", "Yes")
    text = line_end.join(separator.join(row) for row in rows)

    file = read_csv("people.csv", text.encode(encoding))

    assert file.separator == separator
    assert file.fields == ("id", "last_name", "addresses", "is_user")
    [row] = file.rows
    assert row.entry == {"id": "ann", "last_name": "Ölçe", "addresses": ["ann@example.test"], "is_user": True}


def test_what_is_chosen_counts() -> None:
    data = "id;office\nann;ÎÎ\n".encode("iso-8859-15")
    assert read_csv("p", data, "windows-1251", "semicolon").rows[0].entry["office"] == "ОО"
    with pytest.raises(UserError, match=r"p:2: this is no text in utf-8 - choose the encoding"):
        read_csv("p", data, "utf-8")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "people.csv is empty"),
        (b"\n\n", "people.csv is empty"),
        (b"id,office\n", "people.csv has no rows"),
        (b"name,office\nann,North\n", "people.csv:1: no column tells who a row is about"),
        (b"id,office,Office\nann,a,b\n", "people.csv:1: two columns are office"),
        (b'id,office\nann,a\nben,"a\n', "people.csv:3: this is no CSV: unexpected end of data"),
        (b'id,office\n\nann,"a"b\n', "people.csv:3: this is no CSV"),
        (b"id," + b"x," * csv_file.MAX_COLUMNS + b"\nann\n", "people.csv:1: there are more than 100 columns"),
        (b"id,office\nann," + b"x" * 200_000, "people.csv:2: this is no CSV: field larger than field limit"),
        (b"x" * (csv_file.MAX_BYTES + 1), "people.csv is larger than 10 MB"),
        (b"id\n" + b"a\n" * (csv_file.MAX_ROWS + 1), "people.csv has more than 50000 rows"),
    ],
    ids=lambda value: value[:20] if isinstance(value, bytes) else None,
)
def test_a_file_that_cannot_be_taken_is_told_with_its_line(data: bytes, told: str) -> None:
    with pytest.raises(UserError) as caught:
        read_csv("people.csv", data)
    assert caught.value.problems[0].cause.startswith(told)
    assert len(str(caught.value)) < 400


def test_every_fault_is_told_with_line_and_field_and_nothing_is_imported() -> None:
    text = (
        "id,addresses,is_user,email_format\n"
        "ann,ann@example.test,yes,\n"
        "b b,b@example.test,yes,\n"
        '"c",no address,yes,\n'
        "d,d@example.test,maybe,pdf\n"
        "\n"
        "ann,,yes,\n"
        "e,e@example.test,no,\n"
    )
    problems = refused(text)
    assert [problem.split(": ")[0] for problem in problems] == [
        "people.csv:3:id",
        "people.csv:4:addresses[0]",
        "people.csv:4:addresses[1]",
        "people.csv:5:is_user",
        "people.csv:5:email_format",
        "people.csv:7:id",
        "people.csv:8",
    ]
    assert "ann stands on line 2 already" in problems[5]
    assert "flagged as a User, as an Analyst, or as both" in problems[6]


def test_too_many_and_too_long_cells_are_told() -> None:
    assert "this row has 3 cells, and the first line has 2" in refused("id,office\nann,North,South\n")[0]
    assert "people.csv:2:office: this cell is longer than" in refused(f"id,office\nann,{'x' * 30_000}\n")[0]


def test_faults_are_told_up_to_a_number() -> None:
    assert len(refused("id,is_user\n" + "a b,yes\n" * 5_000)) == 100


def test_what_a_file_would_do_is_told_row_by_row() -> None:
    found = planned(
        "id,Office,is_user\nann,South,yes\nben,,yes\nnew,East,yes\n",
        ANN,
        BEN,
    )
    assert dict(found.counts) == {"changed": 1, "unchanged": 1, "new": 1}
    [(line, ann), (new_line, new)] = found.effective
    assert (line, new_line) == (2, 4)
    assert [(one.field, one.old, one.new) for one in ann.fields] == [("office", "North", "South")]
    assert ann.after == ANN.model_copy(update={"office": "South", "version": 5})
    assert new.after == Person(id="new", office="East", is_user=True, version=1)


def test_a_column_that_is_not_there_leaves_a_field_and_an_empty_cell_takes_it_away() -> None:
    [(_, change)] = planned("id,office\nann,\n", ANN).effective
    assert change.after == ANN.model_copy(update={"office": "", "version": 5})


def test_without_an_id_the_one_who_has_the_address_is_meant() -> None:
    [(_, change)] = planned("email,office\nANN@example.test,South\n", ANN, BEN).effective
    assert change.key == "person/ann"
    [nobody] = refused("email,office\nnew@example.test,South\n", ANN)
    [several] = refused("email,office\nshared@example.test,South\n", BEN, CAT)
    assert "nobody has the address new@example.test - give an id" in nobody
    assert "2 persons have the address shared@example.test - give the id of one of them: ben, cat" in several
    assert "the row tells neither an id nor an address" in refused("email,office\n,South\n")[0]


def test_an_email_format_needs_the_option() -> None:
    text = "id,office,email_format\nann,North,\nben,,text\n"
    assert planned(text, ANN, BEN).counts["changed"] == 1
    [problem] = refused(text, ANN, BEN, per_person=False)
    assert problem.startswith("people.csv:3:person/ben: email_format cannot be set")


FORMULAS = ["=cmd|'/c calc'!A1", "+1", "-1+2", "@SUM(A1)", "'=1", "''=1", "＝1", "'quoted'", 'a"b', "a,b; c"]


@pytest.mark.parametrize("text", FORMULAS)
def test_nothing_that_is_exported_is_a_formula_and_it_reads_as_it_was(text: str) -> None:
    person = Person(id="ann", first_name=text, is_user=True)
    written = "".join(write_persons([person]))
    [_, cells] = csv.reader(io.StringIO(written, newline=""))
    assert not cells[1].startswith(("=", "+", "-", "@", "＝"))
    assert dict(planned(written, person.model_copy(update={"version": 3})).counts) == {"unchanged": 1}


_text = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=20).map(str.strip)
_persons = st.builds(
    Person,
    id=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,20}", fullmatch=True),
    first_name=_text,
    last_name=_text,
    office=_text,
    addresses=st.lists(st.sampled_from(["a@x.test", "-b@x.test", "c|d@x.test", "'e@x.test"]), max_size=3).map(tuple),
    is_user=st.just(True),
    is_analyst=st.booleans(),
    email_format=st.sampled_from([None, *Format]),
    disabled=st.booleans(),
    version=st.integers(1, 9),
)


@given(
    persons=st.lists(_persons, min_size=1, max_size=4, unique_by=lambda one: one.id), separator=st.sampled_from(",;\t")
)
def test_what_is_exported_is_imported_as_no_change(persons: Sequence[Person], separator: str) -> None:
    written = "".join(write_persons(persons, separator))
    found = planned(written, *persons)
    assert dict(found.counts) == {"unchanged": len(persons)}


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        read_csv("people.csv", b"id\n" + data)
    except UserError as error:
        assert "people.csv" in str(error)
