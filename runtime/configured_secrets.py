"""Secrets that a process is configured with and libraries read by themselves: in URLs and in the environment."""

import os
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

from runtime.known_secrets import remember

_VARIABLES = (  # of PostgreSQL's client, and of the blob stores that `obstore` reaches
    "PGPASSWORD",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AZURE_STORAGE_ACCOUNT_KEY",
    "AZURE_STORAGE_CLIENT_SECRET",
    "AZURE_STORAGE_SAS_KEY",
    "AZURE_STORAGE_TOKEN",
)
_PROXIES = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
_PARAMETERS = frozenset({"password", "sslpassword"})  # of PostgreSQL's URLs


def remember_configured(urls: Iterable[str], environment: Mapping[str, str] = os.environ) -> None:
    """No text of this process shows them from now on. Whatever is no URL is passed over."""
    for url in (*urls, *(environment.get(name, "") for name in _PROXIES)):
        for secret in _in_url(url):
            remember(secret)
    for name in _VARIABLES:
        remember(environment.get(name, ""))


def _in_url(url: str) -> list[str]:
    try:
        parts = urlsplit(url)
        written = parts.password or ""
        query = parse_qsl(parts.query, max_num_fields=100)
    except ValueError:
        return []
    return [written, unquote(written), *(value for name, value in query if name in _PARAMETERS)]
