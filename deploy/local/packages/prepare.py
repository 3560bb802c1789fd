"""Fetches what the tests' servers need before the first test runs, so that no test's time is spent on downloads.

What cannot be had is no error here: the tests that need it say "not run, and why", or fail in CI.
"""

import os
from collections.abc import Callable

from deploy.local import NotAvailableError
from deploy.local.checkers.asyncapi_parser import fetch_parser
from deploy.local.checkers.grafana import fetch_schema
from deploy.local.checkers.keda import KEDA
from deploy.local.checkers.prometheus_operator import OPERATOR
from deploy.local.packages.helm import find_helm
from deploy.local.packages.jars import fetch
from deploy.local.packages.kcat import find_kcat
from deploy.local.packages.python_packages import fetch_graph_client, fetch_signer
from deploy.local.servers.broker import SERVERS_VARIABLE
from deploy.local.servers.davmail import find_davmail
from deploy.local.servers.dovecot import find_dovecot
from deploy.local.servers.kerberos import find_kerberos
from deploy.local.servers.mail_clients import find_browser, find_text_reader
from deploy.local.servers.oidc_provider import fetch_provider
from deploy.local.servers.postfix import find_postfix
from deploy.local.servers.prometheus import find_promtool


def main() -> None:
    needs: list[Callable[[], object]] = [lambda: fetch("greenmail"), find_dovecot, find_kerberos, find_kcat]
    needs += [find_text_reader, find_browser, find_postfix, fetch_parser, fetch_provider, fetch_signer, find_helm]
    needs.append(fetch_graph_client)
    needs += [find_promtool, fetch_schema, lambda: fetch("strimzi"), lambda: fetch("kafka-tools"), KEDA.fetch]
    needs += [find_davmail, lambda: fetch("ews-java-api"), lambda: fetch("ecj")]
    needs.append(OPERATOR.fetch)
    if not os.environ.get(SERVERS_VARIABLE):
        needs.append(lambda: fetch("kafka"))
    for need in needs:
        try:
            need()
        except NotAvailableError:
            pass  # told where it is needed


if __name__ == "__main__":
    main()
