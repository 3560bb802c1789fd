"""What a test needs beside Python, as markers. They follow from its fixtures; what those do not tell, its file says.

`make test-fast` runs what has none of them. Whoever starts a server without its marker is told so.
"""

from collections.abc import Generator, Mapping
from unittest.mock import patch

import pytest

from deploy.local.servers.server import Server

# Marker -> what needs it: fixtures, and the `name` of servers that a test may start by itself.
NEEDS: Mapping[str, frozenset[str]] = {
    "broker": frozenset({"broker", "strimzi_schemas", "ews_java"}),
    "database": frozenset({"database"}),
    "mail_host": frozenset({"mail_host", "mail-host"}),
    "debian": frozenset(
        {
            "dovecot",
            "plain_dovecot",
            "faulty_dovecots",
            "postfix",
            "exim",
            "davmail",
            "kerberos",
            "promtool",
            "prometheus",
        }
    ),
    "browser": frozenset({"chromium"}),
    "pypi": frozenset({"msk_signer", "graph_client", "helm", "image"}),
    "npm": frozenset({"asyncapi_parser", "oidc_provider", "oidc-provider", "grafana_schema"}),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        for marker, needing in NEEDS.items():
            if fixtures & needing:
                item.add_marker(marker)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    start = Server.start

    def start_if_said(server: Server) -> None:
        marker = next(marker for marker, needing in NEEDS.items() if server.name in needing)
        if not item.get_closest_marker(marker):
            pytest.fail(f"starts a {server.name} and does not say so: add pytest.mark.{marker}")
        start(server)

    with patch.object(Server, "start", start_if_said):
        return (yield)
