"""How long it took from a mail being fetched until it was logged, as /metrics tells it by the desk's partition."""

from datetime import timedelta

from prometheus_client import REGISTRY

from tests.logger.harness import NOW, Logger, make_mail


def measured(partition: str) -> tuple[float, float]:
    """How many, and how many seconds in all."""
    name = "mailcall_fetched_to_logged_seconds"
    values = [REGISTRY.get_sample_value(f"{name}_{of}", {"partition": partition}) for of in ("count", "sum")]
    return values[0] or 0, values[1] or 0


def test_each_mail_counts_once_for_the_partition_of_its_item(logger: Logger) -> None:
    mail = make_mail("m/1").model_copy(update={"fetched_at": NOW - timedelta(seconds=7)})
    of_earlier_release = make_mail("m/2")
    assert of_earlier_release.fetched_at is None
    before = measured("IT")
    logger.feed(mail, of_earlier_release)
    logger.feed(mail)
    after = measured("IT")
    assert logger.item_of(mail).partition == "IT"
    assert (after[0] - before[0], after[1] - before[1]) == (1, 7)


def test_a_clock_that_is_behind_makes_no_time_negative(logger: Logger) -> None:
    before = measured("IT")
    logger.feed(make_mail("m/1").model_copy(update={"fetched_at": NOW + timedelta(hours=1)}))
    after = measured("IT")
    assert (after[0] - before[0], after[1] - before[1]) == (1, 0)
