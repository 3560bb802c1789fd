"""Signing in, out and on in the window, as a browser sees it."""

import re
from html import unescape
from types import SimpleNamespace

import pytest
from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from console.access import kept_input
from console.access import pages as access_pages
from console.access.access import Access
from console.access.account_changes import set_disabled
from console.access.browser import local_path
from console.access.rights import Right
from console.access.roles import load_roles
from console.access.sessions import make_link
from console.web import home
from console.web.form_errors import PageError
from console.web.page import Page
from console.web.render import page
from console.web.routes import Routes, routes_of
from desk.engine import open_desk, read_transaction
from desk.tables import kept_input as kept_table
from tests.console.access.conftest import HERE, PASSWORD, House
from tests.console.access.window import HOST, browser, cookie_of, sign_in, window
from tests.console.web.people import named, views_of

SESSION = "__Host-mailcall-session"


def test_whoever_is_not_signed_in_signs_in_and_comes_where_they_wanted(quick_house: House) -> None:
    quick_house.administrator()
    client = browser(window(quick_house.access))
    sent = client.get("/access/users?after=b")
    assert (sent.status_code, sent.headers["location"]) == (303, "/sign-in?next=%2Faccess%2Fusers%3Fafter%3Db")
    asked = client.get(sent.headers["location"])
    assert asked.status_code == 200 and 'value="/access/users?after=b"' in asked.text
    entered = sign_in(client, "root", next_="/access/users?after=b")
    assert (entered.status_code, entered.headers["location"]) == (303, "/access/users?after=b")
    assert client.get("/access/users").status_code == 200
    assert client.get("/sign-in").headers["location"] == "/"


@pytest.mark.parametrize(
    "elsewhere",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/\t/evil",
        "/a\r\nb",
        "",
        "evil",
        "/" + "a" * 2000,
    ],
)
def test_nobody_is_led_elsewhere(quick_house: House, elsewhere: str) -> None:
    quick_house.administrator()
    assert local_path(elsewhere) == "/"
    assert sign_in(browser(window(quick_house.access)), "root", next_=elsewhere).headers["location"] == "/"


def test_the_session_is_a_cookie_that_scripts_and_other_sites_do_not_have(quick_house: House) -> None:
    quick_house.administrator()
    app = window(quick_house.access)
    assert cookie_of(sign_in(browser(app), "root"), SESSION) == ["httponly", "path=/", "samesite=lax", "secure"]
    plain = sign_in(browser(app, scheme="http"), "root")
    assert cookie_of(plain, "mailcall-session") == ["httponly", "path=/", "samesite=lax"]
    below = sign_in(browser(app, root_path="/mail"), "root")
    assert below.headers["location"] == "/mail/"
    assert cookie_of(below, "__Secure-mailcall-session") == ["httponly", "path=/mail", "samesite=lax", "secure"]


def test_under_tls_a_cookie_without_its_prefix_is_nobodys(quick_house: House) -> None:
    quick_house.administrator()
    client = browser(window(quick_house.access))
    sign_in(client, "root")
    token = client.cookies[SESSION]
    other = browser(window(quick_house.access))
    other.cookies.set("mailcall-session", token)
    assert other.get("/own").status_code == 303
    other.cookies.set(SESSION, token)
    assert other.get("/own").status_code == 200


def test_what_is_wrong_is_told_at_the_field_and_the_password_is_not_sent_back(quick_house: House) -> None:
    quick_house.administrator()
    client = browser(window(quick_house.access))
    refused = sign_in(client, "root", "a wrong password")
    assert refused.status_code == 422 and "<title>Error: " in refused.text
    assert 'value="root"' in refused.text and "a wrong password" not in refused.text
    unknown = sign_in(client, "nobody", "a wrong password")
    pages = {re.sub(r"root|nobody", "", answer.text.split("<main")[1]) for answer in (refused, unknown)}
    assert len(pages) == 1
    for _ in range(9):
        last = sign_in(client, "root", "a wrong password")
    assert last.status_code == 422
    locked = sign_in(client, "root")
    assert locked.status_code == 429 and "12:15 UTC" in locked.text


def test_a_session_that_was_there_before_ends_with_signing_in(quick_house: House) -> None:
    """So that nobody who had put a cookie of their own into a browser is in what happens there later."""
    quick_house.administrator()
    quick_house.account("ann")
    client = browser(window(quick_house.access))
    sign_in(client, "ann")
    before = client.cookies[SESSION]
    sign_in(client, "root")
    assert client.cookies[SESSION] != before
    found = quick_house.access.look_up(before)
    assert found and found.identity is None


def test_a_page_that_is_left_open_keeps_no_session_going(quick_house: House) -> None:
    quick_house.administrator()
    live = ({"Sec-Fetch-Mode": "cors"}, {"HX-Request": "true"}, {"Accept": "text/event-stream"})
    for headers, after in (*((one, 303) for one in live), ({"Sec-Fetch-Mode": "navigate"}, 200), ({}, 200)):
        client = browser(window(quick_house.access))
        sign_in(client, "root")
        for _ in range(2):
            quick_house.clock.pass_(minutes=29)
            assert client.get("/own", headers=headers).status_code == 200
        quick_house.clock.pass_(minutes=5)
        assert client.get("/own").status_code == after, headers


def test_signing_out_ends_the_session_and_takes_the_cookie_away(quick_house: House) -> None:
    quick_house.administrator()
    client = browser(window(quick_house.access))
    sign_in(client, "root")
    token = client.cookies[SESSION]
    out = client.post("/sign-out")
    assert out.headers["location"] == "/sign-in" and SESSION not in client.cookies
    client.cookies.set(SESSION, token)
    assert client.get("/").status_code == 303


def test_nothing_but_the_cookie_says_who_somebody_is(quick_house: House) -> None:
    root = quick_house.administrator()
    client = browser(window(quick_house.access))
    names = (
        "X-Remote-User",
        "Remote-User",
        "X-Forwarded-User",
        "X-Forwarded-Email",
        "X-Auth-Request-User",
        "X-Authenticated-User",
        "X-WebAuth-User",
        "Forwarded",
        "X-Forwarded-For",
        "Authorization",
    )
    for name in names:
        for value in ("root", root.id, "for=127.0.0.1", "Basic cm9vdDpjb3JyZWN0IGhvcnNlIGJhdHRlcnk="):
            assert client.get("/access/users", headers={name: value}).status_code == 303
    assert client.get("/access/users?identity=root&session_token=x").status_code == 303


def test_an_invitation_sets_a_password_once(quick_house: House) -> None:
    quick_house.administrator()
    app = window(quick_house.access)
    client = browser(app)
    sign_in(client, "root")
    made = client.post("/access/users/add", data={"name": "ann", "address": "ann@example.test"})
    assert made.status_code == 200
    link = re.search(rf"https://{HOST}(/sign-in/link/[\w-]+)", made.text)
    assert link
    invited = browser(app)
    for _ in range(2):
        assert "Sign in as ann" in invited.get(link[1]).text
    refused = invited.post(link[1], data={"new.secret": "short", "again.secret": "short"})
    assert refused.status_code == 422 and "at least 12" in refused.text and 'value="short"' not in refused.text
    differ = invited.post(link[1], data={"new.secret": PASSWORD, "again.secret": PASSWORD + "x"})
    assert differ.status_code == 422 and "not the same" in differ.text
    set_ = invited.post(link[1], data={"new.secret": PASSWORD, "again.secret": PASSWORD})
    assert set_.status_code == 303 and invited.get("/own").status_code == 200
    again = browser(app)
    assert again.get(link[1]).status_code == 410
    assert again.post(link[1], data={"new.secret": PASSWORD, "again.secret": PASSWORD}).status_code == 410
    assert sign_in(again, "ann").status_code == 303


def test_whoever_has_to_set_a_password_does_nothing_else_before(quick_house: House) -> None:
    ann = quick_house.account("ann", Right.USERS_AND_ROLES, password=None)
    token = quick_house.write(lambda c: make_link(c, quick_house.by, ann.id))
    began = quick_house.access.sign_in_by_link(token, HERE)
    assert began
    client = browser(window(quick_house.access))
    client.cookies.set(SESSION, began.token)
    for path in ("/", "/access/users"):
        assert client.get(path).headers["location"] == "/own"
    assert client.post("/access/roles/add", data={"name": "mine"}).headers["location"] == "/own"
    assert "mine" not in {role.name for role in quick_house.read(load_roles)}
    shown = client.get("/own")
    assert shown.status_code == 200 and "Current password" not in shown.text
    assert client.post("/own/password", data={"new.secret": PASSWORD, "again.secret": PASSWORD}).status_code == 303
    assert client.get("/access/users").status_code == 200


def test_a_new_password_needs_the_old_one_and_ends_the_other_sessions(quick_house: House) -> None:
    quick_house.account("ann")
    app = window(quick_house.access)
    client, other = browser(app), browser(app)
    sign_in(client, "ann")
    sign_in(other, "ann")
    new = {"new.secret": "another good password", "again.secret": "another good password"}
    for old in ("", "wrong"):
        refused = client.post("/own/password", data={"old.secret": old, **new})
        assert refused.status_code == 422 and "It is wrong" in refused.text
    assert client.post("/own/password", data={"old.secret": PASSWORD, **new}).status_code == 303
    assert (client.get("/own").status_code, other.get("/own").status_code) == (200, 303)


def test_own_sessions_are_ended_one_by_one_and_nobody_elses(quick_house: House) -> None:
    quick_house.account("ann")
    quick_house.account("ben")
    app = window(quick_house.access)
    one, two, ben = browser(app), browser(app), browser(app)
    for client, name in ((one, "ann"), (two, "ann"), (ben, "ben")):
        sign_in(client, name)
    ids = re.findall(r'name="session" value="([\w-]+)"', one.get("/own").text)
    assert len(ids) == 1
    ben.post("/own/sessions/end", data={"session": ids[0]})
    assert two.get("/own").status_code == 200
    one.post("/own/sessions/end", data={"session": ids[0]})
    assert [client.get("/own").status_code for client in (one, two, ben)] == [200, 303, 200]


def test_a_change_of_roles_and_of_the_account_holds_with_the_next_click(quick_house: House) -> None:
    quick_house.administrator()
    ann = quick_house.account("ann", Right.USERS_AND_ROLES)
    app = window(quick_house.access)
    root, client = browser(app), browser(app)
    sign_in(root, "root")
    sign_in(client, "ann")
    assert client.get("/access/users").status_code == 200
    role = next(one for one in quick_house.read(load_roles) if one.name == "role of ann")
    saved = root.post(f"/access/roles/{role.id}", data={"version": "1", "name": "less", "rights": ["persons"]})
    assert saved.status_code == 303
    refused = client.get("/access/users")
    assert refused.status_code == 403 and "Accounts and Roles" in refused.text
    saved = root.post(f"/access/users/{ann.id}", data={"version": "1", "name": "ann", "disabled": "yes"})
    assert saved.status_code == 303
    assert client.get("/own").status_code == 303


def test_a_form_of_an_older_version_is_shown_what_is_there_now(quick_house: House) -> None:
    quick_house.administrator()
    ann = quick_house.account("ann")
    client = browser(window(quick_house.access))
    sign_in(client, "root")
    form = {"version": "1", "name": "ann one"}
    assert client.post(f"/access/users/{ann.id}", data=form).status_code == 303
    late = client.post(f"/access/users/{ann.id}", data={"version": "1", "name": "ann two"})
    assert late.status_code == 422 and "in the meantime" in late.text
    assert 'value="ann one"' in late.text and 'value="2"' in late.text


def test_the_last_administrator_stays_and_what_was_typed_too(quick_house: House) -> None:
    root = quick_house.administrator()
    client = browser(window(quick_house.access))
    sign_in(client, "root")
    told = client.post(f"/access/users/{root.id}", data={"version": "1", "name": "changed", "disabled": "yes"})
    assert told.status_code == 422 and "nobody could manage" in told.text.lower() and 'value="changed"' in told.text
    assert client.get("/access/users").status_code == 200


def test_a_role_that_could_read_no_call_is_told_what_it_lacks(quick_house: House) -> None:
    quick_house.administrator()
    client = browser(window(quick_house.access))
    sign_in(client, "root")
    role = {"name": "readers", "rights": ["read-calls"], "partitions": "some"}
    refused = client.post("/access/roles/add", data=role)
    assert refused.status_code == 422 and "Partitions: None is named, so no call could be read." in refused.text
    assert client.post("/access/roles/add", data=role | {"partition_ids": "it"}).status_code == 303


def test_the_list_of_roles_says_whose_calls_they_read(quick_house: House) -> None:
    quick_house.administrator()
    client = browser(window(quick_house.access, services=SimpleNamespace(views=views_of(*named()))))
    sign_in(client, "root")
    for name, rights in (("readers", ["read-calls"]), ("others", ["persons"])):
        form = {"name": name, "rights": rights, "partitions": "some", "partition_ids": "it"}
        assert client.post("/access/roles/add", data=form).status_code == 303
    page = client.get("/access/roles").text
    rows = {name: page.partition(f">{name}</a>")[2].partition("</tr>")[0] for name in ("readers", "others")}
    read = {name: re.findall(r'data-label="Reads calls of">([^<]*)<', row) for name, row in rows.items()}
    assert read == {"readers": ["Information Technology"], "others": ["none"]}


def test_names_are_text_and_no_markup(quick_house: House) -> None:
    quick_house.administrator()
    client = browser(window(quick_house.access))
    sign_in(client, "root")
    name = "<script>alert(1)</script>\"'"
    client.post("/access/users/add", data={"name": name})
    client.post("/access/roles/add", data={"name": name})
    for path in ("/access/users", "/access/roles", "/access/history"):
        text = client.get(path).text
        assert "<script>alert" not in text and name in unescape(text)


def test_what_is_unknown_is_not_found(quick_house: House) -> None:
    quick_house.administrator()
    client = browser(window(quick_house.access))
    sign_in(client, "root")
    for path in ("/access/users/unknown", "/access/roles/unknown"):
        assert client.get(path).status_code == 404
    for path in ("/access/users/x/link", "/access/users/x/end-sessions", "/access/roles/x/delete"):
        assert client.post(path).status_code == 404


def test_without_a_provider_none_of_its_pages_is_there(quick_house: House) -> None:
    quick_house.administrator()
    client = browser(window(quick_house.access))
    assert client.get("/sign-in/oidc").status_code == 404
    assert client.get("/sign-in/oidc/back?code=x&state=y").status_code == 404
    sign_in(client, "root")
    assert client.post("/own/oidc").status_code == 404
    assert "oidc" not in client.get("/own").text


def test_with_the_database_away_it_is_said_and_what_was_typed_stays() -> None:
    away = open_desk("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    client = browser(window(Access(away), with_a_form()))
    client.cookies.set(SESSION, "a-token")
    assert client.get("/own").status_code == 503
    told = client.post("/form", data=FORM)
    assert told.status_code == 503 and "a long thought" in told.text and FORM["password.secret"] not in told.text
    assert sign_in(client, "root").status_code == 503
    assert received == []
    away.dispose()


# ---- what was typed before the session ended -------------------------------------------------------------------------

received: list[tuple[str, dict[str, str]]] = []


def _save(request: Request) -> Response:
    typed = {name: str(value) for name, value in request.state.form.items()}
    received.append((str(request.query_params), typed))
    if "wrong" in typed.values():
        return page(request, "web/home.html", title="Typed", status=422, errors=[PageError("", typed["subject"])])
    return PlainTextResponse("saved")


def with_a_form() -> Routes:
    received.clear()

    class Subject:
        PAGES = (
            Page("form", "/form", lambda _: PlainTextResponse("form"), Right.PERSONS),
            Page("save", "/form", _save, Right.PERSONS, ("POST",)),
            Page("save-one", "/form/{name}", _save, Right.PERSONS, ("POST",)),
        )
        ENTRIES = ()

    return routes_of((home, access_pages, Subject))  # type: ignore[arg-type]


FORM = {"subject": "a long thought \u00e9", "password.secret": "for the mail server"}


def test_what_was_typed_when_the_session_ended_is_offered_again_and_sent_by_hand(house: House) -> None:
    house.account("ann", Right.PERSONS)
    client = browser(window(house.access, with_a_form()))
    sign_in(client, "ann")
    house.clock.pass_(hours=2)
    kept = client.post("/form?id=7", data=FORM)
    assert (kept.status_code, kept.headers["location"]) == (303, "/sign-in?next=%2Fsign-in%2Fkept")
    assert sign_in(client, "ann", next_="/sign-in/kept").headers["location"] == "/sign-in/kept"
    offered = client.get("/sign-in/kept")
    assert received == [] and FORM["password.secret"] not in offered.text
    action = re.search(r'action="(/form[^"]+)"', offered.text)
    assert action
    assert client.post(unescape(action[1])).text == "saved"
    assert received == [("id=7", FORM)]
    once = client.post(unescape(action[1]))
    assert once.headers["location"] == "/sign-in/kept" and len(received) == 1


def test_odd_addresses_are_sent_again_to_themselves_and_no_sign_out_is_kept(quick_house: House) -> None:
    quick_house.account("ann", Right.PERSONS)
    client = browser(window(quick_house.access, with_a_form()))
    sign_in(client, "ann")
    quick_house.clock.pass_(hours=2)
    assert client.post("/sign-out").status_code == 401
    client.post("/form/caf%C3%A9%20%3F%22", data=FORM)
    sign_in(client, "ann")
    action = re.search(r'action="(/form[^"]+)"', client.get("/sign-in/kept").text)
    assert action and action[1] == "/form/caf%C3%A9%20%3F%22?send-kept=1"
    assert client.post(unescape(action[1])).text == "saved" and received == [("", FORM)]


def test_it_is_nobody_elses_and_only_in_that_browser(house: House) -> None:
    house.account("ann", Right.PERSONS)
    house.account("ben", Right.PERSONS)
    app = window(house.access, with_a_form())
    client = browser(app)
    sign_in(client, "ann")
    house.clock.pass_(hours=2)
    client.post("/form", data=FORM)
    other = browser(app)
    sign_in(other, "ann")
    assert "nothing here" in other.get("/sign-in/kept").text
    sign_in(client, "ben")
    assert "nothing here" in client.get("/sign-in/kept").text
    assert client.post("/form?send-kept=1").headers["location"] == "/sign-in/kept"
    assert received == []


def test_it_is_unreadable_in_the_database_and_goes_after_an_hour(house: House) -> None:
    house.account("ann", Right.PERSONS)
    client = browser(window(house.access, with_a_form()))
    sign_in(client, "ann")
    house.clock.pass_(hours=2)
    client.post("/form", data=FORM)
    with read_transaction(house.engine) as connection:
        (row,) = connection.execute(select(kept_table)).all()
    assert b"thought" not in row.sealed and b"mail server" not in row.sealed
    house.clock.pass_(minutes=61)
    sign_in(client, "ann")
    assert "nothing here" in client.get("/sign-in/kept").text


def test_it_can_be_thrown_away(quick_house: House) -> None:
    quick_house.account("ann", Right.PERSONS)
    client = browser(window(quick_house.access, with_a_form()))
    sign_in(client, "ann")
    quick_house.clock.pass_(hours=2)
    client.post("/form", data=FORM)
    sign_in(client, "ann")
    client.post("/sign-in/kept")
    assert "nothing here" in client.get("/sign-in/kept").text and received == []


def test_rights_are_asked_for_when_it_is_sent(quick_house: House) -> None:
    quick_house.administrator()
    ann = quick_house.account("ann", Right.PERSONS)
    client = browser(window(quick_house.access, with_a_form()))
    sign_in(client, "ann")
    quick_house.clock.pass_(hours=2)
    client.post("/form", data=FORM)
    sign_in(client, "ann")
    admin = browser(window(quick_house.access, with_a_form()))
    sign_in(admin, "root")
    admin.post(f"/access/users/{ann.id}", data={"version": "1", "name": "ann"})
    assert client.post("/form?send-kept=1").status_code == 403 and received == []


def test_what_is_large_or_of_a_stranger_is_not_kept(quick_house: House) -> None:
    quick_house.account("ann", Right.PERSONS)
    client = browser(window(quick_house.access, with_a_form()))
    assert client.post("/form", data=FORM).status_code == 401
    sign_in(client, "ann")
    quick_house.clock.pass_(hours=2)
    assert client.post("/form", data={"subject": "x" * kept_input.MAX_BYTES}).status_code == 401
    for _ in range(20):
        client.post("/form", data=FORM)
    with read_transaction(quick_house.engine) as connection:
        assert len(connection.execute(select(kept_table)).all()) == 5


def test_a_disabled_account_keeps_nothing_going(quick_house: House) -> None:
    quick_house.administrator()
    ann = quick_house.account("ann", Right.PERSONS)
    client = browser(window(quick_house.access, with_a_form()))
    sign_in(client, "ann")
    quick_house.write(lambda c: set_disabled(c, quick_house.by, ann, True))
    client.post("/form", data=FORM)
    assert sign_in(client, "ann").status_code == 422 and received == []


def test_a_page_that_is_left_open_does_not_keep_its_session_alive(quick_house: House) -> None:
    """Its live parts ask again and again, by htmx."""
    quick_house.administrator()
    client = browser(window(quick_house.access))
    sign_in(client, "root")
    for _ in range(5):
        quick_house.clock.pass_(minutes=11)
        assert client.get("/access/users", headers={"HX-Request": "true"}).status_code == 200
    quick_house.clock.pass_(minutes=11)

    assert client.get("/access/users", headers={"HX-Request": "true"}).status_code == 303


def test_whoever_does_something_stays_signed_in(quick_house: House) -> None:
    quick_house.administrator()
    client = browser(window(quick_house.access))
    sign_in(client, "root")
    for _ in range(7):
        quick_house.clock.pass_(minutes=11)
        assert client.get("/access/users").status_code == 200


@pytest.mark.parametrize("where", ["users?after=%00&id=%00", "users/%00", "roles/%00", "history?before=%00"])
def test_no_sign_of_an_address_is_a_mistake_of_the_program(house: House, where: str) -> None:
    house.administrator()
    client = browser(window(house.access))
    sign_in(client, "root")
    assert client.get(f"/access/{where}").status_code in (200, 404)
    typed = client.post("/access/users/add", data={"name": "a\0b", "address": "\0", "roles": "\0"})
    assert typed.status_code in (303, 422)
