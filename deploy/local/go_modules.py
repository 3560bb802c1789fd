"""Files of Go modules: fetched once from the Go module proxy, checked against the module's own checksum."""

import base64
import hashlib
import os
import sys
import urllib.request
import zipfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from deploy.local import NotAvailableError
from deploy.local.jars import cache_directory, locked

PROXY = "https://proxy.golang.org"  # where GOPROXY names no other
SECONDS = 120.0


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
        kept = cache / "go" / f"{self.path.replace('/', '-')}-{self.version}.zip"
        with locked(cache):
            if not kept.exists():
                print(f"Fetching {self.path} from the Go module proxy into {cache}, once ...", file=sys.stderr)
                content = self._download()
                kept.parent.mkdir(exist_ok=True)
                partial = kept.with_suffix(".part")
                partial.write_bytes(content)
                partial.rename(kept)
        return kept

    def _download(self) -> bytes:
        named = os.environ.get("GOPROXY", PROXY).replace("|", ",").split(",")[0]
        url = f"{named if named.startswith('http') else PROXY}/{self.path}/@v/{self.version}.zip"
        try:
            with urllib.request.urlopen(url, timeout=SECONDS) as answer:
                content: bytes = answer.read()
        except OSError as error:
            raise NotAvailableError(
                f"{self.path} could not be fetched from the Go module proxy: {error}. It is needed once, and kept: "
                "check the connection; behind a proxy set HTTPS_PROXY, and GOPROXY where you have a mirror of your own."
            ) from None
        if checksum(content) != self.checksum:
            raise NotAvailableError(f"{self.path} {self.version}: what came is not what its checksum says")
        return content


def checksum(module: bytes) -> str:
    """Of a module's zip file, as Go computes it (golang.org/x/mod/sumdb/dirhash, Hash1)."""
    with zipfile.ZipFile(BytesIO(module)) as archive:
        files = sorted(name for name in archive.namelist() if not name.endswith("/"))
        lines = "".join(f"{hashlib.sha256(archive.read(name)).hexdigest()}  {name}\n" for name in files)
    return f"h1:{base64.b64encode(hashlib.sha256(lines.encode()).digest()).decode()}"
