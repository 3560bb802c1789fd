"""Which refusals pass by themselves, and which are for a person: what servers say at log-in and at SELECT."""

import pytest

from ingest.connectors.refusals import is_temporary, is_throttled, temporary_refusal
from schemas.reasons import Reason
from tests.ingest.conftest import MakeServer

PASSING = [
    "[UNAVAILABLE] Temporary authentication failure.",
    "[UNAVAILABLE] User's back-end is away",
    "[INUSE] Mailbox is in use",
    "[SERVERBUG] Internal error, report it",
    "[LIMIT] too many sessions for this account",
    "[TEMPFAIL] server error, code 17",
    "[AUTHENTICATIONFAILED] Temporary System Problem",
    "Server Unavailable. 15",
    "Internal error occurred. Refer to server log for more information.",
    "User is authenticated but not connected.",
    "Request is throttled. Suggested Backoff Time: 1000 milliseconds",
    "Too many simultaneous connections",
    "Service not available, retry later",
    "Login timed out",
    "system maintenance",
    "-ERR [IN-USE] another session has the maildrop",
    "-ERR [SYS/TEMP] cannot reach the user store",
    "-ERR [LOGIN-DELAY] minimum time between logins",
    "-ERR mailbox is busy, already connected by another session",
    "-ERR Unable to lock maildrop",
    "-ERR Server Unavailable. 21",
    "-ERR account temporarily locked",
    "-ERR try again later",
    "-ERR please try again",
]
FOR_A_PERSON = [
    "[AUTHENTICATIONFAILED] Invalid credentials",
    "[AUTHENTICATIONFAILED] Authentication failed.",
    "[AUTHENTICATIONFAILED] Authentication failed, please try again",
    "[AUTHORIZATIONFAILED] not for you, the system is busy with others",
    "[NONEXISTENT] Unknown Mailbox: INBOX",
    "[NOPERM] no right to read it",
    "[EXPIRED] the password has run out",
    "[PRIVACYREQUIRED] use TLS",
    "LOGIN failed.",
    "Login failed, please try again",
    "Mailbox does not exist",
    "Invalid user name or password. Please try again.",
    "Account is locked, ask your administrator",
    "Login fail: password is incorrect, or system is busy",
    "",
    "-ERR [AUTH] Invalid login or password",
    "-ERR [SYS/PERM] the account is closed",
    "-ERR incorrect password or account name",
    "-ERR unknown user",
]


@pytest.mark.parametrize("said", PASSING)
def test_trouble_that_passes(said: str) -> None:
    assert is_temporary(said)


@pytest.mark.parametrize("said", FOR_A_PERSON)
def test_what_a_person_has_to_correct(said: str) -> None:
    assert not is_temporary(said)


@pytest.mark.parametrize(
    ("said", "rest"),
    [
        ("[LIMIT] Too many requests", True),
        ("[THROTTLED] wait", True),
        ("-ERR [LOGIN-DELAY] minimum time between logins", True),
        ("Account exceeded command or bandwidth limits", True),
        ("[UNAVAILABLE] UID FETCH failed, try again later", False),
        ("Some messages could not be FETCHed", False),
        ("[SERVERBUG] corrupt message", False),
    ],
)
def test_only_a_refusal_that_is_about_the_account_says_nothing_of_the_mail(said: str, rest: bool) -> None:
    assert is_throttled(said) is rest


def test_a_server_is_left_alone_for_as_long_as_it_asks(incoming_server: MakeServer) -> None:
    server = incoming_server()
    error = temporary_refusal(server, "Request is throttled. Suggested Backoff Time: 299961 milliseconds")
    assert (error.reason, error.temporary, error.after) == (Reason.SERVER_DEFERRED, True, 299.961)
    assert "asks to be left alone" in error.text
    other = temporary_refusal(server, "Server Unavailable. 15")
    assert (other.reason, other.temporary, other.after) == (Reason.SERVER_DEFERRED, True, 0.0)
    assert "left alone" not in other.text
