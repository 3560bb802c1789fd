"""`KEY=VALUE` words: what they make of a server, and that everything wrong is told by its key, never by its value."""

from collections.abc import Sequence

import pytest

from console.command_line.assignments import fields_of
from console.errors import Remedy, UserError
from console.servers.server_settings import changed_server, find_server, new_server
from schemas.settings import IncomingServer, OAuth, OutgoingServer, Secret
from schemas.snapshot import SettingsSnapshot

NEEDED = ("protocol=imap", "call_template=c", "default_logging_analyst=ida")
BOX = "A" * 80
STORED = IncomingServer(
    id="m",
    protocol="imap",
    call_template="c",
    default_logging_analyst="ida",
    host="imap.example",
    password=Secret(sealed=BOX),
    close_words=("#done",),
)


def made(*words: str) -> IncomingServer:
    server = new_server(SettingsSnapshot(), "incoming", "m", fields_of(IncomingServer, (*NEEDED, *words)))
    assert isinstance(server, IncomingServer)
    return server


def changed(server: IncomingServer, words: Sequence[str], password: Secret | None = None) -> IncomingServer:
    after = changed_server(server, fields_of(IncomingServer, words, password))
    assert isinstance(after, IncomingServer)
    return after


def snapshot(*servers: IncomingServer | OutgoingServer) -> SettingsSnapshot:
    return SettingsSnapshot().with_changes((f"{server.kind}/{server.id}", server, 0) for server in servers)


@pytest.mark.parametrize(
    ("word", "field", "value"),
    [
        ("port=993", "port", 993),
        ("enabled=false", "enabled", False),
        ("username=12345", "username", "12345"),
        ("name=no", "name", "no"),
        ("name=a=b: [c", "name", "a=b: [c"),
        ("minimum_tls=1.3", "minimum_tls", "1.3"),
        ("authentication=sasl-plain", "authentication", "sasl-plain"),
        ("timeout_seconds=2.5", "timeout_seconds", 2.5),
        ('close_words=["#zu", "#fertig"]', "close_words", ("#zu", "#fertig")),
        ("password.env=IT_PW", "password", Secret(env="IT_PW")),
        ("password.file=/run/pw", "password", Secret(file="/run/pw")),
        (f"password.sealed={BOX}", "password", Secret(sealed=BOX)),
    ],
)
def test_a_value_is_text_where_the_field_is_text_and_else_yaml(word: str, field: str, value: object) -> None:
    assert getattr(made(word), field) == value
    assert made(word).model_copy(update={field: getattr(made(), field)}) == made()


def test_dotted_keys_reach_what_is_nested() -> None:
    server = made("oauth.token_url=https://login.example/token", "oauth.client_id=7", "oauth.client_secret.env=SECRET")

    assert server.oauth == OAuth(
        token_url="https://login.example/token", client_id="7", client_secret=Secret(env="SECRET")
    )
    assert changed(server, ["oauth.scope=mail"]).oauth == server.oauth.model_copy(update={"scope": "mail"})
    assert changed(server, ["oauth="]).oauth is None


def test_what_is_not_named_stays_as_it_is() -> None:
    assert changed(STORED, ["port=993", "close_words="]) == STORED.model_copy(
        update={"port": 993, "close_words": made().close_words}
    )


def test_a_secret_has_one_source_and_a_new_one_takes_its_place() -> None:
    assert changed(STORED, ["password.env=IT_PW"]) == STORED.model_copy(update={"password": Secret(env="IT_PW")})
    for taken_away in ("password=", "password.sealed="):
        assert changed(STORED, [taken_away]).password is None
    assert changed(STORED, [], Secret(sealed="B" * 80)).password == Secret(sealed="B" * 80)


@pytest.mark.parametrize(
    ("words", "key", "told", "remedy"),
    [
        (["port=ninety"], "port", "no whole number", "write digits"),
        (["port=99999"], "port", "more than 65535", ""),
        (["prot=imap"], "prot", "no such field", "did you mean port"),
        (["prot="], "prot", "no such field", "did you mean port"),
        (["host.name=x"], "host.name", "no such field", ""),
        (["port"], "port", "has no value", "KEY=VALUE"),
        (["port=1", "port=2"], "port", "given twice", "leave one of them out"),
        (["password.env=A", "password.file=B"], "password.file", "given twice", "leave one of them out"),
        (["id=other"], "id", "stays what it is", "add another server"),
        (["kind=outgoing-server"], "kind", "stays what it is", ""),
        (["protocol="], "protocol", "missing", Remedy.FILL_IN),
        (["security=ssl"], "security", "'none', 'starttls' or 'tls'", "one of these words"),
        (["close_words=[#close, x]"], "close_words", "no YAML", '["#close", "#done"]'),
        (["close_words=#close"], "close_words", "no list", "write a list"),
        (["poll_seconds=.inf"], "poll_seconds", "finite", ""),
        (["after_fetch=move"], "", "move_to goes with after_fetch", ""),
        (["password.sealed=geheim"], "password", "no sealed password", Remedy.SEAL_PASSWORD),
        (["oauth={client_id: x}"], "oauth", "fields of its own", "oauth.token_url"),
        (["oauth.token_ulr=x"], "oauth.token_ulr", "no such field", "did you mean token_url"),
        (["oauth.client_id=x"], "oauth.token_url", "missing", ""),
        (
            ["oauth.token_url=http://far.example/", "oauth.client_id=x", "oauth.client_secret.env=S"],
            "oauth.token_url",
            "not the address of a token endpoint",
            "https",
        ),
    ],
)
def test_what_is_wrong_is_told_by_its_key(words: list[str], key: str, told: str, remedy: str) -> None:
    with pytest.raises(UserError) as refused:
        changed(STORED, words)

    problem = refused.value.problems[0]
    assert (problem.file, problem.line, problem.place) == ("", None, key)
    assert told in problem.cause
    assert remedy in problem.remedy


@pytest.mark.parametrize(
    "word",
    [
        "password=geheim",
        "password=12",
        "password={clear: geheim}",
        "password.clear=geheim",
        "oauth.client_secret=geheim",
        "oauth.refresh_token.clear=geheim",
    ],
)
def test_a_password_in_clear_is_refused_with_the_reason_and_never_told(word: str) -> None:
    with pytest.raises(UserError) as refused:
        changed(STORED, [word])

    assert [problem.place for problem in refused.value.problems] == [word.partition("=")[0]]
    assert "shell's history" in str(refused.value)
    assert "--ask-password" in str(refused.value)
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize("key", ["name", "host", "username", "password.env", "move_to", "close_words", "port"])
@pytest.mark.parametrize("character", ["\r", "\n", "\0"])
def test_a_line_end_or_nul_is_refused_in_every_value(key: str, character: str) -> None:
    with pytest.raises(UserError) as refused:
        changed(STORED, [f"{key}=a{character}b"])

    assert [problem.place for problem in refused.value.problems] == [key]


def test_a_control_character_that_yaml_makes_is_refused_too() -> None:
    with pytest.raises(UserError, match="control character"):
        changed(STORED, [r'close_words=["a\r\nb"]'])


def test_what_is_wrong_with_the_whole_is_told_without_a_key() -> None:
    with pytest.raises(UserError, match=r"^move_to goes with after_fetch"):
        changed(STORED, ["after_fetch=move"])


def test_everything_wrong_is_told_at_once() -> None:
    with pytest.raises(UserError) as refused:
        changed(STORED, ["prot=1", "password=x", "port"])

    assert [problem.place for problem in refused.value.problems] == ["prot", "password", "port"]


def test_a_password_that_is_asked_for_is_not_given_twice() -> None:
    with pytest.raises(UserError, match="--ask-password gives it already"):
        changed(STORED, ["password.env=X"], Secret(sealed=BOX))


def test_a_mailbox_becomes_a_folder_and_back() -> None:
    folder = changed(STORED, ["protocol=folder", "path=/var/mail/it", "password="])
    assert isinstance(folder, IncomingServer)
    assert (folder.authentication, folder.security) == ("none", "none")
    with pytest.raises(UserError, match="path goes with protocol"):
        changed(folder, ["protocol=imap"])


def test_an_id_is_free_in_both_directions_and_found_in_either() -> None:
    outgoing = OutgoingServer(id="out", from_address="it@desk.example")
    both = snapshot(STORED, outgoing, OutgoingServer(id="m", from_address="it@desk.example"))

    with pytest.raises(UserError, match="already"):
        new_server(snapshot(STORED), "outgoing", "m", {"from_address": "it@desk.example"})
    assert find_server(both, "out") == outgoing
    assert find_server(both, "incoming/m") == STORED
    with pytest.raises(UserError, match="write incoming/m or outgoing/m"):
        find_server(both, "m")
    with pytest.raises(UserError, match="did you mean out"):
        find_server(both, "uot")
    with pytest.raises(UserError, match="add one"):
        find_server(SettingsSnapshot(), "m")
