"""One event of a cloud mailer, read from JSON: its kind, whom it is about, what the server said.

Mailers share no schema, but the names of what they tell: an event, a recipient, a reply, a Message-ID.
"""

import re
from collections import deque
from collections.abc import Iterator
from typing import Any

from resolver.parsing.encoded_words import clean_line
from resolver.parsing.message_ids import first_id
from resolver.screening.returned import ADDRESS
from schemas.addresses import MAX_ADDRESS
from schemas.mail import Undelivered
from schemas.undelivered import MAX_REPLY, status_in, trouble_of

_MAX_NODES = 5_000
MAX_RECIPIENTS = 250
_MAX_VALUE = 1_000
_LETTERS = re.compile(r"[^a-z]")
_ADDRESS = re.compile(ADDRESS)

# Names of keys, less what is no letter, in small letters; in the order in which they count.
_EVENT = ("notificationtype", "eventtype", "recordtype", "event", "type")
_RECIPIENT = frozenset("emailaddress email recipient rcptto recipients destination rcpt".split())
_RECIPIENTS = _RECIPIENT | {"to"}
_STATUS = ("status", "enhancedcode", "enhancedstatuscode", "dsn", "dsnstatus")
_REPLY = tuple(
    "diagnosticcode rawreason details diag smtpresponse response reason error message description bouncedescription "
    "errorcode code".split()
)
_MESSAGE_ID = frozenset("messageid smtpid internetmessageid originalmessageid".split())
BOUNCE = frozenset(
    "bounce bounced hardbounce hardbounced softbounce softbounced dropped failed failure reject rejected "
    "blocked invalid invalidemail undeliverable undelivered outofband policyrejection renderingfailure "
    "generationfailure".split()
)
LATE = frozenset("deferred deferral delay delayed deliverydelay deliverydelayed temporaryfailure temporaryfail".split())
COMPLAINT = frozenset("complaint complained spam spamreport spamcomplaint spamcomplaints abuse".split())
GOOD = frozenset("delivery delivered send sent processed accepted injection open opened click clicked request".split())
KINDS = (BOUNCE, LATE, COMPLAINT, GOOD)  # the worst first
# What other programs tell of orders, parcels and jobs, too, needs the name of something that only mailers have.
_SURE = frozenset(
    "bounce bounced hardbounce hardbounced softbounce softbounced spamreport spamcomplaint spamcomplaints outofband "
    "undeliverable undelivered".split()
)
_OF_MAILERS = _MESSAGE_ID | frozenset(
    "notificationtype recordtype diagnosticcode bouncetype deliverystatus messageheaders rcptto smtpresponse "
    "sgmessageid sgeventid emailid rawreason commonheaders headerstruncated".split()
)


def _walk(node: Any) -> Iterator[dict[str, Any]]:
    """Every object, the outermost first, each with its names in small letters."""
    waiting = deque([node])
    for _ in range(_MAX_NODES):
        if not waiting:
            return
        node = waiting.popleft()
        if isinstance(node, dict):
            yield {_LETTERS.sub("", name.lower()): _clean(value) for name, value in node.items()}
            waiting.extend(value for value in node.values() if isinstance(value, dict | list))
        elif isinstance(node, list):
            waiting.extend(value for value in node if isinstance(value, dict | list))


def _clean(value: Any) -> Any:
    """An escape can name what is no character."""
    return clean_line(value) if isinstance(value, str) else value


class MailerEvent:
    """One event: its kind (one of the sets above), the name under which it stands, and whom it is about."""

    def __init__(self, told: Any) -> None:
        self._objects = list(_walk(told))
        self.named, self.event, self.kind = self._read_event()
        self.ids = tuple(dict.fromkeys(self._read_ids()))

    def _read_event(self) -> tuple[str, str, frozenset[str]]:
        for name in _EVENT:
            for told in self._objects:
                value = told.get(name)
                last = value.lower().rpartition(".")[2] if isinstance(value, str) else ""  # `email.delivered`
                bare = _LETTERS.sub("", last)
                for kind in KINDS:
                    if bare in kind and (bare in _SURE or self._is_of_a_mailer()):
                        late = kind is BOUNCE and any(one.get("severity") == "temporary" for one in self._objects)
                        return name, str(value), LATE if late else kind
        return "", "", GOOD

    @property
    def is_of_a_mail(self) -> bool:
        """Whether it tells of a known event, and of which mail or to whom."""
        return bool(self.event) and (bool(self.ids) or next(self._recipients(), None) is not None)

    def _is_of_a_mailer(self) -> bool:
        return any(not _OF_MAILERS.isdisjoint(told) for told in self._objects)

    def _read_ids(self) -> Iterator[str]:
        for told in self._objects:
            values = [value for name, value in told.items() if name in _MESSAGE_ID]
            if str(told.get("name", "")).lower() == "message-id":  # {"name": "Message-ID", "value": "<...>"}
                values.append(told.get("value"))
            for pair in told.get("messageheaders") or ():  # [["Message-Id", "<...>"], ...]
                if isinstance(pair, list) and len(pair) == 2 and str(pair[0]).lower() == "message-id":
                    values.append(pair[1])
            for value in map(_clean, values):
                if isinstance(value, str) and "@" in value and (message_id := first_id(value, set())):
                    yield message_id

    def undelivered(self) -> Iterator[Undelivered]:
        """Of each recipient; what is said of none of them alone is said of all."""
        whole = next(filter(None, map(_reply, self._objects)), "")
        code = next(filter(None, map(_status, self._objects)), "")
        for recipient, told in list(self._recipients()) or [("", {})]:
            reply = _reply(told) or whole
            status = _status(told) or status_in(reply) or code
            yield Undelivered(
                recipient=recipient[:MAX_ADDRESS],
                final=self.kind is not LATE,
                trouble=trouble_of(reply, status),
                status=status,
            )

    def _recipients(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Each with the object that names him; a list of all to whom the mail went only where nobody is named alone."""
        for is_single in (True, False):
            found = {
                address.lower(): (address, told)
                for told in reversed(self._objects)
                for name, value in told.items()
                if name in (_RECIPIENT if is_single else _RECIPIENTS) and (isinstance(value, str) or not is_single)
                for address in _addresses(value)
            }
            if found:
                yield from reversed(found.values())
                return


def _addresses(value: Any) -> Iterator[str]:
    for one in value[:MAX_RECIPIENTS] if isinstance(value, list) else [value]:
        address = _ADDRESS.search(one[:_MAX_VALUE]) if isinstance(one, str) else None
        if address:
            yield clean_line(address[0])


def _status(told: dict[str, Any]) -> str:
    values = (told.get(name) for name in _STATUS)
    return next((status for value in values if isinstance(value, str) and (status := status_in(value[:MAX_REPLY]))), "")


def _reply(told: dict[str, Any]) -> str:
    """What the server said: the first text that holds a code, else the first text at all."""
    values = [str(told[name])[:MAX_REPLY] for name in _REPLY if isinstance(told.get(name), str | int) and told[name]]
    return next((value for value in values if status_in(value)), values[0] if values else "")
