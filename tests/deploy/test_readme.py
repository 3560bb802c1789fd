"""deploy/README.md, as far as it can be followed without a cluster: every command of it for helm and kubectl is typed
as it stands there; its key is one, its values give valid objects. What docker would do is in test_image and
test_compose, and `make demo` in tests/e2e/test_demo.
"""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from typer.testing import CliRunner

from console.cli import app
from deploy.local.packages.helm import Programs
from runtime.security.token_keys import read_token_keys
from tests.deploy.chart_parts import containers, pods, variables
from tests.deploy.conftest import Rendered

ROOT = Path(__file__).parents[2]
README = (ROOT / "deploy" / "README.md").read_text("utf-8")
# The blocks of commands; a command may go on in the next line.
TYPED = re.findall(r"^ {4,}((?:docker|echo|helm|kubectl|make|python3) (?:.*\\\n)*.*)", README, re.MULTILINE)
FOR_A_CLUSTER = [command for command in TYPED if command.startswith(("helm ", "kubectl "))]
UNREACHABLE = re.compile(r"connection to the server .* was refused|connection refused|cluster unreachable")
COMMANDS = re.findall(r"(?:exec .*? |-- |&& |')mailcall ([a-z][a-z-]*(?: [a-z-]+)?)", README)


def test_the_key_that_it_makes_is_one(tmp_path: Path) -> None:
    """What the container would print is the file, and nothing else."""
    (command,) = re.findall(r"docker run --rm \S+ sh -c '(.*)' > token.key", README)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, env=environment, capture_output=True, check=True)
    (tmp_path / "token.key").write_bytes(done.stdout)
    assert len(read_token_keys(tmp_path / "token.key").keys) == 1


@pytest.mark.timeout(400)  # helm may have to be fetched first
def test_its_values_give_what_its_secrets_are_for(rendered: Rendered, tmp_path: Path) -> None:
    (values,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    file = tmp_path / "values.yaml"
    file.write_text(textwrap.dedent(values), "utf-8")
    objects = rendered(file)
    for one in objects:
        kubernetes_validate.validate(one, "1.37", strict=True)
    made = dict(re.findall(r"create secret generic (\S+)(?: \\\n *)? --from-(?:file|literal)=(\w[\w.]*)", README))
    used = {
        (one["valueFrom"]["secretKeyRef"]["name"], one["valueFrom"]["secretKeyRef"]["key"])
        for _, pod in pods(objects)
        for container in containers(pod)
        for one in variables(container).values()
        if "valueFrom" in one
    }
    used |= {
        (volume["secret"]["secretName"], item["key"])
        for _, pod in pods(objects)
        for volume in pod["spec"]["volumes"]
        if "secret" in volume
        for item in volume["secret"]["items"]
    }
    assert used
    assert used <= set(made.items())
    whole = {
        source["secretRef"]["name"]
        for _, pod in pods(objects)
        for container in containers(pod)
        for source in container.get("envFrom", ())
    }
    assert whole | {name for name, _ in used} == made.keys()


Typed = Callable[[str], subprocess.CompletedProcess[str]]


@pytest.fixture
def typed(helm: Programs, tmp_path: Path) -> Typed:
    """A command in a checkout that has the `values.yaml` of the document and its `token.key`, and no cluster."""
    (values,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    (tmp_path / "values.yaml").write_text(textwrap.dedent(values), "utf-8")
    (tmp_path / "token.key").write_text("a key")
    shutil.copytree(ROOT / "deploy" / "chart", tmp_path / "deploy" / "chart")
    shutil.copytree(ROOT / "deploy" / "kustomize", tmp_path / "deploy" / "kustomize")
    path = f"{helm.helm.parent}:{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": str(tmp_path), "KUBECONFIG": os.devnull}

    def run(command: str) -> subprocess.CompletedProcess[str]:
        shell = ["bash", "-c", command]
        return subprocess.run(shell, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    return run


@pytest.mark.timeout(400)  # helm may have to be fetched first
@pytest.mark.parametrize("command", FOR_A_CLUSTER)
def test_every_command_for_a_cluster_lacks_nothing_but_the_cluster(command: str, typed: Typed) -> None:
    done = typed(command)
    assert done.returncode
    assert UNREACHABLE.search(done.stderr), done.stderr


@pytest.mark.timeout(400)
@pytest.mark.parametrize("command", [one for one in FOR_A_CLUSTER if " create " in one])
def test_what_it_has_made_is_an_object(command: str, typed: Typed) -> None:
    done = typed(f"{command} --dry-run=client --output=yaml")
    assert done.returncode == 0, done.stderr
    kubernetes_validate.validate(yaml.safe_load(done.stdout), "1.37", strict=True)


@pytest.mark.timeout(400)
def test_what_it_looks_at_and_applies_is_valid(typed: Typed) -> None:
    (look,) = [one for one in FOR_A_CLUSTER if one.startswith("helm template")]
    (apply,) = [one for one in FOR_A_CLUSTER if one.startswith("kubectl apply")]
    rendered = look.partition(" | ")[0]
    assert rendered != look
    for command in (rendered, apply.replace("kubectl apply -k", "kubectl kustomize")):
        done = typed(command)
        assert done.returncode == 0, done.stderr
        objects = [one for one in yaml.safe_load_all(done.stdout) if one]
        assert {"Deployment", "Job", "NetworkPolicy"} <= {one["kind"] for one in objects}
        for one in objects:
            kubernetes_validate.validate(one, "1.37", strict=True)


def test_no_command_is_left_out() -> None:
    assert len(FOR_A_CLUSTER) >= 11
    assert {one.split()[0] for one in TYPED} == {"docker", "echo", "helm", "kubectl", "python3"}


def test_every_command_is_one() -> None:
    assert len(COMMANDS) >= 4
    for command in COMMANDS:
        assert CliRunner().invoke(app, [*command.split(), "--help"]).exit_code == 0, command
