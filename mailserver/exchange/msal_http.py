"""The HTTP client that msal is given: bounded in time and size, to permitted addresses, trusting the profile's CA.

Its default, `requests`, trusts what the environment variable REQUESTS_CA_BUNDLE says, whatever it is told.
"""

import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any

from runtime.net.bounded_http import bounded_opener
from runtime.net.tls import trusting

MAX_ANSWER_BYTES = 256 * 1024


class AnswerError(OSError):
    """The directory cannot respond now: a status of 500 and more."""


@dataclass(frozen=True, slots=True)
class Answer:
    """As much of `requests.Response` as msal uses."""

    status_code: int
    text: str = field(repr=False)
    headers: Mapping[str, str]

    def raise_for_status(self) -> None:
        if self.status_code >= 400:
            raise AnswerError(f"HTTP status {self.status_code}")


class MsalHttp:
    """`last`: the newest response, because msal's errors omit parts of it. Raises `OSError`, `ValueError`."""

    def __init__(self, ca_file: str | None, seconds: float, *, of_platform: bool = False) -> None:
        self._ca_file = ca_file
        self._seconds = seconds
        self._of_platform = of_platform
        self.last: Answer | None = None

    def get(self, url: str, params: Any = None, headers: Any = None, **_: Any) -> Answer:
        return self._ask(url, params, headers, None)

    def post(self, url: str, params: Any = None, data: Any = None, headers: Any = None, **_: Any) -> Answer:
        body = data if isinstance(data, str) else urllib.parse.urlencode(data or {})
        return self._ask(url, params, headers, body.encode())

    def close(self) -> None:
        """There is nothing to close: each request has its own connection."""

    def _ask(self, url: str, params: Any, headers: Any, body: bytes | None) -> Answer:
        if params:
            url = f"{url}{'&' if '?' in url else '?'}{urllib.parse.urlencode(params)}"
        request = urllib.request.Request(url, body, {"Accept": "application/json", **(headers or {})})
        context = trusting(self._ca_file)
        try:
            with bounded_opener(context, self._seconds, of_platform=self._of_platform) as opener:
                try:
                    with opener.open(request) as response:
                        answer = _answer(response.status, response)
                except urllib.error.HTTPError as error:
                    with error:
                        answer = _answer(error.code, error)
        except HTTPException as error:
            raise OSError(f"its answer is no HTTP: {type(error).__name__}") from None
        self.last = answer
        return answer


def _answer(status: int, response: Any) -> Answer:
    body: bytes = response.read(MAX_ANSWER_BYTES)
    return Answer(
        status, body.decode("utf-8", "replace"), {name.title(): value for name, value in response.headers.items()}
    )
