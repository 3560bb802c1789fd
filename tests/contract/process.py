"""A process around one loop, to be killed: `python -m tests.contract.process kafka-python|faust`."""

import sys
import threading

from runtime.config import ProcessConfig
from runtime.lifecycle import run
from runtime.telemetry.health import Health
from tests.contract.loops import ObedientHandler, loop_runner

LOOP = sys.argv.pop()


def main(config: ProcessConfig, stop: threading.Event, health: Health) -> None:
    loop_runner(LOOP, config, ObedientHandler(), stop, health)()


if __name__ == "__main__":
    sys.exit(run("contract", ProcessConfig, main))
