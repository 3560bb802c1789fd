"""Requests to one mailbox by EWS over one kept connection, and their failures as readable messages.

Imported only where EWS is used.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlsplit
from xml.sax.saxutils import quoteattr

from exchangelib.errors import EWSError, MalformedResponseError, UnauthorizedError

from mailserver.connection import trusted_context
from mailserver.errors import MailServerError
from mailserver.exchange import ews_errors
from mailserver.exchange.account import ExchangeAccount
from mailserver.exchange.ews_http import EwsSession, HttpStatusError, pieces
from mailserver.exchange.ews_interface import ItemError
from mailserver.exchange.ews_link import BrokenLinkError, Link
from mailserver.exchange.ews_login import log_in
from mailserver.exchange.ews_operations import OPERATIONS, Seat, escaped, payload_of
from mailserver.exchange.soap import NotSoapError, Reader, mime_of
from runtime.security.redaction import printable
from schemas.reasons import Reason

SLOWEST_BYTES_A_SECOND = 50_000  # of a message that is fetched, beyond the time that one response may take
_MOST_BYTES = 2_000_000_000  # of a message that time is given for, whatever the server says of its size


class EwsRequests:
    """One mailbox. Used by one thread; only `interrupt` may be called from another.

    Every method but `interrupt` and `close` raises `MailServerError`, and `ItemError` if one item is refused.
    """

    def __init__(self, server_id: str, account: ExchangeAccount) -> None:
        profile = account.profile
        self._account = account
        self.label = f"{server_id} ({account.mailbox} by profile {profile.id})"
        self._link = Link(trusted_context(profile.ca_file, f"profile {profile.id}"), profile.timeout_seconds)
        self._session = EwsSession(self._link, log_in(account))
        self._seat: Seat | None = None
        self._mailbox = f"<t:Mailbox><t:EmailAddress>{escaped(account.mailbox)}</t:EmailAddress></t:Mailbox>"

    def connect(self) -> str:
        """Find the service, if the profile does not name it. Where it is, for people."""
        profile = self._account.profile
        url = profile.url or self._discovered()
        self._seat = Seat(
            url,
            lambda: self._session,
            profile.timeout_seconds,
            self._account.mailbox,
            impersonates=profile.impersonation,
        )
        with self._translated():
            return f"connected to {urlsplit(url).netloc}, {self._session.reached(url)}"

    def log_in(self) -> str:
        """Ask for anything: whatever the response is, the account is let in."""
        shape = "<m:FolderShape><t:BaseShape>IdOnly</t:BaseShape></m:FolderShape>"
        self._ask("GetFolder", f"{shape}<m:FolderIds>{self._place('inbox')}</m:FolderIds>")
        profile = self._account.profile
        return f"logged in {f'as {profile.username} ' if profile.username else ''}by {profile.authentication}"

    def interrupt(self) -> None:
        self._link.interrupt()

    def close(self) -> None:
        self._session.close()
        self._link.close()

    @contextmanager
    def mime(self, item_id: str, size: int) -> Iterator[Iterator[bytes]]:
        """The message's bytes as they come. `size`: as listed. Raises `ItemError` once they have been read."""
        operation = self._operation("GetItem")
        payload = payload_of(
            "GetItem",
            "<m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:IncludeMimeContent>true</t:IncludeMimeContent>"
            f"</m:ItemShape><m:ItemIds><t:ItemId Id={quoteattr(item_id)}/></m:ItemIds>",
        )
        seconds = self._link.seconds + 2 * min(size, _MOST_BYTES) / SLOWEST_BYTES_A_SECOND
        url = operation.protocol.service_endpoint
        with self._translated():
            envelope, headers = operation.envelope(payload), operation.headers()
            for again in (True, False):
                try:
                    with self._session.asked(url, envelope, headers, seconds) as response:
                        yield self._whole(mime_of(pieces(response), reader := Reader()), reader)
                    return
                except HttpStatusError as error:
                    if not (again and error.status == 401 and self._may_ask_again()):
                        raise

    def _whole(self, mime: Iterator[bytes], reader: Reader) -> Iterator[bytes]:
        yield from mime
        if reader.code != "NoError":
            if reader.code in ews_errors.MEANINGS:
                raise ews_errors.refused(self.label, reader.code, reader.text, reader.back_off_seconds)
            raise ItemError(reader.code or "no answer", reader.text)
        if not reader.has_mime:
            raise ItemError("no MimeContent", "the server gave the item without its bytes")

    def _place(self, name: str) -> str:
        """A well-known folder of the mailbox, in a request."""
        return f"<t:DistinguishedFolderId Id={quoteattr(name)}>{self._mailbox}</t:DistinguishedFolderId>"

    def _ask(self, name: str, payload: str, attributes: str = "", expected: int = 1) -> list[Any]:
        return self._ask_with(name, payload_of(name, payload, attributes), expected)

    def _ask_with(self, name: str, payload: Any, expected: int) -> list[Any]:
        """An element or an `ItemError` for each thing asked about."""
        operation = self._operation(name)
        with self._translated():
            try:
                responses: list[Any] = operation.responses(payload)
            except HttpStatusError as error:
                if error.status != 401 or not self._may_ask_again():
                    raise
                responses = operation.responses(payload)
        if len(responses) != expected:
            raise ews_errors.damaged(self.label, f"{name} with {len(responses)} answers to {expected} questions")
        for response in responses:
            if isinstance(response, ItemError) and ews_errors.is_busy(response.code):
                raise ews_errors.refused(self.label, response.code, response.text, response.after)
        return responses

    def _apply(self, operation: str, payload: str, attributes: str, ids: Sequence[str]) -> None:
        """Items that are no longer there are skipped."""
        for response in self._ask(operation, payload, attributes, len(ids)):
            if isinstance(response, ItemError) and not response.is_gone:
                raise ews_errors.refused(self.label, response.code, response.text)

    def _operation(self, name: str) -> Any:
        if self._seat is None:
            self.connect()
        return OPERATIONS[name](account=self._seat)

    def _may_ask_again(self) -> bool:
        return self._account.profile.authentication == "oauth2" and self._account.token_refused()

    def _about_the_mailbox(self, response: Any) -> Any:
        if isinstance(response, ItemError):
            raise ews_errors.refused(self.label, response.code, response.text)
        return response

    def _about_the_item(self, response: Any) -> Any:
        """A code that is about the mailbox is so here, too, except for its quota."""
        if isinstance(response, ItemError):
            if response.code in ews_errors.MEANINGS and response.code not in ews_errors.OF_SENDING:
                raise ews_errors.refused(self.label, response.code, response.text)
            raise response
        return response

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except BrokenLinkError as error:
            raise ews_errors.broken(self.label, error.cause, self._link.seconds) from error
        except HttpStatusError as error:
            raise ews_errors.status_refused(self.label, error.status, error.after) from error
        except NotSoapError as error:
            raise ews_errors.damaged(self.label, str(error)) from error
        except UnauthorizedError as error:
            raise ews_errors.status_refused(self.label, 401, 0.0) from error
        except MalformedResponseError as error:
            raise ews_errors.damaged(self.label, str(error)) from error
        except EWSError as error:  # named as the service names its codes
            after = float(getattr(error, "back_off", None) or 0.0)
            raise ews_errors.refused(self.label, type(error).__name__, str(error), after) from error
        except (LookupError, ValueError, AttributeError, TypeError) as error:  # exchangelib at an odd response
            raise ews_errors.damaged(self.label, f"{type(error).__name__} while it was decoded") from error

    def _discovered(self) -> str:
        """By Autodiscover version 2, which needs no login: no password goes to a guessed place."""
        domain = self._account.mailbox.rpartition("@")[2]
        path = f"autodiscover/autodiscover.json?Email={quote(self._account.mailbox)}&Protocol=EWS"
        said = ""
        for host in (f"autodiscover.{domain}", domain):
            try:
                found = json.loads(self._session.fetched(f"https://{host}/{path}"))
                url = found["Url"] if isinstance(found, dict) else ""
                if isinstance(url, str) and urlsplit(url).scheme == "https":
                    return url
                said = "no address of EWS in its response"
            except (BrokenLinkError, HttpStatusError) as error:
                said = str(error)
            except (ValueError, KeyError, RecursionError):
                said = "no response of Autodiscover"
        text = f"EWS of {self.label} is not found by Autodiscover ({printable(said)}). Set url of the profile"
        raise MailServerError(Reason.SERVER_UNREACHABLE, text, temporary=True)
