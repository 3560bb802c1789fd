"""Fetches what the tests' servers need before the first test runs, so that no test's time is spent on downloads.

What cannot be had is no error here: the tests that need it say "not run, and why", or fail in CI.
"""

import os
from collections.abc import Callable

from deploy.local import NotAvailableError, StartError
from deploy.local.checkers.custom_resources import KEDA, OPERATOR
from deploy.local.checkers.npm_checkers import fetch_parser, fetch_schema
from deploy.local.packages.class_cache import make_class_cache
from deploy.local.packages.debian import find_browser, find_kcat, find_text_reader
from deploy.local.packages.helm import find_helm
from deploy.local.packages.jars import fetch
from deploy.local.packages.python_packages import fetch_graph_client, fetch_production, fetch_signer
from deploy.local.servers.broker import SERVERS_VARIABLE, KafkaProcess
from deploy.local.servers.davmail import find_davmail
from deploy.local.servers.dovecot import find_dovecot
from deploy.local.servers.kerberos import find_kerberos
from deploy.local.servers.mail_host import MailHost
from deploy.local.servers.oidc_provider import fetch_provider
from deploy.local.servers.postfix import find_postfix
from deploy.local.servers.prometheus import find_promtool


def main() -> None:
    needs: list[Callable[[], object]] = [find_dovecot, find_kerberos, find_kcat]
    needs += [find_text_reader, find_browser, find_postfix, fetch_parser, fetch_provider, fetch_signer, find_helm]
    needs += [fetch_graph_client, fetch_production]
    needs += [find_promtool, fetch_schema, lambda: fetch("strimzi"), lambda: fetch("kafka-tools"), KEDA.fetch]
    needs.append(lambda: make_class_cache("greenmail", MailHost))
    needs += [find_davmail, lambda: fetch("ews-java-api"), lambda: fetch("ecj")]
    needs.append(OPERATOR.fetch)
    if not os.environ.get(SERVERS_VARIABLE):
        needs.append(lambda: make_class_cache("kafka", KafkaProcess))
    for need in needs:
        try:
            need()
        except (NotAvailableError, StartError):
            pass  # reported where it is needed


if __name__ == "__main__":
    main()
