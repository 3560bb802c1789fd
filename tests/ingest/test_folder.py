"""The folder connector: links, names, flags, files that change, rights. What all connectors promise: tests/contract."""

import os
import shutil
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ingest.connectors.base import FetchedBatch, Mode, open_mailbox
from ingest.connectors.folder import FolderConnector
from ingest.connectors.mail_files import MailFile, in_order
from mailserver.errors import MailServerError
from mailserver.sasl import Credentials
from schemas.reasons import Reason
from schemas.servers import MailboxCursor

RAW = b"Subject: x\n\nHello\n"
AN_HOUR_AGO = 3_600

Connect = Callable[..., FolderConnector]


@pytest.fixture
def connect(incoming_server: Any) -> Iterator[Connect]:
    """Opens the folder connector on a directory."""
    connectors: list[FolderConnector] = []

    def open_(path: Path, root: Path = Path("/"), **settings: Any) -> FolderConnector:
        server = incoming_server(
            **{"protocol": "folder", "path": str(path), "authentication": "none", "username": None, **settings}
        )
        connector = FolderConnector(server, Credentials(""), Mode(folder_root=root))
        connectors.append(connector)
        open_mailbox(connector)
        return connector

    yield open_
    for connector in connectors:
        connector.close()


@pytest.fixture
def eml(tmp_path: Path) -> Path:
    directory = tmp_path / "eml"
    directory.mkdir()
    return directory


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    return make_maildir(tmp_path / "Maildir")


def make_maildir(path: Path) -> Path:
    for name in ("cur", "new", "tmp"):
        (path / name).mkdir(parents=True)
    return path


def put(file: Path, raw: bytes = RAW, *, age: float = AN_HOUR_AGO) -> Path:
    file.write_bytes(raw)
    os.utime(file, (time.time() - age,) * 2)
    return file


def all_of(connector: FolderConnector, cursor: MailboxCursor | None = None) -> list[FetchedBatch]:
    blocks = []
    while (block := connector.next_batch(cursor)) is not None:
        blocks.append(block)
        cursor = block.cursor
    return blocks


def handles(blocks: list[FetchedBatch]) -> list[str]:
    """Names of the mails, without the time that belongs to those of .eml files."""
    return [mail.handle.partition(";")[0] for block in blocks for mail in block.mails]


def below(path: Path) -> set[str]:
    return {str(file.relative_to(path)) for file in path.rglob("*") if not file.is_dir()}


def refusal(connect: Connect, *arguments: Any, **settings: Any) -> MailServerError:
    with pytest.raises(MailServerError) as caught:
        all_of(connect(*arguments, **settings))
    assert caught.value.reason is Reason.FOLDER_REFUSED
    return caught.value


# ---- which files are mails -------------------------------------------------------------------------------------------


def test_only_eml_files_of_the_directory_itself_are_mails_in_the_order_of_their_numbers(
    eml: Path, connect: Connect
) -> None:
    (eml / "sub").mkdir()
    for name in ("10.eml", "9.EML", "notes.txt", ".hidden.eml", "1.eml.part", "1.eml.tmp", "sub/2.eml"):
        put(eml / name)
    put(eml / "empty.eml", b"")
    assert handles(all_of(connect(eml))) == ["9.EML", "10.eml"]


def test_of_a_maildir_new_and_cur_are_read_in_the_order_of_time_and_never_tmp(maildir: Path, connect: Connect) -> None:
    put(maildir / "tmp" / "1.M1.host")
    put(maildir / "cur" / "3.M10.host:2,FS")
    put(maildir / "new" / "3.M9.host")
    put(maildir / "new" / ".4.M1.host")
    put(maildir / "loose.eml")
    assert handles(all_of(connect(maildir))) == ["3.M9.host", "3.M10.host"]


@pytest.mark.parametrize("kind", ["eml", "maildir"])
def test_links_and_other_things_that_are_no_files_are_passed_over(
    kind: str, connect: Connect, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    path: Path = request.getfixturevalue(kind)
    directory = path / "new" if kind == "maildir" else path
    secret = put(tmp_path / "secret")
    (directory / "link.eml").symlink_to(secret)
    (directory / "dangling.eml").symlink_to(tmp_path / "nothing")
    os.mkfifo(directory / "pipe.eml")
    (directory / "directory.eml").mkdir()
    put(directory / "real.eml")
    connector = connect(path, after_fetch="delete")
    blocks = all_of(connector)
    assert handles(blocks) == ["real.eml"]
    connector.apply_after_fetch(blocks[0])
    assert secret.read_bytes() == RAW
    assert len(list(directory.iterdir())) == 4


@pytest.mark.parametrize("replace", [lambda file, other: file.symlink_to(other), lambda file, _other: os.mkfifo(file)])
def test_a_file_that_turned_into_a_link_or_a_pipe_after_the_look_is_not_opened(
    eml: Path, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replace: Callable[[Path, Path], None]
) -> None:
    monkeypatch.setattr("ingest.connectors.base.BATCH_MAILS", 1)
    other = put(tmp_path / "other")
    put(eml / "1.eml")
    shutil.copy2(other, put(eml / "2.eml"))  # so that time and size do not give it away
    connector = connect(eml)
    block = connector.next_batch(None)
    assert block is not None
    (eml / "2.eml").unlink()
    replace(eml / "2.eml", other)
    try:
        assert connector.next_batch(block.cursor) is None
    except MailServerError as error:  # a link: said once, and the next look passes it over
        assert error.reason is Reason.FOLDER_REFUSED
    assert all_of(connect(eml), block.cursor) == []


def test_directories_of_a_maildir_that_are_links_are_refused(maildir: Path, connect: Connect, tmp_path: Path) -> None:
    (maildir / "new").rmdir()
    (tmp_path / "elsewhere").mkdir()
    (maildir / "new").symlink_to(tmp_path / "elsewhere")
    assert "no link below path is followed" in refusal(connect, maildir).text


def test_names_that_are_no_text_stay_out_of_records(eml: Path, connect: Connect) -> None:
    for name in (b"line\nfeed.eml", b"latin-\xe9.eml"):
        (eml / os.fsdecode(name)).write_bytes(name)
        os.utime(eml / os.fsdecode(name), (1, 1))
    connector = connect(eml, after_fetch="delete")
    (block,) = all_of(connector)
    assert sorted(mail.raw for mail in block.mails) == [b"latin-\xe9.eml", b"line\nfeed.eml"]
    assert all(mail.locator.isprintable() and mail.locator.startswith("FOLDER;NAME=name-") for mail in block.mails)
    MailboxCursor.model_validate_json(block.cursor.model_dump_json())
    connector.apply_after_fetch(block)
    assert below(eml) == set()


def test_digits_in_names_are_numbers_however_they_are_mixed_with_letters() -> None:
    names = ["10", "9a", "a9", "a10", "9", ""]
    ordered = sorted((MailFile(".", name, 0, 0) for name in names), key=in_order)
    assert [file.name for file in ordered] == ["", "9", "9a", "10", "a9", "a10"]


# ---- what is fetched -------------------------------------------------------------------------------------------------


def test_bytes_come_as_they_are_with_the_time_of_the_file(eml: Path, connect: Connect) -> None:
    raw = b"Subject: x\r\n\r\nmixed\nline\rends\0\xff"
    put(eml / "1.eml", raw)
    os.utime(eml / "1.eml", (1_700_000_000,) * 2)
    ((mail,),) = (block.mails for block in all_of(connect(eml)))
    assert (mail.raw, mail.internal_date, mail.size) == (raw, datetime.fromtimestamp(1_700_000_000, UTC), None)


def test_a_file_dated_beyond_all_years_is_a_mail_without_a_date(maildir: Path, connect: Connect) -> None:
    file = put(maildir / "new" / "1.a")
    os.utime(file, ns=(1, 2**62))
    ((mail,),) = (block.mails for block in all_of(connect(maildir)))
    assert mail.internal_date is None or mail.internal_date.year > 2100


def test_a_file_is_taken_once_it_is_left_alone_for_a_second_and_looked_for_then(eml: Path, connect: Connect) -> None:
    connector = connect(eml)
    put(eml / "1.eml", age=-1_000_000)  # of a clock that is ahead: it has to come some time
    (block,) = all_of(connector)
    assert handles([block]) == ["1.eml"]
    (eml / "2.eml").write_bytes(RAW)
    assert connector.next_batch(block.cursor) is None
    connector.wait(3_600, threading.Event())  # returns after a second
    assert handles(all_of(connector, block.cursor)) == ["2.eml"]


def test_a_mail_that_a_mail_program_marks_meanwhile_comes_once(maildir: Path, connect: Connect) -> None:
    new = put(maildir / "new" / "1.a")
    (block,) = all_of(connect(maildir))
    new.rename(maildir / "cur" / "1.a:2,S")
    assert all_of(connect(maildir), block.cursor) == []


def test_another_mail_under_the_name_of_an_earlier_one_is_fetched(eml: Path, connect: Connect) -> None:
    put(eml / "mail.eml", b"Subject: first\n\n")
    (first,) = all_of(connect(eml))
    put(eml / "mail.eml", b"Subject: second\n\n", age=60)
    (second,) = all_of(connect(eml), first.cursor)
    assert [mail.raw for mail in second.mails] == [b"Subject: second\n\n"]
    assert len(second.cursor.uidls) == 1


def test_the_cursor_holds_what_is_still_there_and_no_more(
    maildir: Path, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.connectors.base.BATCH_MAILS", 2)
    for number in range(1, 6):
        put(maildir / "new" / f"{number}.a")
    left = all_of(connect(maildir, after_fetch="leave"))
    assert [len(block.cursor.uidls) for block in left] == [2, 4, 5]
    connector, cursor, lengths = connect(maildir, after_fetch="delete"), None, []
    while (block := connector.next_batch(cursor)) is not None:
        connector.apply_after_fetch(block)
        cursor = block.cursor
        lengths.append(len(cursor.uidls))
    assert lengths == [2, 2, 1]


@pytest.mark.parametrize("change", [Path.unlink, lambda file: put(file, b"Subject: other\n\n", age=5)])
def test_a_file_that_vanishes_or_changes_between_look_and_fetch_is_left_to_the_next_look(
    eml: Path, connect: Connect, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], object]
) -> None:
    monkeypatch.setattr("ingest.connectors.base.BATCH_MAILS", 1)
    put(eml / "1.eml")
    file = put(eml / "2.eml")
    put(eml / "3.eml")
    connector = connect(eml)
    block = connector.next_batch(None)
    change(file)
    there = file.exists()
    blocks = all_of(connector, block.cursor if block else None)
    assert handles(blocks) == (["3.eml", "2.eml"] if there else ["3.eml"])


# ---- what becomes of the files ---------------------------------------------------------------------------------------


def settle_all(connector: FolderConnector) -> None:
    for block in all_of(connector):
        connector.apply_after_fetch(block)


def test_seen_mails_of_a_maildir_lie_in_cur_with_their_flags(maildir: Path, connect: Connect) -> None:
    for name in ("new/1.a", "cur/2.a:2,FR", "cur/3.a", "cur/4.a:2,S"):
        put(maildir / name)
    settle_all(connect(maildir, after_fetch="seen"))
    assert below(maildir) == {"cur/1.a:2,S", "cur/2.a:2,FRS", "cur/3.a:2,S", "cur/4.a:2,S"}


def test_eml_files_bear_no_mark(eml: Path, connect: Connect) -> None:
    put(eml / "1.eml")
    settle_all(connect(eml, after_fetch="seen"))
    assert below(eml) == {"1.eml"}


def test_moved_eml_files_never_take_the_place_of_another(eml: Path, connect: Connect) -> None:
    (eml / "done").mkdir()
    put(eml / "done" / "a.eml", b"earlier")
    put(eml / "done" / "a-1.eml", b"earlier")
    put(eml / "a.eml", b"now")
    put(eml / "b.eml", b"now")
    settle_all(connect(eml, after_fetch="move", move_to="done"))
    found = {name: (eml / name).read_bytes() for name in below(eml)}
    assert found == {
        "done/a.eml": b"earlier",
        "done/a-1.eml": b"earlier",
        "done/a-2.eml": b"now",
        "done/b.eml": b"now",
    }


@pytest.mark.parametrize("existing", [None, 0o750])
def test_a_folder_that_is_made_for_fetched_mails_is_our_users_alone(
    eml: Path, connect: Connect, existing: int | None
) -> None:
    eml.chmod(0o755)
    put(eml / "1.eml")
    if existing:
        (eml / "done").mkdir()
        (eml / "done").chmod(existing)
    settle_all(connect(eml, after_fetch="move", move_to="done"))
    assert (eml / "done" / "1.eml").exists()
    assert stat.S_IMODE((eml / "done").stat().st_mode) == (existing or 0o700)


def test_mails_of_a_maildir_are_moved_into_a_maildir_as_they_are(maildir: Path, connect: Connect) -> None:
    put(maildir / "new" / "1.a")
    put(maildir / "cur" / "2.a:2,FS")
    make_maildir(maildir / ".Done")
    put(maildir / ".Done" / "new" / "1.a", b"earlier")
    settle_all(connect(maildir, after_fetch="move", move_to=".Done"))
    assert below(maildir) == {".Done/new/1.a", ".Done/new/1.a-1", ".Done/cur/2.a:2,FS"}
    assert (maildir / ".Done" / "new" / "1.a").read_bytes() == b"earlier"


@pytest.mark.parametrize("kind", ["eml", "maildir"])
def test_the_directory_for_fetched_mail_is_made_where_it_is_missing_and_not_before(
    kind: str, connect: Connect, request: pytest.FixtureRequest
) -> None:
    path: Path = request.getfixturevalue(kind)
    put(path / ("new/1.a" if kind == "maildir" else "1.eml"))
    connector = connect(path, after_fetch="move", move_to="done")
    (block,) = all_of(connector)
    assert not (path / "done").exists()
    connector.apply_after_fetch(block)
    assert below(path) == {"done/new/1.a" if kind == "maildir" else "done/1.eml"}
    assert kind == "eml" or (path / "done" / "tmp").is_dir()


@pytest.mark.parametrize("name", ["..", ".", "/tmp", "a/b", "new", "cur", "tmp"])
def test_mail_is_moved_to_a_directory_within_path_only(eml: Path, connect: Connect, name: str) -> None:
    error = refusal(connect, eml, after_fetch="move", move_to=name)
    assert repr(name) in error.text and not error.temporary


def test_mail_is_not_moved_through_a_link(eml: Path, connect: Connect, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (eml / "done").symlink_to(tmp_path / "elsewhere")
    put(eml / "1.eml")
    connector = connect(eml, after_fetch="move", move_to="done")
    (block,) = all_of(connector)
    with pytest.raises(MailServerError) as caught:
        connector.apply_after_fetch(block)
    assert "'done'" in caught.value.text
    assert below(tmp_path) == {"eml/1.eml"}


def test_mails_that_a_mail_program_renamed_meanwhile_are_settled(maildir: Path, connect: Connect) -> None:
    new = put(maildir / "new" / "1.a")
    connector = connect(maildir, after_fetch="delete")
    (block,) = all_of(connector)
    new.rename(maildir / "cur" / "1.a:2,RS")
    connector.apply_after_fetch(block)
    assert below(maildir) == set()


def test_mails_of_an_earlier_connection_are_settled(eml: Path, connect: Connect) -> None:
    put(eml / "1.eml")
    (block,) = all_of(connect(eml, after_fetch="delete"))
    connect(eml, after_fetch="delete").apply_after_fetch(block)
    assert below(eml) == set()


def test_a_file_that_was_written_anew_since_it_was_fetched_is_not_deleted(eml: Path, connect: Connect) -> None:
    put(eml / "1.eml")
    connector = connect(eml, after_fetch="delete")
    (block,) = all_of(connector)
    put(eml / "1.eml", b"Subject: other\n\n", age=60)
    connector.apply_after_fetch(block)
    assert below(eml) == {"1.eml"}
    assert [mail.raw for b in all_of(connector, block.cursor) for mail in b.mails] == [b"Subject: other\n\n"]


# ---- what is refused -------------------------------------------------------------------------------------------------


def test_a_directory_that_is_missing_is_told_and_taken_up_when_it_is_there(
    eml: Path, connect: Connect, tmp_path: Path
) -> None:
    error = refusal(connect, tmp_path / "missing")
    assert error.temporary
    assert "it (" in error.text and "missing" in error.text and "create it, or correct path" in error.text
    connector = connect(eml)
    shutil.rmtree(eml)
    connector.wait(0, threading.Event())
    with pytest.raises(MailServerError):
        connector.next_batch(None)
    eml.mkdir()
    put(eml / "1.eml")
    assert handles(all_of(connect(eml))) == ["1.eml"]


def test_a_file_in_place_of_the_directory_is_told(eml: Path, connect: Connect) -> None:
    assert "has to be a directory" in refusal(connect, put(eml / "1.eml")).text


def test_only_folders_below_the_root_are_read_links_resolved(eml: Path, connect: Connect, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "in").mkdir(parents=True)
    (root / "out").symlink_to(eml)
    (tmp_path / "way-in").symlink_to(root / "in")
    assert connect(tmp_path / "way-in", root).next_batch(None) is None
    for path in (eml, root / "out", root / ".." / "eml"):
        error = refusal(connect, path, root)
        assert "MAILCALL_FOLDER_ROOT" in error.text and not error.temporary


def test_a_folder_has_no_account(eml: Path, connect: Connect) -> None:
    with pytest.raises(MailServerError, match="choose none"):
        connect(eml, authentication="standard")


# The superuser may do everything, unless that power is given up. A process of its own: it would miss it later.
POWERLESS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--")
FETCH_AND_SETTLE = """
import sys
from pathlib import Path
from ingest.connectors.folder import FolderConnector
from ingest.connectors.base import open_mailbox
from mailserver.errors import MailServerError
from mailserver.sasl import Credentials
from schemas.settings import IncomingServer
connector = FolderConnector(IncomingServer.model_validate_json(sys.argv[1]), Credentials(""))
try:
    open_mailbox(connector)
    connector.apply_after_fetch(connector.next_batch(None))
except MailServerError as error:
    print(error.reason, error.text)
"""


def refused_by_rights(path: Path, incoming_server: Any, **settings: Any) -> str:
    """What is told to somebody who has no more than the rights that files and directories give."""
    server = incoming_server(protocol="folder", path=str(path), authentication="none", **settings)
    command = [*(POWERLESS if os.geteuid() == 0 else ()), sys.executable, "-c", FETCH_AND_SETTLE]
    run = subprocess.run([*command, server.model_dump_json()], capture_output=True, text=True, check=True, timeout=60)
    return run.stdout


def test_a_file_that_may_not_be_read_is_told_and_not_lost(eml: Path, connect: Connect, incoming_server: Any) -> None:
    file = put(eml / "1.eml")
    file.chmod(0)
    told = refused_by_rights(eml, incoming_server)
    assert told.startswith(Reason.FOLDER_REFUSED)
    assert "'1.eml': Permission denied" in told and "right to read" in told
    file.chmod(0o644)
    assert handles(all_of(connect(eml))) == ["1.eml"]


@pytest.mark.parametrize("settings", [{"after_fetch": "delete"}, {"after_fetch": "move", "move_to": "done"}])
def test_a_directory_that_may_not_be_changed_is_told(eml: Path, incoming_server: Any, settings: dict[str, str]) -> None:
    put(eml / "1.eml")
    eml.chmod(0o555)
    told = refused_by_rights(eml, incoming_server, **settings)
    eml.chmod(0o755)
    assert told.startswith(Reason.FOLDER_REFUSED) and "Permission denied" in told
    assert below(eml) == {"1.eml"}


def test_a_large_directory_is_looked_through_without_opening_what_is_known(
    eml: Path, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2_000):
        put(eml / f"{number}.eml")
    connector = connect(eml, start_from="now")
    first = connector.next_batch(None)
    assert first is not None and first.skipped == 2_000
    connector.wait(0, threading.Event())
    open_mailbox(connector)
    put(eml / "another.eml")
    opened: list[object] = []
    plain_open = os.open

    def counted(path: Any, *arguments: Any, **named: Any) -> int:
        opened.append(path)
        return plain_open(path, *arguments, **named)

    monkeypatch.setattr(os, "open", counted)
    assert handles(all_of(connector, first.cursor)) == ["another.eml"]
    assert opened == ["another.eml"]
