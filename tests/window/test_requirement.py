"""The requirement's procedures, walked as they are written, in Chromium, against a running pipeline with real mail.

Each test quotes the sentences that it walks. They stand on one another as the requirement does: one desk, one file.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from console.settings.state import read_state
from deploy.local.demo.settings import PASSWORD
from deploy.local.servers.database import Database
from deploy.local.servers.mailboxes import Mailboxes
from schemas.settings import EmailOptions, IncomingServer, MapiProfile, OutgoingServer
from tests.e2e.running import wait_for
from tests.exchange.authority import APPLICATION, SECRET, TENANT, Authority
from tests.exchange.authority import running as running_directory
from tests.exchange.graph_server import GraphServer
from tests.window.filling import fill, send, wait_for_test
from tests.window.installation import Installation, choose_password, installation

pytestmark = [
    pytest.mark.timeout(600), pytest.mark.broker, pytest.mark.database, pytest.mark.mail_host, pytest.mark.browser,
]  # fmt: skip

DESKTOP = {"width": 1280, "height": 900}
SUPPORT = "support@desk.example"
EXCHANGE = "exchange@desk.example"
OUTGOING, INCOMING = "Outgoing Email Servers", "Incoming Email Servers"


@pytest.fixture(scope="module")
def installed(
    tmp_path_factory: pytest.TempPathFactory, kafka_bootstrap: str, database: Database
) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("requirement"), kafka_bootstrap, database) as made:
        made.desk.mail_host.add_account(SUPPORT, PASSWORD)
        yield made


@dataclass
class Exchange:
    """A mailbox behind Microsoft Graph, and the directory that the application logs in at."""

    directory: Authority
    graph: GraphServer
    ca_file: Path


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    with running_directory(tmp_path_factory.mktemp("directory")) as directory:
        certificates = directory.certificates
        assert certificates is not None
        with GraphServer([EXCHANGE], certificates=certificates).running() as graph:
            yield Exchange(directory, graph, certificates.authority)


@pytest.fixture
def page(installed: Installation) -> Page:
    """The Email Settings window, opened by an administrator as the requirement says."""
    page = installed.administrator(viewport=DESKTOP)
    page.goto("/")
    open_email_settings(page)
    return page


def open_email_settings(page: Page) -> None:
    """ "Select the Menu button, then Admin, and then select System Administration. The System Administration window is
    displayed. In the Explorer pane, locate the System group ... You may need to expand the group to see the options
    within it." "Select the Email Settings option in the Explorer pane. The Email Settings window appears".
    """
    page.locator("summary", has_text="Menu").click()
    menu = page.get_by_role("navigation", name="Menu")
    expect(menu.get_by_text("Admin", exact=True)).to_be_visible()
    with page.expect_navigation():
        menu.get_by_role("link", name="System Administration").click()  # the groups are expanded as they come
    explorer = page.get_by_role("navigation", name="Explorer")
    expect(explorer.get_by_text("System Administration")).to_be_visible()
    expect(explorer.get_by_text("System", exact=True)).to_be_visible()
    explorer.get_by_role("link", name="Email Settings", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Email Settings")


def part(page: Page, title: str) -> Locator:
    """One of the two parts of the window."""
    return page.locator(".block", has=page.get_by_role("heading", name=title))


def select(page: Page, title: str, server: str, button: str) -> None:
    """Selects a server in a browse table, then the button beneath it; the page that it leads to is there then."""
    part(page, title).get_by_role("radio", name=f"Select {server}").check()
    with page.expect_navigation():
        part(page, title).get_by_role("button", name=button).click()


def add(page: Page, title: str, type_: str) -> None:
    """Add beneath one of the tables, and a type from the drop-down list: its form is there then."""
    part(page, title).get_by_role("link", name=re.compile("^Add")).click()
    page.get_by_label("Email server type").select_option(label=type_)
    with page.expect_navigation():
        page.get_by_role("button", name="Add").click()


def setting(installed: Installation, key: str) -> object:
    return read_state(installed.desk.pipeline.config).settings.settings.get(key)


def save(page: Page, reason: str = "") -> None:
    """Save, look at the difference, Save; back at the window, which says so."""
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Review")
    if reason:
        page.get_by_label(re.compile("^Change Reason")).fill(reason)
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Email Settings")


# ---- Viewing Email Server Settings ----


def test_the_window_shows_the_servers_and_the_two_fields(page: Page) -> None:
    """ "showing details of the existing outgoing and incoming email servers. At the top of the window there are two
    fields: Default Format ... Message Format per Analyst/User"; "Below these fields, the window is divided into two
    parts, showing read only information for: Outgoing Email Servers ... Incoming Email Servers".
    """
    default = page.get_by_role("group", name="Default Format")
    expect(default.locator("label")).to_have_text(["HTML", "Plain Text"])
    expect(page.get_by_label("Message Format per Analyst/User")).to_be_checked()
    for title, names in ((OUTGOING, ("it-outgoing", "hr-outgoing")), (INCOMING, ("IT help desk", "HR desk"))):
        table = part(page, title).get_by_role("table")
        for name in names:
            expect(table.get_by_role("row", name=re.compile(name))).to_be_visible()
        expect(table.locator("input:not([type=radio]), select, textarea")).to_have_count(0)  # it is read only
    tops = [part(page, title).bounding_box() for title in (OUTGOING, INCOMING)]
    assert tops[0] and tops[1] and tops[0]["y"] < tops[1]["y"]


def test_a_server_is_opened_with_all_its_settings(page: Page) -> None:
    """ "Select a server to view its settings in more detail. Then select Open. The Email Server Details window is
    displayed, showing all of the existing settings. The parameters vary depending on the email server type."
    """
    select(page, INCOMING, "IT help desk", "Open")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Email Server Details")
    for text in ("it@desk.example", "Folder", "Call Template", "Default Logging Analyst", "Use Linked Analyst"):
        expect(page.locator("main")).to_contain_text(text)
    assert PASSWORD not in page.content()
    page.goto("/email-settings")
    select(page, OUTGOING, "hr-outgoing", "Open")
    expect(page.locator("main")).to_contain_text("From address")
    expect(page.locator("main")).not_to_contain_text("Call Template")


def test_nobody_without_the_role_sees_any_of_it(installed: Installation, page: Page) -> None:
    """ "You must have System Set Up selected in the Admin tab of your General Access security role." """
    page.goto("/access/roles/add")
    fill(page, Name="Readers")
    page.get_by_label("Read calls: ").check()
    page.get_by_label("all partitions").check()
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".message.success[role=status]")).to_be_visible()
    page.goto("/access/users/add")
    fill(page, Name="rita")
    page.get_by_label("Readers").check()
    page.get_by_role("button", name=re.compile("^Add")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("A sign-in link for rita")
    link = re.search(r"http\S+/sign-in/link/\S+", page.locator("main").inner_text())
    assert link is not None
    other = installed.person(viewport=DESKTOP)
    other.goto(link[0])
    choose_password(other, name="rita")
    expect(other.get_by_role("link", name="Email Settings", exact=True)).to_have_count(0)
    refused = other.goto("/email-settings")
    assert refused is not None
    assert refused.status == 403
    expect(other.locator("main")).to_contain_text("System Set Up")


# ---- Adding an Email Server, and testing it ----


def test_an_outgoing_server_is_added_tested_and_saved(installed: Installation, page: Page) -> None:
    """ "Select [Add] beneath the appropriate browse table - top for outgoing"; "Select an email server type from the
    drop-down list."; "Complete the details. The email server parameters will depend on the type"; "Select [Test] to
    test the email functionality with the parameters you have specified."; "Select [Save] to save the changes. Provide
    the Change Reasons if prompted to do so."; "To Address ... CC ... BCC ... Subject ... Message"; "Select OK to test
    the email."; "Status: The result of the test, that is, whether the email was successfully sent".
    """
    part(page, OUTGOING).get_by_role("link", name=re.compile("^Add")).click()
    types = page.get_by_label("Email server type")
    expect(types.get_by_role("option", name="SMTP", exact=True)).to_have_count(1)
    types.select_option(label="SMTP")
    page.get_by_role("button", name="Add").click()
    relay = installed.desk.relay
    fill(page, Id="support-out", Name="Support out", Server="localhost", Port=str(relay.port), Security="None")
    page.get_by_label("Authentication Method").select_option(label="(No authentication)")
    fill(page, From_address=SUPPORT)
    page.get_by_role("button", name="Test", exact=True).click()
    to, copied, hidden = (installed.desk.new_sender() for _ in range(3))
    fill(page, To_Address=to, CC=copied, BCC=hidden, Subject="Does it work", Message="A test of the desk.")
    page.get_by_role("button", name="OK", exact=True).click()
    wait_for_test(page)
    expect(page.get_by_text("The test passed")).to_be_visible()
    for address in (to, copied, hidden):
        wait_for(partial(received, installed, address, "Does it work"), f"the test mail to {address}")
    page.get_by_role("link", name="Back to the details").click()
    save(page, "Support gets its own mail")
    expect(part(page, OUTGOING).get_by_role("row", name=re.compile("Support out"))).to_be_visible()
    saved = setting(installed, "outgoing-server/support-out")
    assert isinstance(saved, OutgoingServer)
    assert (saved.host, saved.port, saved.from_address) == ("localhost", relay.port, SUPPORT)


def test_an_incoming_server_is_added_tested_and_its_mail_becomes_calls(installed: Installation, page: Page) -> None:
    """ "bottom for incoming"; "You must first create the mail accounts separately on the mail server."; "To use this
    window, first send a message to the incoming mailbox you have selected to test, and then select OK. The sender,
    subject and message are displayed in the Message box (if the mail gets through). The status of the mail, that is
    whether it was successfully received, is displayed in the Status box."; "the call is logged using the call template
    specified for the incoming mail server".
    """
    part(page, INCOMING).get_by_role("link", name=re.compile("^Add")).click()
    page.get_by_label("Email server type").select_option(label="IMAP")
    page.get_by_role("button", name="Add").click()
    host = installed.desk.mail_host
    fill(page, Id="support-in", Name="Support", Server="localhost", Port=str(host.imap_port), Security="None")
    page.get_by_label("Authentication Method").select_option(label="Standard Authentication")
    fill(page, User_name=SUPPORT, Password=PASSWORD)
    page.get_by_text("More of Authentication").click()
    page.get_by_label("Allow the password in clear").check()
    page.get_by_text("More of Reading").click()
    fill(page, Look_every_so_many_seconds="1")
    page.get_by_label("Call Template").select_option("it-by-mail")
    fill(page, Default_Logging_Analyst="ida")
    page.get_by_role("button", name="Test", exact=True).click()
    sender = send(installed, SUPPORT, "Testing the mailbox", "Can you hear me?")
    page.get_by_role("button", name="OK", exact=True).click()
    wait_for_test(page)
    expect(page.get_by_text("The test passed")).to_be_visible()
    for text in (sender, "Testing the mailbox", "Can you hear me?"):
        expect(page.locator("#test-status")).to_contain_text(text)
    page.get_by_role("link", name="Back to the details").click()
    save(page)
    assert isinstance(setting(installed, "incoming-server/support-in"), IncomingServer)
    expect(part(page, INCOMING).get_by_role("row", name=re.compile("Support"))).to_contain_text(
        re.compile("Connected|Idle", re.I)
    )
    calls = installed.desk.calls()
    send(installed, SUPPORT, "The printer is on fire", "Please come.")
    wait_for(lambda: installed.desk.calls() > calls, "the mail to become a call")
    page.goto("/items")
    row = page.get_by_role("row", name=re.compile("The printer is on fire"))
    expect(row).to_be_visible()


def test_details_of_another_server_are_closed_first(page: Page) -> None:
    """ "If you have details for another server displayed, you must close these before adding a new server." """
    select(page, INCOMING, "HR desk", "Update")
    fill(page, Name="HR desk, changed")
    page.get_by_role("button", name="Test", exact=True).click()  # what was typed is kept with the details
    expect(page.get_by_role("button", name="OK", exact=True)).to_be_visible()
    page.goto("/email-settings")
    part(page, OUTGOING).get_by_role("link", name=re.compile("^Add")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Close these details first")
    page.get_by_role("link", name=re.compile("^Go on with")).click()
    expect(page.locator("#f-name")).to_have_value("HR desk, changed")
    page.get_by_role("button", name="Close", exact=True).click()
    page.get_by_role("button", name=re.compile("Discard")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Email Settings")


# ---- Updating an Email Server ----


def test_a_server_is_updated(installed: Installation, page: Page) -> None:
    """ "Select the server you wish to update and select [Update]."; "Update the details."; "Select [Test] to test the
    email functionality with the parameters you have specified."; "Select [Save] to save the changes."
    """
    select(page, OUTGOING, "Support out", "Update")
    fill(page, Name="Support, outgoing")
    page.get_by_role("button", name="Test", exact=True).click()
    fill(page, To_Address=installed.desk.new_sender(), Subject="Once more")
    page.get_by_role("button", name="OK", exact=True).click()
    wait_for_test(page)
    expect(page.get_by_text("The test passed")).to_be_visible()
    page.get_by_role("link", name="Back to the details").click()
    save(page)
    expect(part(page, OUTGOING).get_by_role("row", name=re.compile("Support, outgoing"))).to_be_visible()


def test_a_method_that_does_not_go_with_the_type_cannot_be_chosen(page: Page) -> None:
    """The table of "Methods of Authentication for Mail Servers": "This method is not supported by SMTP servers",
    "cannot be used with other servers like SMTP because APOP is not a SASL method".
    """
    select(page, OUTGOING, "Support, outgoing", "Update")
    methods = page.get_by_label("Authentication Method")
    for name in ("Standard Authentication", "APOP Authentication"):
        expect(methods.locator("option", has_text=name)).to_be_disabled()
    for name in ("SASL Login", "SASL Plain", "SASL Cram-MD5", "SASL Digest-MD5", "SASL NTLM", "SASL MSN", "SASL GSS"):
        expect(methods.locator("option", has_text=f"{name} Authentication")).to_have_count(1)
    page.get_by_role("button", name="Close", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Email Settings")


# ---- Adding MAPI Servers ----


def test_a_mapi_server_needs_its_profile_first(page: Page) -> None:
    """ "The MAPI Mail Server must be configured before you can configure incoming email for MAPI."; "Alemba recommends
    using one of the other protocols as MAPI is complex to set up correctly."
    """
    part(page, INCOMING).get_by_role("link", name=re.compile("^Add")).click()
    expect(page.locator("main")).to_contain_text("those are simpler to set up")
    page.get_by_label("Email server type").select_option(label="MAPI")
    page.get_by_role("button", name="Add").click()
    expect(page.locator("main")).to_contain_text(
        "The MAPI Mail Server must be configured before you can configure incoming email for MAPI"
    )
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.get_by_role("alert").get_by_role("link", name=re.compile("^MAPI Profile"))).to_be_visible()
    page.locator("main").get_by_role("link", name="MAPI Profiles", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("MAPI Profiles")


def test_mapi_is_configured_then_added_and_tested_both_ways(
    installed: Installation, page: Page, exchange: Exchange
) -> None:
    """ "You must configure the MAPI server, and the web server, before you can format the parameters for incoming and
    outgoing mail"; "Complete the additional steps involved if you choose to use MAPI servers."; "Select [Test]".
    """
    explorer = page.get_by_role("navigation", name="Explorer")
    explorer.get_by_role("link", name="MAPI Profiles", exact=True).click()
    page.get_by_role("link", name="Add", exact=True).first.click()
    fill(page, Id="exchange", Name="Exchange Online")
    page.get_by_label("Transport").select_option("graph")
    fill(page, **{"Directory (tenant)": TENANT, "Application (client) id": APPLICATION, "Client secret": SECRET})
    fill(page, Address_of_the_directory=exchange.directory.url, Address_of_Microsoft_Graph=exchange.graph.url)
    fill(page, CA_file=str(exchange.ca_file))
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.locator(".message.success[role=status]")).to_be_visible()
    profile = setting(installed, "mapi-profile/exchange")
    assert isinstance(profile, MapiProfile)
    assert profile.client_secret is not None and profile.client_secret.sealed

    open_email_settings(page)
    add(page, OUTGOING, "MAPI")
    fill(page, Id="exchange-out", Name="Exchange, outgoing", MAPI_Profile="exchange", Mailbox=EXCHANGE)
    fill(page, From_address=EXCHANGE)
    page.get_by_role("button", name="Test", exact=True).click()
    fill(page, To_Address="ursula@example.com", Subject="By Exchange", Message="A test of the desk.")
    page.get_by_role("button", name="OK", exact=True).click()
    wait_for_test(page)
    expect(page.get_by_text("The test passed")).to_be_visible()
    [sent] = exchange.graph.sent
    assert sent.recipients == ("ursula@example.com",) and b"By Exchange" in sent.raw
    page.get_by_role("link", name="Back to the details").click()
    save(page)
    assert isinstance(setting(installed, "outgoing-server/exchange-out"), OutgoingServer)

    add(page, INCOMING, "MAPI")
    fill(page, Id="exchange-in", Name="Exchange, incoming", MAPI_Profile="exchange", Mailbox=EXCHANGE)
    page.get_by_label("Call Template").select_option("it-by-mail")
    fill(page, Default_Logging_Analyst="ida")
    page.get_by_text("More of Reading").click()
    fill(page, Look_every_so_many_seconds="1")
    exchange.graph.mailbox.put(mail("Testing Exchange", "Can you hear me?"))
    page.get_by_role("button", name="Test", exact=True).click()
    page.get_by_role("button", name="OK", exact=True).click()
    wait_for_test(page)
    expect(page.get_by_text("The test passed")).to_be_visible()
    for text in ("Testing Exchange", "Can you hear me?"):
        expect(page.locator("#test-status")).to_contain_text(text)
    [item] = exchange.graph.mailbox.mails()
    assert not item.is_read  # the mailbox is only looked at
    page.get_by_role("link", name="Back to the details").click()
    save(page)
    expect(part(page, INCOMING).get_by_role("row", name=re.compile("Exchange, incoming"))).to_contain_text(
        re.compile("Connected|Idle", re.I)
    )
    calls = installed.desk.calls()
    exchange.graph.mailbox.put(mail("The scanner is full of paper", "Please come."))
    wait_for(lambda: installed.desk.calls() > calls, "the mail to become a call")
    wait_for(lambda: exchange.graph.mailbox.mails()[-1].is_read, "the mail to be marked on its server")
    page.goto("/items")
    expect(page.get_by_role("row", name=re.compile("The scanner is full of paper"))).to_be_visible()


# ---- Deleting an Email Server ----


def test_a_server_is_deleted_when_that_is_confirmed(installed: Installation, page: Page) -> None:
    """ "Select the server you wish to delete in the browse table."; "Select [Delete] and confirm the deletion when
    prompted."
    """
    select(page, OUTGOING, "Support, outgoing", "Delete")
    page.get_by_role("link", name="Cancel").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Email Settings")
    assert setting(installed, "outgoing-server/support-out") is not None
    select(page, OUTGOING, "Support, outgoing", "Delete")
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Email Settings")
    expect(part(page, OUTGOING).get_by_role("row", name=re.compile("Support, outgoing"))).to_have_count(0)
    assert setting(installed, "outgoing-server/support-out") is None
    select(page, OUTGOING, "it-outgoing", "Delete")  # the partition IT sends by it
    expect(page.locator("main")).to_contain_text("cannot be deleted while something refers to it")
    assert setting(installed, "outgoing-server/it-outgoing") is not None


# ---- Default Format, Message Format per Analyst/User ----


def test_the_email_format_of_a_person_counts_while_that_is_enabled(installed: Installation, page: Page) -> None:
    """ "Default Format: Select the default format for any outgoing emails sent, either as HTML or Plain Text.";
    "Select to enable the ability to specify an Email Format in the person's details ..., overriding the default
    format."; "Deselect to disable the ability to specify an Email Format in the person's details and use the default
    format."
    """
    page.goto("/persons/person/ursula/update")
    expect(page.get_by_label("Email Format")).to_be_enabled()
    open_email_settings(page)
    page.get_by_label("Message Format per Analyst/User").uncheck()
    page.get_by_label("Plain Text").check()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved how outgoing emails are formatted.")).to_be_visible()
    options = setting(installed, "email-options/email-options")
    assert isinstance(options, EmailOptions)
    assert (options.default_format, options.message_format_per_person) == ("text", False)
    page.goto("/persons/person/ursula/update")
    expect(page.get_by_label("Email Format")).to_be_disabled()


def mail(subject: str, text: str) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "erin@example.com", EXCHANGE, subject
    message["Message-ID"] = f"<{subject.replace(' ', '.')}@example.com>"
    message.set_content(f"{text}\n")
    return message.as_bytes(policy=SMTP)


def received(installed: Installation, address: str, subject: str) -> bool:
    host = installed.desk.mail_host
    with Mailboxes(host.host, host.imap_port, {address}, PASSWORD) as mailboxes:
        return any(subject in answer.subject for answer in mailboxes.look())
