"""A mail that goes to two desks belongs, at each of them, to the item that this desk logged for it."""

from typing import Any

import pytest
from sqlalchemy import select, update

from desk.engine import read_transaction, write_transaction
from desk.tables import message_ids
from logger.core.threading import partition_of
from schemas.resolved_mail import ResolvedMail
from tests.logger.harness import Logger, demo_settings, make_mail


def at(desk: str, cause: str, address: str = "ann@example.test", **fields: Any) -> ResolvedMail:
    """What Ann, or somebody else, wrote, as it came to one of the desks `it` and `hr`."""
    template = {"it": "it-call", "hr": "hr-call"}[desk]
    own = {"message_id": f"<{cause}@example.test>", "call_template": template}
    return make_mail(f"{cause}-{desk}", address, **{**own, **fields})


def answering(cause: str) -> dict[str, Any]:
    return {"conversation": {"message_ids": [f"<{cause}@example.test>"]}}


@pytest.mark.parametrize("batches", ["one", "two"])
def test_whoever_answers_a_mail_to_both_desks_reaches_the_item_of_each(logger: Logger, batches: str) -> None:
    to_both = [at("it", "both"), at("hr", "both")]
    answers = [at(desk, "answer", "vera@example.test", **answering("both")) for desk in ("hr", "it")]
    if batches == "one":
        logger.feed(*to_both, *answers)
    else:
        logger.feed(*to_both)
        logger.feed(*answers)
    assert [logger.outcome(mail) for mail in to_both] == [("call-logged", "C-000001"), ("call-logged", "C-000002")]
    assert [logger.outcome(mail) for mail in answers] == [("item-updated", "C-000002"), ("item-updated", "C-000001")]
    following = at("hr", "third", "ben@example.test", **answering("answer"))
    logger.feed(following)
    assert logger.outcome(following) == ("item-updated", "C-000002")


def test_an_answer_to_a_desk_that_never_had_the_mail_is_a_call_of_its_own(logger: Logger) -> None:
    logger.feed(at("it", "one"))
    answer = at("hr", "answer", **answering("one"))
    logger.feed(answer)
    assert logger.outcome(answer) == ("call-logged", "C-000002")
    assert logger.item("C-000002").linked_to is None


def test_ids_that_were_stored_without_a_partition_name_the_items_of_their_own(logger: Logger) -> None:
    logger.feed(at("it", "old"))
    with write_transaction(logger.engine) as connection:
        changed = connection.execute(
            update(message_ids)
            .where(message_ids.c.message_id == "<old@example.test> IT")
            .values(message_id="<old@example.test>")
        )
    assert changed.rowcount == 1
    logger.feed(at("it", "again", message_id="<old@example.test>"))  # an id that is used once more: the first keeps it
    answers = [at(desk, "answer", "vera@example.test", **answering("old")) for desk in ("it", "hr")]
    logger.feed(*answers)
    assert [logger.outcome(mail) for mail in answers] == [("item-updated", "C-000001"), ("call-logged", "C-000003")]


def test_a_mail_that_names_an_item_of_the_other_desk_belongs_there_and_so_do_its_answers(logger: Logger) -> None:
    logger.feed(at("it", "one"))
    signed = at("hr", "two", conversation={"tokens": ["C-000001"]})
    logger.feed(signed)
    answer = at("hr", "three", "vera@example.test", **answering("two"))
    logger.feed(answer)
    assert [logger.outcome(mail) for mail in (signed, answer)] == [("item-updated", "C-000001")] * 2


def test_a_mail_whose_call_template_is_gone_counts_at_its_servers_partition(logger: Logger) -> None:
    settings = demo_settings()
    mail = make_mail("one", call_template="taken-away")
    assert partition_of(mail, settings) == "IT"
    assert partition_of(mail, settings.with_changes([("incoming-server/it-in", None, 99)])) == ""
    logger.feed(at("it", "first"))
    answer = make_mail("two", call_template="taken-away", **answering("first"))
    logger.feed(answer)
    assert logger.outcome(answer) == ("item-updated", "C-000001")


def test_a_long_message_id_is_no_key(logger: Logger) -> None:
    logger.feed(at("it", "x" * 2000))
    with read_transaction(logger.engine) as connection:
        keys = connection.execute(select(message_ids.c.message_id)).scalars().all()
    assert keys and not [key for key in keys if key.startswith("<")]
