"""A private Kerberos realm (MIT): a KDC on 127.0.0.1, the keys of `localhost`'s mail services, users by request."""

import os
import subprocess
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local import StartError
from deploy.local.account import hand_over, unprivileged
from deploy.local.child import Child
from deploy.local.packages.debian import need, need_module
from deploy.local.ports import HOST, free_port, is_open
from deploy.local.servers.server import Server

REALM = "TEST.LOCAL"
PACKAGES = ("krb5-kdc", "krb5-admin-server", "krb5-user")
_PROGRAMS = tuple(Path(name) for name in ("/usr/sbin/kadmin.local", "/usr/sbin/kdb5_util", "/usr/bin/kinit"))
# Python's `gssapi` has no wheel for Linux: it is compiled, and so needs what compiling needs.
MODULE_PACKAGES = ("gcc", "libc6-dev", "libkrb5-dev", "python3-dev")
_HEADERS = (Path("/usr/include/gssapi/gssapi.h"), Path(sysconfig.get_path("include"), "Python.h"))
_REQUIREMENTS = Path(__file__).parents[3] / "requirements" / "kerberos.txt"
_SERVICES = ("imap", "pop", "smtp")  # GSSAPI service names of the protocols (RFC 9051, RFC 5034, RFC 4954)
_COMMAND_SECONDS = 30

_CLIENT_FILE = """\
[libdefaults]
default_realm = {realm}
dns_lookup_kdc = false
dns_lookup_realm = false
dns_canonicalize_hostname = false
rdns = false
udp_preference_limit = 1
[realms]
{realm} = {{
  kdc = {host}:{port}
}}
[domain_realm]
localhost = {realm}
"""

_KDC_FILE = """\
[kdcdefaults]
kdc_listen = {host}:{port}
kdc_tcp_listen = {host}:{port}
[realms]
{realm} = {{
  database_name = {directory}/principals
  key_stash_file = {directory}/stash
  acl_file = {directory}/acl
  supported_enctypes = aes256-cts:normal aes128-cts:normal
}}
"""


def find_kerberos() -> Path:
    """The KDC, and Python's `gssapi`; both installed where this is root on Debian. Raises `NotAvailableError`."""
    program = need("krb5kdc", _PROGRAMS, PACKAGES)
    need_module("gssapi", _REQUIREMENTS, compiler="gcc", headers=_HEADERS, packages=MODULE_PACKAGES)
    return program


@dataclass(frozen=True)
class User:
    """A principal: its name without the realm, its password, a keytab of its own, and where its tickets go."""

    name: str
    password: str
    keytab: Path
    tickets: Path

    @property
    def principal(self) -> str:
        return f"{self.name}@{REALM}"

    @property
    def mailbox(self) -> str:
        """The user name that Dovecot has for it: the one to deliver to, or to log in with by password."""
        return self.principal.lower()


class Realm(Server):
    """`keytab` holds the services' keys, `configuration` is what a client's or a service's KRB5_CONFIG names."""

    name = "kerberos"

    def __init__(self) -> None:
        super().__init__()
        self._port = free_port()
        self.keytab = self.directory / "services.keytab"
        self.configuration = self.directory / "krb5.conf"
        self._environment = {
            **os.environ,
            "KRB5_CONFIG": str(self.configuration),
            "KRB5_KDC_PROFILE": str(self.directory / "kdc.conf"),
        }

    def add_user(self, name: str, password: str) -> User:
        user = User(name, password, self.directory / f"{name}.keytab", self.directory / f"{name}.tickets")
        self._run("kadmin.local", "addprinc", "-pw", password, name)
        self._run("kadmin.local", "ktadd", "-norandkey", "-k", str(user.keytab), name)
        return user

    def environment(self, user: User) -> Mapping[str, str]:
        """What a client needs to be that user. Without KRB5_CLIENT_KTNAME it has only the tickets of `kinit`."""
        return {
            "KRB5_CONFIG": str(self.configuration),
            "KRB5CCNAME": f"FILE:{user.tickets}",
            "KRB5_CLIENT_KTNAME": f"FILE:{user.keytab}",
        }

    def kinit(self, user: User) -> None:
        """Put a ticket into that user's cache."""
        self._run("kinit", "-k", "-t", str(user.keytab), "-c", f"FILE:{user.tickets}", user.principal)

    def _ready(self) -> bool:
        return is_open(HOST, self._port)

    def _prepare(self) -> Child:
        program = find_kerberos()
        values = {"realm": REALM, "host": HOST, "port": self._port, "directory": self.directory}
        self.configuration.write_text(_CLIENT_FILE.format(**values))
        (self.directory / "kdc.conf").write_text(_KDC_FILE.format(**values))
        self._run("kdb5_util", "create", "-s", "-r", REALM, "-P", "of this realm alone")
        for service in _SERVICES:
            self._run("kadmin.local", "addprinc", "-randkey", f"{service}/localhost")
            self._run("kadmin.local", "ktadd", "-k", str(self.keytab), f"{service}/localhost")
        account = unprivileged()
        hand_over(self.directory, account)
        return Child("KDC", [program, "-n"], log=self.log, environment=self._environment, account=account)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(need(program, (), PACKAGES)), *arguments]
        done = subprocess.run(
            command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=False,
        )
        if done.returncode:
            raise StartError(f"Kerberos: {program} {arguments[0]} failed: {done.stderr.strip()[-500:]}")
