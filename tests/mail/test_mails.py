"""Every mail of this folder, all the way: bytes in, a call out, exactly as the file beside it says."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from desk.item_detail import Item, JournalEntry
from runtime.blobs import BlobStore
from schemas import ids
from tests.mail import expected
from tests.mail.expected import Expected
from tests.mail.stored import FOLDER, FixedDesk
from tests.mail.walk import Walk, arrive_all, result_of

MAILS = sorted(str(path.relative_to(FOLDER).with_suffix("")) for path in FOLDER.glob("*/*.eml"))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FixedDesk]:
    desk = FixedDesk(tmp_path_factory.mktemp("desk"))
    yield desk
    desk.close()


@pytest.fixture
def walk(desk: FixedDesk, tmp_path: Path) -> Walk:
    return Walk(desk.fresh(), BlobStore((tmp_path / "blobs").as_uri()))


def test_there_are_at_least_150_mails() -> None:
    assert len(MAILS) >= 150


def test_every_mail_has_its_expected_result_and_the_reverse() -> None:
    results = sorted(str(path.relative_to(FOLDER).with_suffix("")) for path in FOLDER.glob("*/*.yaml"))
    assert results == MAILS


def test_no_mail_stands_twice() -> None:
    counted = Counter(ids.mail_id("", (FOLDER / f"{name}.eml").read_bytes()) for name in MAILS)
    assert [number for number in counted.values() if number > 1] == []


@pytest.mark.parametrize("name", MAILS)
def test_mail(name: str, walk: Walk) -> None:
    wanted = expected.read(FOLDER / f"{name}.yaml")
    raw = expected.mail_bytes(FOLDER / f"{name}.eml")
    arrive_all(walk, wanted.after)
    result = result_of(walk, raw, wanted.server, wanted.after)
    assert result.model_dump(by_alias=True) == wanted.model_dump(by_alias=True)
    logged = walk.ledger(ids.mail_id(wanted.server, raw))
    if wanted.sender is None:
        assert logged is None
    else:
        assert logged is not None
        check_item(logged[1], ids.mail_id(wanted.server, raw), wanted)
        check_person(walk, wanted)


def check_item(item: Item, mail_id: str, wanted: Expected) -> None:
    """Nothing of the mail is missing in its item; one that came by a second way is not in it again."""
    entries = [one for one in item.journal if one.mail_id == mail_id]
    if wanted.action.outcome == "duplicate":
        assert entries == []
        return
    [entry] = entries
    assert entry == JournalEntry(
        entry.at,
        wanted.action.outcome,
        wanted.sender.person_id if wanted.sender else "",
        mail_id,
        wanted.action.reason,
        wanted.parse.text,
        wanted.parse.reply,
        wanted.parse.html,
    )
    kept = [(one.name, one.content_type, one.size, one.sha256) for one in item.files if one.mail_id == mail_id]
    assert kept == [(one.name, one.content_type, one.size, one.sha256) for one in wanted.parse.attachments]


def check_person(walk: Walk, wanted: Expected) -> None:
    """The person is in the desk as the sender's row says."""
    assert wanted.sender is not None
    person = walk.person(wanted.sender.person_id)
    assert person is not None
    if wanted.sender.new_person:
        names = (wanted.sender.first_name, wanted.sender.last_name)
        assert (person.first_name, person.last_name, person.is_user, person.is_analyst) == (*names, True, False)
    if wanted.call is not None and wanted.sender.set_user_flag:  # only who logs a call becomes a User
        assert person.is_user
