"""Somebody who has read nothing sets up a desk with two departments, from the first sign-in to the first call."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from deploy.local.demo.settings import PASSWORD
from deploy.local.servers.database import Database
from tests.e2e.running import HR, IT, wait_for
from tests.window.filling import fill, send, wait_for_test
from tests.window.installation import Installation, choose_password, installation

pytestmark = [
    pytest.mark.timeout(600), pytest.mark.broker, pytest.mark.database, pytest.mark.mail_host, pytest.mark.browser,
]  # fmt: skip


@dataclass(frozen=True)
class Department:
    id: str
    name: str
    address: str
    impacts: str
    urgencies: str
    priorities: str
    analyst: str


DEPARTMENTS = (
    Department("it", "IT", IT, "Organisation\nPerson", "Work stopped\nQuestion", "P1\nP2", "ida"),
    Department("hr", "HR", HR, "Team\nPerson", "This week\nThis month", "Urgent\nNormal", "henry"),
)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory, kafka_bootstrap: str, database: Database) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("first-time"), kafka_bootstrap, database, set_up=False) as made:
        yield made


def test_from_the_first_sign_in_to_the_first_call(empty: Installation, tmp_path: Path) -> None:
    page = empty.person(viewport={"width": 1280, "height": 900})
    page.context.tracing.start(screenshots=True)
    page.goto(empty.link())
    choose_password(page)
    expect(page.get_by_role("heading", name="Add a partition")).to_be_visible()
    for department in DEPARTMENTS:
        add_partition(page, department)
        add_analyst(page, department)
        add_call_template(page, department)
        add_outgoing(page, empty, department)
        add_incoming(page, empty, department)
    add_message_template(page)
    sender = send(empty, IT, "The printer is on fire", "Please come at once.")
    wait_for(lambda: empty.desk.calls() == 1, "the mail to become a call")
    page.goto("/items")
    page.get_by_role("row", name=re.compile("The printer is on fire")).get_by_role("link").first.click()
    for text in ("P2", "Ida"):  # the priority of the matrix, the analyst of the server
        expect(page.locator("main")).to_contain_text(text)
    page.goto("/mails")
    page.get_by_text("The printer is on fire").first.click()
    page.wait_for_url("**/mails/*")
    wait_for(lambda: "Sent" in reloaded(page), "the way of the mail to its answer")
    way = page.locator("main").inner_text()
    for step in ("Fetched", "Read", "Screened", "Resolved", "Logged", "Notified"):
        assert step in way
    assert sender in way
    page.goto("/")
    expect(page.get_by_role("heading", name="Add a partition")).to_have_count(0)
    record = tmp_path / "first-time.zip"  # for `playwright show-trace`
    page.context.tracing.stop(path=record)
    assert record.stat().st_size > 0


def reloaded(page: Page) -> str:
    page.reload()
    return page.locator("main").inner_text()


def add_partition(page: Page, department: Department) -> None:
    page.goto("/settings/add-partition")
    fill(page, Id=department.id, Name=department.name)
    fill(page, Call_Impact_values=department.impacts, Call_Urgency_values=department.urgencies)
    fill(page, Call_Priority_values=department.priorities)
    with page.expect_navigation():
        page.get_by_role("button", name="Update the grid").click()
    first, second = department.priorities.split("\n")
    impact, urgency = department.impacts.split("\n")[0], department.urgencies.split("\n")[0]
    page.get_by_label(f"Priority for Impact {impact}, Urgency {urgency}").select_option(first)
    page.get_by_label("Fill empty with").select_option(second)
    page.get_by_role("button", name="Fill", exact=True).click()
    expect(page.get_by_text("All 4 combinations have a Priority.")).to_be_visible()
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.locator(".message.success[role=status]")).to_be_visible()


def add_analyst(page: Page, department: Department) -> None:
    page.goto("/persons/add")
    fill(page, Id=department.analyst, First_name=department.analyst.title(), Last_name="Example")
    page.get_by_label("Analyst", exact=True).check()
    page.get_by_role("button", name=re.compile("^(Save|Add)$")).last.click()
    expect(page.locator(".message.success[role=status]")).to_be_visible()


def add_call_template(page: Page, department: Department) -> None:
    page.goto("/settings/add-call-template")
    fill(page, Id=f"{department.id}-by-mail", Partition=department.id)
    with page.expect_navigation():
        page.get_by_role("button", name="Offer this partition's impacts and urgencies").click()
    fill(page, Impact="Person", Urgency=department.urgencies.split("\n")[1])
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.locator(".message.success[role=status]")).to_be_visible()


def add_outgoing(page: Page, empty: Installation, department: Department) -> None:
    page.goto("/email-settings/new/smtp")
    fill(page, Id=f"{department.id}-out", Server="localhost", Port=str(empty.desk.relay.port), Security="None")
    page.get_by_label("Authentication Method").select_option(label="(No authentication)")
    fill(page, From_address=department.address)
    page.get_by_role("button", name="Test", exact=True).click()
    fill(page, To_Address=empty.desk.new_sender(), Subject="A test")
    check_and_save(page)
    page.goto(f"/settings/partitions/{department.id}/update")
    page.get_by_label("Outgoing server").select_option(f"{department.id}-out")
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.locator(".message.success[role=status]")).to_be_visible()


def add_incoming(page: Page, empty: Installation, department: Department) -> None:
    page.goto("/email-settings/new/imap")
    fill(page, Id=f"{department.id}-in", Server="localhost", Port=str(empty.desk.mail_host.imap_port), Security="None")
    page.get_by_label("Authentication Method").select_option(label="Standard Authentication")
    fill(page, User_name=department.address, Password=PASSWORD)
    page.get_by_text("More of Authentication").click()
    page.get_by_label("Allow the password in clear").check()
    page.get_by_text("More of Reading").click()
    fill(page, Look_every_so_many_seconds="1")
    page.get_by_label("Call Template").select_option(f"{department.id}-by-mail")
    fill(page, Default_Logging_Analyst=department.analyst)
    page.get_by_role("button", name="Test", exact=True).click()
    check_and_save(page)


def add_message_template(page: Page) -> None:
    page.goto("/settings/add-message-template")
    fill(
        page,
        Id="welcome",
        Event="CallLogged",
        Subject="Your call {{ reference }}",
        Text="We are on it: {{ reference }}",
    )
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.locator(".message.success[role=status]")).to_be_visible()


def check_and_save(page: Page) -> None:
    page.get_by_role("button", name="OK", exact=True).click()
    wait_for_test(page)
    expect(page.get_by_text("The test passed")).to_be_visible()
    page.get_by_role("link", name="Review and save").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Review")
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Email Settings")
