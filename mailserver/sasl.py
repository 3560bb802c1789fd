"""The client's side of every SASL mechanism (RFC 4422), the same over IMAP, POP3 and SMTP.

A mechanism is a generator: it is sent the server's challenges and yields the responses, both without base64. The first
challenge is empty, since the client waits for the server to ask. It ends when nothing more is expected of the server.
Which method uses which mechanism is in the table `METHODS` (`authentication.py`).
"""

import secrets
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from mailserver import challenge_responses
from mailserver.challenge_responses import DigestMd5
from mailserver.errors import SaslError
from mailserver.sasl_libraries import KerberosContext, Ntlm, ScramSha256
from runtime.security.redaction import printable

MAX_ROUNDS = 20  # Kerberos and NTLM need four


@dataclass(frozen=True, slots=True)
class Credentials:
    """What an account is logged in with. `password` is the access token if the method takes one; not printed."""

    username: str
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Target:
    """Which service the login is for. `service`: as in Kerberos and DIGEST-MD5, i.e. `imap`, `pop` or `smtp`."""

    service: str
    host: str
    port: int


class SaslExchange:
    """One login by one mechanism. Calling it responds to a challenge; raises `SaslError`."""

    def __init__(self, mechanism: "Mechanism", account: Credentials, target: Target) -> None:
        self.account = account
        self.target = target
        self.said = ""  # why, if the mechanism lets the server say so (XOAUTH2, OAUTHBEARER)
        self.ended = False
        self._rounds = 0
        self._steps = mechanism(self)
        next(self._steps)

    def __call__(self, challenge: bytes) -> bytes:
        self._rounds += 1
        if self._rounds > MAX_ROUNDS:
            raise SaslError("the server goes on asking and does not decide")
        if self.ended:
            return b""
        try:
            return self._steps.send(challenge)
        except StopIteration:
            self.ended = True
            return b""


Steps = Generator[bytes, bytes, None]
Mechanism = Callable[[SaslExchange], Steps]
_WAIT = b""  # what a generator yields before it has been asked anything


def plain(exchange: SaslExchange) -> Steps:
    """RFC 4616, section 2."""
    yield _WAIT
    yield f"\0{exchange.account.username}\0{exchange.account.password}".encode()


def login(exchange: SaslExchange) -> Steps:
    """draft-murchison-sasl-login: the user name, then the password, whatever the server calls them."""
    yield _WAIT
    yield exchange.account.username.encode()
    yield exchange.account.password.encode()


def cram_md5(exchange: SaslExchange) -> Steps:
    """RFC 2195."""
    challenge = yield _WAIT
    yield challenge_responses.cram_md5(exchange.account.username, exchange.account.password, challenge)


def digest_md5(exchange: SaslExchange) -> Steps:
    """RFC 2831."""
    account, target = exchange.account, exchange.target
    digest = DigestMd5(account.username, account.password, f"{target.service}/{target.host}", secrets.token_hex(16))
    challenge = yield _WAIT
    digest.verify((yield digest.response(challenge)))


def scram_sha_256(exchange: SaslExchange) -> Steps:
    """RFC 5802, RFC 7677."""
    scram = ScramSha256(exchange.account.username, exchange.account.password)
    yield _WAIT
    scram.verify((yield scram.final((yield scram.first()))))


def xoauth2(exchange: SaslExchange) -> Steps:
    """Google's and Microsoft's. A refusal is explained in a challenge, to which the response is empty."""
    yield _WAIT
    response = f"user={exchange.account.username}\1auth=Bearer {exchange.account.password}\1\1"
    exchange.said = printable((yield response.encode()))
    yield b""


def oauthbearer(exchange: SaslExchange) -> Steps:
    """RFC 7628, section 3.1; a refusal is explained in a challenge, to which the response is ^A (section 3.2.3)."""
    account, target = exchange.account, exchange.target
    name = account.username.replace("=", "=3D").replace(",", "=2C")
    yield _WAIT
    response = f"n,a={name},\1host={target.host}\1port={target.port}\1auth=Bearer {account.password}\1\1"
    exchange.said = printable((yield response.encode()))
    yield b"\1"


def ntlm(exchange: SaslExchange) -> Steps:
    """[MS-NLMP]; for the protocols [MS-OXIMAP], [MS-OXPOP3], [MS-OXSMTP]."""
    account, target = exchange.account, exchange.target
    yield _WAIT
    ntlm = Ntlm(account.username, account.password, target.host, target.service)
    yield ntlm.authenticate((yield ntlm.negotiate()))


def gssapi(exchange: SaslExchange) -> Steps:
    """RFC 4752."""
    account, target = exchange.account, exchange.target
    yield _WAIT
    context = KerberosContext(account.username, account.password, target.service, target.host)
    token = context.step(None)
    while not context.complete:
        token = context.step((yield token or b""))
    yield context.choose_no_layer((yield token or b""))
