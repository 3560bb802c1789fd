"""Jobs as the window sees them, over children that do what a test says: one at a time, watched, ended, bounded."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from console.config import ConsoleConfig
from console.errors import UserError
from console.jobs import jobs as module
from console.jobs.jobs import Job, Jobs
from tests.console.views.following import SECONDS, Told

HEAD = """
import json, os, sys
asked = json.loads(sys.stdin.readline())
tell = lambda **line: print(json.dumps(line), flush=True)
"""
WAITS = HEAD + "tell(done=7, doing='mails')\nsys.stdin.read()\n"
ENDS = HEAD + "print('a library prints')\ntell(done=1, doing='mails')\ntell(result={'given': asked['given']})\n"
FAILS = HEAD + "tell(failed={'text': 'no such server', 'remedy': 'name another'})\n"
DIES = HEAD + "tell(done=1, doing='mails')\nos._exit(9)\n"
HANGS = HEAD + "tell(result={'fine': 1})\nsys.stdout.close(); os.close(1)\nimport signal; signal.pause()\n"


class Watched(Told):
    """Lets a test wait for a state of a job."""

    def wait_until(self, check: Callable[[], bool]) -> bool:
        with self._moved:
            return self._moved.wait_for(check, SECONDS)


@pytest.fixture
def told() -> Watched:
    return Watched()


def jobs_that(script: str, told: Told) -> Jobs:
    return Jobs(ConsoleConfig(), told, (sys.executable, "-c", script))


@pytest.fixture
def waiting(told: Watched) -> Iterator[Jobs]:
    with closing(jobs_that(WAITS, told)) as jobs:
        yield jobs


def ended(jobs: Jobs, job: Job) -> Job:
    found = jobs.wait(job.id, SECONDS)
    assert found is not None and not found.running
    return found


def test_a_job_ends_with_its_result_and_who_started_it(told: Watched) -> None:
    with closing(jobs_that(ENDS, told)) as jobs:
        job = ended(jobs, jobs.start("replay", {"server": "it"}, "ann", of=12))

        assert (job.state, job.who, job.of, job.done) == ("done", "ann", 12, 1)
        assert job.result == {"given": {"server": "it"}}
        assert job.ended is not None and job.ended >= job.started
        assert jobs.all() == (job,)


def test_progress_is_told_while_it_runs(waiting: Jobs, told: Watched) -> None:
    job = waiting.start("reconcile", {}, "ann")

    assert told.wait_until(lambda: (found := waiting.get(job.id)) is not None and found.done == 7)
    assert waiting.get(job.id).doing == "mails"  # type: ignore[union-attr]


def test_of_a_kind_only_one_runs_and_who_started_it_is_said(waiting: Jobs) -> None:
    job = waiting.start("reconcile", {}, "ann")

    with pytest.raises(UserError, match="Reconcile is running already, started by ann"):
        waiting.start("reconcile", {}, "bob")
    other = waiting.start("replay", {}, "bob")
    assert {one.id for one in waiting.all() if one.running} == {job.id, other.id}


def test_a_cancelled_job_has_no_process_left_and_another_may_start(waiting: Jobs) -> None:
    job = waiting.start("reconcile", {}, "ann")
    process = waiting._processes[job.id]

    assert waiting.cancel(job.id)
    assert ended(waiting, job).state == "cancelled"
    assert process.poll() is not None
    assert not waiting.cancel(job.id)
    assert not waiting.cancel("unknown")
    assert waiting.start("reconcile", {}, "ann").running


def test_what_runs_when_the_window_ends_is_ended(told: Watched) -> None:
    jobs = jobs_that(WAITS, told)
    job = jobs.start("reconcile", {}, "ann")
    process = jobs._processes[job.id]
    jobs.close()

    assert process.poll() is not None


def test_what_the_user_can_put_right_is_told_with_its_remedy(told: Watched) -> None:
    with closing(jobs_that(FAILS, told)) as jobs:
        job = ended(jobs, jobs.start("replay", {}, "ann"))

    assert (job.state, job.failure) == ("failed", ("no such server", "name another"))


def test_a_child_that_dies_is_a_job_that_failed(told: Watched) -> None:
    with closing(jobs_that(DIES, told)) as jobs:
        job = ended(jobs, jobs.start("replay", {}, "ann"))

    assert job.state == "failed"
    assert job.failure is not None and "exit code 9" in job.failure[0]


def test_a_child_that_has_told_its_end_and_stays_is_killed(told: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "END_SECONDS", 0.2)
    with closing(jobs_that(HANGS, told)) as jobs:
        job = jobs.start("replay", {}, "ann")
        process = jobs._processes[job.id]

        assert ended(jobs, job).result == {"fine": 1}
        assert process.poll() is not None


def test_only_the_last_jobs_are_kept(told: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 2)
    with closing(jobs_that(ENDS, told)) as jobs:
        started = [ended(jobs, jobs.start("replay", {"n": number}, "ann")) for number in range(4)]

        assert [job.id for job in jobs.all()] == [job.id for job in reversed(started[-2:])]


def test_the_configuration_goes_to_the_child_by_a_way_that_nobody_sees(told: Watched) -> None:
    secret = "postgresql+psycopg://mailcall:word-of-mine@db/mailcall"
    script = HEAD + "tell(result={'url': asked['config']['desk_url'], 'argv': sys.argv, 'env': dict(os.environ)})\n"
    with closing(Jobs(ConsoleConfig(desk_url=secret), told, (sys.executable, "-c", script))) as jobs:
        result = ended(jobs, jobs.start("replay", {}, "ann")).result

    assert result is not None
    assert result["url"] == secret
    assert "word-of-mine" not in str(result["argv"]) + str(result["env"])


def test_a_child_ends_with_whoever_started_it() -> None:
    """Its stdin ends: then nobody waits for the result."""
    child = subprocess.Popen(
        [sys.executable, "-m", "console.jobs.child"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdin is not None
    # Nobody listens there, so that it waits for the broker.
    config = ConsoleConfig(kafka_bootstrap_servers="127.0.0.1:1").model_dump_json()
    child.stdin.write(f'{{"kind": "reconcile", "given": {{}}, "config": {config}}}\n')
    child.stdin.close()

    assert child.wait(SECONDS) == 1
