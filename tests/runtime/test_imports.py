"""What a process does not import at its start: it would pay for that with CPU and memory, and not use it."""

import subprocess
import sys

import pytest

# Each is large, and has come into a process by accident or for one rare case before.
NEVER = set(
    "rich pygments attr structlog pydantic_settings dotenv alembic mako exchangelib lxml msal authlib obstore "
    "opentelemetry starlette uvicorn typer nacl yaml snappy cramjam zstandard".split()
)
FAUST = {"faust", "aiokafka", "mode"}
BY_LIBRARIES = {"aiohttp", "croniter", "gssapi"}  # which import them for what is not used here
DATABASE = {"sqlalchemy", "psycopg"}
PARSER = {"flufl", "resolver.examine", "resolver.parsing", "resolver.screening"}
OTHERS_IN = {f"ingest.connectors.{protocol}" for protocol in ("imap", "pop3", "folder", "graph", "ews")}
OTHERS_OUT = {"outbound.transports.graph", "outbound.transports.ews"}
TEMPLATES = {"jinja2", "nh3"}


@pytest.mark.parametrize(
    ("module", "not_imported"),
    [
        ("ingest.__main__", NEVER | FAUST | BY_LIBRARIES | DATABASE | PARSER | TEMPLATES | OTHERS_IN | {"asyncio"}),
        ("resolver.__main__", NEVER | BY_LIBRARIES | PARSER | TEMPLATES),
        ("logger.__main__", NEVER | FAUST | BY_LIBRARIES | PARSER | TEMPLATES),
        ("outbound.__main__", NEVER | FAUST | BY_LIBRARIES | PARSER | OTHERS_OUT),
        ("resolver.sandbox.child", NEVER | FAUST | DATABASE | TEMPLATES | {"kafka", "prometheus_client"}),
    ],
)
def test_a_process_imports_nothing_large_that_it_does_not_use(module: str, not_imported: set[str]) -> None:
    program = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & not_imported == set()


FAUST_APP = """
import sys
from resolver.config import ResolverConfig
from runtime.processing.faust_app import EventBuffer, add_agents, make_app

app = make_app(ResolverConfig(), "group", "/nowhere")
add_agents(app, ["topic"], EventBuffer(1, 1))
app.consumer
print(*sys.modules)
"""


def test_faust_imports_nothing_large_either_when_its_app_is_made() -> None:
    done = subprocess.run([sys.executable, "-c", FAUST_APP], capture_output=True, text=True, check=True)
    assert "faust.topics" in done.stdout
    assert set(done.stdout.split()) & (NEVER | BY_LIBRARIES) == set()


BEFORE_AND_AFTER = """
import gc, runpy, sys
from runtime import lifecycle

def run(program, config, main):
    print(gc.isenabled())
    try:
        run_it(program, config, main, ["--help"])
    finally:
        print(gc.isenabled(), gc.get_freeze_count() > 10_000, file=sys.stderr)

run_it, lifecycle.run = lifecycle.run, run
runpy.run_module(sys.argv[1], run_name="__main__")
"""


@pytest.mark.parametrize("process", ["ingest", "resolver", "logger", "outbound", "console"])
def test_the_garbage_collector_rests_while_a_process_imports_and_works_when_it_runs(process: str) -> None:
    done = subprocess.run([sys.executable, "-c", BEFORE_AND_AFTER, process], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[0] == "False"
    assert done.stderr == "True True\n"
