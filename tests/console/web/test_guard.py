"""What every request passes, and every answer carries, on every page there is."""

import re

import pytest
from starlette.testclient import TestClient

from console.web import home
from tests.console.web import gallery
from tests.console.web.signed_in import HOST, browser, window

SAME = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def client() -> TestClient:
    return browser(window(subjects=(home, gallery)))


@pytest.mark.parametrize("host", ["evil.example", "", f"{HOST}.evil.example", f"evil{HOST}", "[::1]", "localhost"])
def test_another_host_is_refused(client: TestClient, host: str) -> None:
    assert client.get("/gallery", headers={"Host": host}).status_code == 400


@pytest.mark.parametrize("host", [HOST, f"{HOST}:8443", HOST.upper()])
def test_our_host_is_served_at_any_port(client: TestClient, host: str) -> None:
    assert client.get("/gallery", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": f"https://{HOST}"}, 403),
        ({"Origin": f"https://{HOST}"}, 303),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": f"https://{HOST}.evil.example"}, 403),
        ({"Origin": f"https://evil{HOST}"}, 403),
        ({"Origin": f"https://evil-{HOST}"}, 403),
        ({"Origin": f"https://{HOST}@evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({}, 403),
    ],
)
def test_only_our_own_pages_change_something(headers: dict[str, str], status: int) -> None:
    client = TestClient(window(subjects=(home, gallery)), base_url=f"https://{HOST}", follow_redirects=False)
    assert client.post("/gallery/say", headers=headers).status_code == status


@pytest.mark.parametrize("path", ["/gallery", "/nowhere", "/gallery/fail", "/"])
def test_each_answer_carries_the_policy_with_a_nonce_of_its_own(client: TestClient, path: str) -> None:
    policies = [client.get(path).headers["Content-Security-Policy"] for _ in range(2)]
    nonces = [re.findall(r"script-src 'nonce-([\w-]{24})' 'strict-dynamic'", policy) for policy in policies]
    assert len(nonces[0]) == 1 and nonces[0] != nonces[1]
    assert "require-trusted-types-for 'script'" in policies[0] and "default-src 'none'" in policies[0]
    assert "unsafe" not in policies[0]
    answer = client.get(path)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Strict-Transport-Security"]


def test_each_script_of_a_page_carries_the_nonce_of_its_policy(client: TestClient) -> None:
    answer = client.get("/gallery")
    nonce = re.findall(r"'nonce-([\w-]+)'", answer.headers["Content-Security-Policy"])[0]
    scripts = re.findall(r"<script[^>]*>", answer.text)
    assert scripts and all(f'nonce="{nonce}"' in script for script in scripts)


def test_no_part_of_an_answer_can_be_asked_for(client: TestClient) -> None:
    answer = client.get("/gallery/file", headers={"Range": "bytes=0-1,0-1"})
    assert answer.status_code == 200 and len(answer.content) > 1000


def test_more_than_a_page_takes_is_refused(client: TestClient) -> None:
    assert client.post("/gallery/say", data={"text": "x" * 1_000_100}).status_code == 413


def test_more_than_a_page_takes_is_refused_without_a_length(client: TestClient) -> None:
    pieces = (b"x" * 100_000 for _ in range(11))
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert client.post("/gallery/say", content=pieces, headers=headers).status_code == 413
