"""Logging in at a directory by the real msal: every way to prove the application, tokens kept, refusals in words."""

import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from mailserver.errors import MailServerError
from mailserver.exchange.login import ExchangeLogins
from mailserver.oauth import FRESH_SECONDS
from runtime.net.dialling import DEFAULT, refuse_networks
from runtime.security.sealing import make_keys, seal
from runtime.telemetry.metrics import MAPI_SECRET_ENDS
from schemas.reasons import Reason
from schemas.settings import IncomingServer, MapiProfile
from tests.exchange.authority import APPLICATION, DOMAIN, SECRET, TENANT, Authority, Reply, refusal, running
from tests.mailserver.memory_store import Keys

SERVER = IncomingServer.model_validate({
    "id": "it", "protocol": "mapi", "profile": "exchange-online", "mailbox": "it@desk.example", "call_template": "t",
    "default_logging_analyst": "ida",
})  # fmt: skip


@dataclass
class Clock:
    now: float = datetime(2026, 11, 30, tzinfo=UTC).timestamp()

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with running(tmp_path_factory.mktemp("authority")) as found:
        yield found


@pytest.fixture
def authority(directory: Authority, monkeypatch: pytest.MonkeyPatch) -> Authority:
    monkeypatch.setenv("APPLICATION_SECRET", SECRET)
    directory.secret, directory.certificate, directory.federated, directory.slow = SECRET, None, "", None
    directory.platform, directory.lifetime, directory.looked_up = "", 3600, 0
    for one in (directory.replies, directory.asked, directory.tokens):
        one.clear()
    return directory


@pytest.fixture
def logins(authority: Authority) -> Callable[..., ExchangeLogins]:
    def make(clock: Callable[[], float] | None = None, keys: Keys | None = None, **fields: Any) -> ExchangeLogins:
        if not {"certificate", "token_file", "managed_identity", "client_secret"} & fields.keys():
            fields["client_secret"] = {"env": "APPLICATION_SECRET"}
        profile = MapiProfile.model_validate(authority.profile(**fields))
        return ExchangeLogins(keys or Keys(), lambda id_: profile if id_ == profile.id else None, clock or Clock())

    return make


def pem(ends: date = date(2027, 11, 30), key: Any = None, passphrase: bytes | None = None) -> tuple[str, Any]:
    """A certificate with its key, and the certificate."""
    own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mailcall")])
    end = datetime(ends.year, ends.month, ends.day, 12, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - timedelta(days=365))
        .not_valid_after(end)
        .sign(own, hashes.SHA256())
    )
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    private = (key or own).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
    return (private + certificate.public_bytes(Encoding.PEM)).decode(), certificate


def failure(logins: ExchangeLogins) -> MailServerError:
    with pytest.raises(MailServerError) as caught:
        logins.account(SERVER).access_token()
    for secret in (SECRET, "PRIVATE KEY-----"):
        assert secret not in caught.value.text
    return caught.value


def test_a_secret_gives_a_token_for_the_mailbox(authority: Authority, logins: Any) -> None:
    account = logins(tenant=DOMAIN).account(SERVER)

    assert account.access_token() == authority.tokens[0]
    assert (account.mailbox, account.password) == ("it@desk.example", "")
    [form] = authority.asked
    assert form["scope"] == "https://graph.microsoft.com/.default"
    assert (form["client_id"], form["client_secret"]) == (APPLICATION, SECRET)
    assert authority.tokens[0] not in repr(account)


@pytest.mark.parametrize(
    ("fields", "scope"),
    [
        ({"cloud": "us-government"}, "https://graph.microsoft.us/.default"),
        ({"cloud": "us-defense"}, "https://dod-graph.microsoft.us/.default"),
        ({"cloud": "china"}, "https://microsoftgraph.chinacloudapi.cn/.default"),
        (
            {"transport": "ews", "authentication": "oauth2", "url": "https://mail.desk.example/EWS/Exchange.asmx"},
            "https://mail.desk.example/.default",
        ),
    ],
)
def test_a_token_is_for_what_is_spoken_to(authority: Authority, logins: Any, fields: Any, scope: str) -> None:
    logins(**fields).account(SERVER).access_token()
    assert authority.asked[0]["scope"] == scope


def test_a_certificate_proves_the_application(authority: Authority, logins: Any, tmp_path: Path) -> None:
    public = make_keys(tmp_path / "key")
    text, authority.certificate = pem()
    box = seal(text, public)

    login = logins(keys=Keys(tmp_path / "key"), certificate=box.model_dump(exclude_none=True))

    assert login.account(SERVER).access_token() == authority.tokens[0]
    assert "client_secret" not in authority.asked[0]


def test_a_platform_s_token_proves_it_and_is_read_anew(authority: Authority, logins: Any, tmp_path: Path) -> None:
    file, clock = tmp_path / "token", Clock()
    login = logins(clock, token_file=str(file))
    assert f"token file {file} cannot be read" in failure(login).text
    for federated in ("first.platform.token", "second.platform.token"):
        authority.federated = federated
        file.write_text(f"{federated}\n")
        login.account(SERVER).access_token()
        clock.now += 3600
    assert [form["client_assertion"] for form in authority.asked] == ["first.platform.token", "second.platform.token"]


def test_the_machine_s_identity_is_asked_of_the_platform(authority: Authority, logins: Any, monkeypatch: Any) -> None:
    """By the address that the platform names, which no setting does: networks that are refused are so to settings."""
    authority.platform = "value of the platform"
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{authority.url}/platform")
    monkeypatch.setenv("IDENTITY_HEADER", "value of the platform")
    refuse_networks("loopback")
    try:
        login = logins(managed_identity=True, tenant=None, client_id="1234", login_url=None)
        assert login.account(SERVER).access_token() == authority.tokens[0]
        assert authority.asked == [
            {"resource": "https://graph.microsoft.com", "api-version": "2019-08-01", "client_id": "1234"}
        ]
        monkeypatch.setenv("IDENTITY_HEADER", "of somebody else")
        error = failure(logins(managed_identity=True, tenant=None, client_id=None, login_url=None))
        assert "the platform gives no token: 401, No identity header." in error.text
        assert "not connected to" in failure(logins()).text
    finally:
        refuse_networks(DEFAULT)


def test_a_token_is_kept_until_shortly_before_its_end(authority: Authority, logins: Any) -> None:
    clock = Clock()
    login = logins(clock)
    other = SERVER.model_copy(update={"id": "hr", "mailbox": "hr@desk.example"})
    first = login.account(SERVER).access_token()
    clock.now += 3600 - 301
    assert login.account(other).access_token() == first
    clock.now += 2
    assert login.account(SERVER).access_token() != first
    assert len(authority.tokens) == 2


def test_a_refused_token_is_forgotten_once(authority: Authority, logins: Any) -> None:
    clock = Clock()
    login = logins(clock)
    account = login.account(SERVER)
    assert account.token_refused() is False
    first = account.access_token()
    assert account.token_refused() is False
    clock.now += FRESH_SECONDS
    assert login.refused(SERVER) is True
    assert account.access_token() != first
    assert account.token_refused() is False
    assert len(authority.tokens) == 2


def test_many_threads_ask_once(authority: Authority, logins: Any) -> None:
    login, got = logins(), list[str]()
    threads = [threading.Thread(target=lambda: got.append(login.account(SERVER).access_token())) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [authority.tokens[0]] * 20
    assert len(authority.asked) == 1


def test_a_corrected_secret_is_taken_up(authority: Authority, logins: Any, monkeypatch: Any) -> None:
    login = logins()
    monkeypatch.setenv("APPLICATION_SECRET", "wrong-secret-of-it")
    wrong = login.digest(SERVER)
    error = failure(login)
    assert (error.reason, error.temporary, login.refused(SERVER)) == (Reason.AUTHENTICATION_REFUSED, False, False)
    assert "the secret is wrong (AADSTS7000215). Enter the secret's value, not its id" in error.text
    assert "wrong-secret-of-it" not in error.text
    monkeypatch.setenv("APPLICATION_SECRET", SECRET)
    assert login.digest(SERVER) != wrong
    assert login.account(SERVER).access_token()


def test_another_profile_or_secret_has_another_digest(authority: Authority, logins: Any) -> None:
    login = logins()
    assert login.digest(SERVER) == login.digest(SERVER) != ""
    assert SECRET not in login.digest(SERVER)
    assert login.digest(SERVER.model_copy(update={"profile": "gone"})) == ""


def test_a_profile_that_is_gone_is_said(logins: Any) -> None:
    with pytest.raises(MailServerError, match=r"it \(it@desk.example\): there is no MAPI profile 'gone': configure it"):
        logins().account(SERVER.model_copy(update={"profile": "gone"}))


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (refusal(7000222), "the secret has ended (AADSTS7000222). Make a new one"),
        (refusal(700027), "certificate is not one of the application's, or has ended (AADSTS700027). Upload"),
        (refusal(700024), "not valid at this time (AADSTS700024). Check this machine's clock"),
        (refusal(65001, "invalid_grant"), "nobody has consented to the application (AADSTS65001)"),
        (refusal(500011, "invalid_resource"), f"the directory '{TENANT}' knows no https://graph.microsoft.com"),
        (refusal(700213), "no federated credential has the token's subject (AADSTS700213)"),
        (refusal(53003, "interaction_required"), "Conditional Access policy blocks it (AADSTS53003)"),
        (refusal(1234567, text="Unheard of."), "gives no token: AADSTS1234567: Unheard of.. Check tenant"),
        (Reply(400, {"error": "invalid_client", "error_codes": ["x", None]}), "gives no token: invalid_client"),
        (Reply(400, {"error": ["x"], "error_description": 7}), "gives no token: HTTP status 400"),
    ],
)
def test_a_refusal_is_told_with_its_remedy(authority: Authority, logins: Any, reply: Reply, told: str) -> None:
    authority.replies.append(reply)
    error = failure(logins())
    assert error.text.startswith("MAPI profile exchange-online: ")
    assert told in error.text
    assert "Trace ID" not in error.text
    assert (error.reason, error.temporary) == (Reason.AUTHENTICATION_REFUSED, False)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"tenant": "elsewhere.example"}, "no directory 'elsewhere.example' in this cloud (AADSTS90002). Check tenant"),
        ({"client_id": "unheard-of"}, "has no application 'unheard-of' (AADSTS700016). Check client_id"),
        ({"client_secret": {"env": "UNSET_SECRET"}}, "environment variable UNSET_SECRET is not set"),
    ],
)
def test_what_is_set_wrong_is_told(logins: Any, fields: Any, told: str) -> None:
    error = failure(logins(**fields))
    assert told in error.text
    assert (error.reason, error.temporary) == (Reason.AUTHENTICATION_REFUSED, False)


@pytest.mark.parametrize(
    ("reply", "told", "after"),
    [
        (Reply(503, "", {"Retry-After": "120"}), "HTTP status 503", 120),
        (Reply(429, {"error": "throttled"}, {"Retry-After": "7"}), "gives no token now: throttled", 7),
        (Reply(429, "slow down", {"Retry-After": "99999999999999"}), "HTTP status 429", 0),
        (Reply(500, "<html>", {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}), "HTTP status 500", 0),
        (
            refusal(90033, "temporarily_unavailable", "A transient error.", 400),
            "now: AADSTS90033: A transient error",
            0,
        ),
        (Reply(200, "<html>hello</html>"), "no token from the directory at https://localhost", 0),
        (Reply(200, {"access_token": "t", "expires_in": "soon"}), "no token from the directory", 0),
        (Reply(200, "[" * 100_000), "no token from the directory", 0),
        (Reply(200, [1, 2]), "no token from the directory", 0),
        (Reply(200, {"access_token": 7, "expires_in": 3600}), "without an access token", 0),
        (Reply(200, {"access_token": "two words", "expires_in": 3600}), "without an access token", 0),
        (Reply(200, {"access_token": "a" * 1_000_000, "expires_in": 3600}), "no token from the directory", 0),
    ],
)
def test_a_directory_in_trouble_is_asked_again_later(
    authority: Authority, logins: Any, reply: Reply, told: str, after: float
) -> None:
    authority.replies.append(reply)
    login = logins()
    error = failure(login)
    assert told in error.text
    assert (error.reason, error.temporary, error.after) == (Reason.SERVER_UNREACHABLE, True, after)
    assert login.account(SERVER).access_token()


@pytest.mark.parametrize("lifetime", [0, -5, "3600", 1e300])
def test_a_token_lives_an_hour_where_its_life_is_not_said(authority: Authority, logins: Any, lifetime: Any) -> None:
    authority.replies.append(Reply(200, {"access_token": "a-token-of-some-life", "expires_in": lifetime}))
    clock = Clock()
    login = logins(clock)
    assert login.account(SERVER).access_token() == "a-token-of-some-life"
    clock.now += 7 * 24 * 3600
    assert login.account(SERVER).access_token() == authority.tokens[0]


def test_no_answer_is_waited_for_without_end(authority: Authority, logins: Any) -> None:
    authority.slow = threading.Event()
    try:
        error = failure(logins(timeout_seconds=0.3))
    finally:
        authority.slow.set()
    assert "no token from the directory" in error.text and error.temporary


def test_the_profile_s_own_authority_is_trusted_and_no_other(
    authority: Authority, logins: Any, monkeypatch: Any, tmp_path: Path
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "another.pem"))
    assert logins().account(SERVER).access_token()
    assert "certificate" in failure(logins(ca_file=None)).text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (lambda: "nothing", "certificate holds no certificate"),
        (lambda: pem()[0].partition("-----BEGIN CERT")[2].join(("-----BEGIN CERT", "")), "holds no private key"),
        (lambda: pem(passphrase=b"open sesame")[0], "has a passphrase"),
        (
            lambda: pem(key=rsa.generate_private_key(public_exponent=65537, key_size=2048))[0],
            "is not the certificate's",
        ),
        (lambda: pem(key=ec.generate_private_key(ec.SECP256R1()))[0], "is not of RSA"),
    ],
)
def test_a_certificate_that_cannot_be_used_is_told(
    authority: Authority, logins: Any, tmp_path: Path, text: Callable[[], str], told: str
) -> None:
    file = tmp_path / "application.pem"
    file.write_text(text())
    assert told in failure(logins(certificate={"file": str(file)})).text
    assert authority.asked == []


@pytest.mark.parametrize(("ends", "told"), [("2026-12-30", date(2026, 12, 30)), ("2026-12-31", None), (None, None)])
def test_a_secret_that_ends_soon_is_told(logins: Any, ends: str | None, told: date | None) -> None:
    login = logins(secret_ends=ends)
    assert login.secret_ends(SERVER) is None
    login.account(SERVER)
    assert login.secret_ends(SERVER) == told


def test_a_certificate_says_itself_when_it_ends(logins: Any, tmp_path: Path) -> None:
    file = tmp_path / "application.pem"
    file.write_text(pem(date(2026, 12, 3))[0])
    login = logins(certificate={"file": str(file)})
    login.account(SERVER)
    assert login.secret_ends(SERVER) == date(2026, 12, 3)


def test_the_metric_tells_the_end_while_it_holds(authority: Authority) -> None:
    def told() -> list[float]:
        samples = (sample for metric in MAPI_SECRET_ENDS.collect() for sample in metric.samples)
        return [sample.value for sample in samples if sample.labels == {"profile": "exchange-online"}]

    fields = {"client_secret": {"env": "APPLICATION_SECRET"}, "secret_ends": "2026-12-30"}
    profile: MapiProfile | None = MapiProfile.model_validate(authority.profile(**fields))
    login = ExchangeLogins(Keys(), lambda _id: profile)
    login.account(SERVER)
    assert told() == [datetime(2026, 12, 30, tzinfo=UTC).timestamp()]
    profile = MapiProfile.model_validate(authority.profile(**{**fields, "secret_ends": None}))  # entered anew, no end
    assert list(map(math.isnan, told())) == [True]
    login.account(SERVER)
    assert list(map(math.isnan, told())) == [True]
    profile = None
    assert list(map(math.isnan, told())) == [True]


def test_an_account_of_ews_has_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXCHANGE_PASSWORD", "pass word of exchange")
    profile = MapiProfile.model_validate({
        "id": "exchange-online", "transport": "ews", "username": "DESK\\it", "password": {"env": "EXCHANGE_PASSWORD"},
        "url": "https://mail.desk.example/EWS/Exchange.asmx",
    })  # fmt: skip
    login = ExchangeLogins(Keys(), lambda _id: profile)
    account = login.account(SERVER)
    assert account.password == "pass word of exchange"
    assert "pass word" not in repr(account)
    assert login.refused(SERVER) is False
