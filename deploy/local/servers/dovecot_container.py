"""The same Dovecot in a container, where it is not installed and a Docker engine answers.

It has every mechanism but GSSAPI: the files of a realm come when it runs, and what comes then is not readable in there.
"""

import pwd
from pathlib import Path

import docker
from docker.errors import DockerException
from testcontainers.core.container import DockerContainer

from deploy.local import NotAvailableError, StartError
from deploy.local.ports import wait_until
from deploy.local.servers.dovecot import PACKAGES, Dovecot, find_dovecot
from deploy.local.servers.dovecot_configuration import CONFIGURATION_FILE
from deploy.local.servers.kerberos import Realm

IMAGE = "debian:bookworm-slim"  # the same packages as on Debian itself, so the same configuration
START_SECONDS = 180.0  # it fetches the image and the packages first
_GIVEN, _HERE = "/mnt/dovecot", Path("/srv/dovecot")
# Copied, because the directory that is mounted cannot be read by `nobody`.
_SCRIPT = f"""\
set -e
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends {" ".join(PACKAGES)}
cp -r {_GIVEN} {_HERE}
chown -R nobody:nogroup {_HERE}
exec setpriv --reuid=65534 --regid=65534 --clear-groups dovecot -c {_HERE / CONFIGURATION_FILE} -F
"""
_NOBODY = pwd.struct_passwd(("nobody", "x", 65534, 65534, "", "/", "/usr/sbin/nologin"))


def choose_dovecot() -> type[Dovecot]:
    """Debian's own where it is installed or can be, else one in a container. Raises `NotAvailableError`."""
    try:
        find_dovecot()
    except NotAvailableError as error:
        if not _docker_answers():
            raise NotAvailableError(f"{error}, or start a Docker engine") from None
        return DovecotContainer
    return Dovecot


class DovecotContainer(Dovecot):
    """In the network of the host, so that ports, relay and OAuth2 provider are those of 127.0.0.1 here as well."""

    _container: DockerContainer | None = None

    def start(self) -> None:
        self._configuration.write(self.directory, seen_at=_HERE, user=_NOBODY, group="nogroup")
        self._container = (
            DockerContainer(IMAGE)
            .with_command(["sh", "-c", _SCRIPT])
            .with_volume_mapping(str(self.directory), _GIVEN, "ro")
            .with_kwargs(network_mode="host")
        )
        self._container.start()
        if not wait_until(self._ready, START_SECONDS):
            output = b"".join(self._container.get_logs()).decode("utf-8", "replace")
            raise StartError(f"Dovecot was not ready in its container after {START_SECONDS:.0f} s:\n{output[-2000:]}")

    def join(self, realm: Realm) -> None:  # noqa: ARG002 (no realm can be joined)
        raise NotAvailableError(
            f"a Dovecot in a container knows no Kerberos realm: install {', '.join(PACKAGES)} on this machine"
        )

    def stop(self) -> None:
        if self._container:
            self._container.stop()

    def kill(self) -> None:
        self.stop()


def _docker_answers() -> bool:
    try:
        client = docker.from_env(timeout=5)
        client.ping()
        client.close()
    except DockerException:
        return False
    return True
