"""outbound as `outbound.__main__` wires it, but for shorter waits: `python -m tests.outbound.with_short_waits`.

So a test sees in seconds what becomes of deferred mail.
"""

import sys
from datetime import timedelta

from outbound import retry_policy, server_availability
from outbound.__main__ import main
from outbound.config import OutboundConfig
from runtime.lifecycle import run

if __name__ == "__main__":
    retry_policy.FIRST_SECONDS = 0.5
    retry_policy.LONGEST_SECONDS = 2.0
    server_availability.FIRST_HOLD = timedelta(seconds=0.5)
    server_availability.LONGEST_HOLD = timedelta(seconds=2)
    sys.exit(run("outbound", OutboundConfig, main, argv=[]))
