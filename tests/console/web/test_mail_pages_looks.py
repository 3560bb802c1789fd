"""The pages of mails in Chromium: what axe-core, html-validate and the keyboard find; no script of a mail runs."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from playwright.sync_api import Browser, Dialog, Page, expect
from sqlalchemy import Engine

from deploy.local.checkers.npm_checkers import html_faults
from schemas.reasons import Reason
from tests.console.test_mail_index import asked, dead, fetched, logged, mail_id, rejected, resolved, sent
from tests.console.web.serving import served
from tests.console.web.signed_in import window
from tests.console.web.test_mail_pages import EML, HOSTILE, PAGES, Reader, desk, eml, put, reader, services
from tests.window.looking import faults_in_every_look, keyboard_faults

__all__ = ["desk", "reader", "services"]  # fixtures
pytestmark = [pytest.mark.npm, pytest.mark.timeout(300)]
PATHS = (
    "/mails", "/mails?words=nothing+like+it", "/mails?since=x", f"/mails/{mail_id(1)}", f"/mails/{mail_id(1)}/contents",
    f"/mails/{mail_id(2)}", f"/mails/{mail_id(4)}", "/quarantine", "/dead-letters", "/dead-letters?reason=wrong-schema",
    "/dead-letters/mail.fetched/0/0", "/explain",
)  # fmt: skip


@pytest.fixture
def desk_url(tmp_path: Path) -> str:
    from tests.desks import new_desk

    return new_desk(tmp_path / "desk.db")


@pytest.fixture
def page(services: SimpleNamespace, desk: Engine, reader: Reader, chromium: Browser) -> Iterator[Page]:
    for number in range(5):
        put(desk, reader, eml(number, number))
    put(desk, reader, resolved(1, 1), logged(1, 1), asked(1, 1), sent(1, 1))
    put(desk, reader, rejected(2, 2, Reason.QUARANTINE, subject=HOSTILE, sender=HOSTILE, evidence="dmarc=fail"))
    put(desk, reader, rejected(3, 3, Reason.AUTO_REPLY), dead(fetched(4, 4), 0))
    app = window(services, subjects=PAGES)
    with served(app) as url, closing(chromium.new_context(base_url=url, reduced_motion="reduce")) as context:
        context.set_default_timeout(60_000)
        yield context.new_page()


def test_no_page_of_mails_has_a_fault_and_no_mail_runs_anything(page: Page, tmp_path: Path) -> None:
    found: list[str] = []
    ran: list[str] = []
    asked_for: list[str] = []
    sources: dict[Path, str] = {}

    def note(dialog: Dialog) -> None:
        ran.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", note)
    page.on("request", lambda request: asked_for.append(request.url))
    for path in PATHS:
        response = page.goto(path, wait_until="networkidle")
        assert response is not None
        source = tmp_path / f"{len(sources)}.html"
        source.write_text(response.text())
        sources[source] = path
        found += [f"{path} {fault}" for fault in faults_in_every_look(page)]
        if response.status == 200:  # else the list of errors has the focus, and what is before it comes last
            found += [f"{path} [keyboard]: {fault}" for fault in keyboard_faults(page)]
    found += [f"{sources[Path(one['page'])]} [html]: {one['message']}" for one in html_faults(list(sources))]
    assert not found, "\n".join(sorted(set(found)))
    assert ran == []
    assert {url for url in asked_for if not url.startswith(page.url.rsplit("/", 1)[0])} == set()


def test_a_mail_is_explained_by_dropping_it(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "a.eml"
    file.write_bytes(EML)
    page.goto("/explain")
    page.get_by_label("Mail file").set_input_files(file)
    page.get_by_role("button", name="Explain").click()
    page.get_by_role("heading", name="Step by step").wait_for()


def test_a_frame_shows_the_mail_and_its_links_lead_nowhere(page: Page) -> None:
    page.goto(f"/mails/{mail_id(1)}/contents", wait_until="networkidle")
    frame = page.frame_locator("iframe.mail-frame")
    expect(frame.locator("body")).to_contain_text("Hello [U+202E]world")
    expect(frame.locator("script, img, form, svg")).to_have_count(0)
