"""Pages that import persons from CSV: the file, what it would change line by line, and the confirmation. In between the
file is kept in memory for a while, for the account that sent it.
"""

import hashlib
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from console.access.rights import Right
from console.errors import UserError
from console.persons.csv_file import ENCODINGS, MAX_BYTES, MAX_ROWS, SEPARATORS, read_csv
from console.persons.csv_format import COLUMNS
from console.persons.current import CurrentPersons
from console.persons.importing import Import, plan_import
from console.persons.person_form import reason_context, reason_errors, settings_now
from console.settings.apply import publish
from console.settings.settings_file import MAX_PROBLEMS
from console.web.current import reason_of
from console.web.foreign import short
from console.web.form_errors import PageError
from console.web.page import Page
from console.web.render import page, redirect

KEPT_SECONDS = 1800.0
MAX_KEPT_BYTES = 30_000_000  # of all files together: the oldest go first
MAX_SHOWN = 200  # changes that the dry run shows; the counts are of all
_FORM_BYTES = 100_000  # beside the file


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it was sent, and what its dry run showed (`shown`: a digest of it)."""

    account_id: str
    name: str
    data: bytes
    encoding: str | None
    separator: str | None
    shown: str
    at: float


class Uploads:
    """For many threads. A restart forgets all of them: the file is sent again then."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[str, Upload] = {}  # the oldest first

    def keep(
        self, account_id: str, name: str, data: bytes, encoding: str | None, separator: str | None, shown: str
    ) -> str:
        """The token to come back with. An account has one file: another takes its place."""
        token = secrets.token_urlsafe(24)
        upload = Upload(account_id, name, data, encoding, separator, shown, self._clock())
        with self._lock:
            self._forget(lambda kept: kept.account_id == account_id)
            self._kept[token] = upload
            while len(self._kept) > 1 and sum(len(kept.data) for kept in self._kept.values()) > MAX_KEPT_BYTES:
                del self._kept[next(iter(self._kept))]
        return token

    def find(self, account_id: str, token: str) -> Upload | None:
        """None where it is another account's, too old, or gone."""
        with self._lock:
            self._forget(lambda kept: self._clock() - kept.at > KEPT_SECONDS)
            upload = self._kept.get(token)
        return upload if upload and upload.account_id == account_id else None

    def forget(self, account_id: str) -> None:
        with self._lock:
            self._forget(lambda kept: kept.account_id == account_id)

    def _forget(self, which: Callable[[Upload], bool]) -> None:
        self._kept = {token: kept for token, kept in self._kept.items() if not which(kept)}


def digest(plan: Import) -> str:
    """Of everything that an import would publish: another digest means that somebody has changed persons since."""
    lines = (f"{change.key} {change.effect} {change.after!r}" for _, change in plan.effective)
    return hashlib.sha256("\n".join(lines).encode("utf-8", "replace")).hexdigest()


uploads = Uploads()


def import_form(request: Request) -> Response:
    return _form(request)


def dry_run(request: Request) -> Response:
    """Reads the file and shows what it would change; nothing is published."""
    form = request.state.form
    file = form.get("file")
    chosen = {name: str(form.get(name, "")) for name in ("encoding", "separator")}
    if not isinstance(file, UploadFile) or not file.filename:
        return _form(request, [PageError("file", "No file was chosen. Choose a CSV file.")], chosen)
    return _shown(request, file.filename[:200], file.file.read(), chosen)


def confirm(request: Request) -> Response:
    """Imports what the dry run showed, unless somebody has changed persons since: then it is shown again."""
    services, identity, form = request.app.state.services, request.state.identity, request.state.form
    kept = uploads.find(identity.account_id, str(form.get("upload", "")))
    if kept is None:
        return _form(request, [PageError("file", "The file is not kept any more. Choose it again.")])
    chosen = {"encoding": kept.encoding or "", "separator": kept.separator or ""}
    try:
        planned = _planned(request, kept.name, kept.data, chosen)
    except UserError:
        return _shown(request, kept.name, kept.data, chosen)
    if digest(planned) != kept.shown:
        changed = "Persons have been changed since this was shown. Look at what the file would do now, and import then."
        return _shown(request, kept.name, kept.data, chosen, [PageError("", changed)])
    errors = reason_errors(request)
    if errors:
        return _shown(request, kept.name, kept.data, chosen, errors)
    publish(planned.plan, services.publisher, identity.name, reason_of(request), datetime.now(UTC))
    uploads.forget(identity.account_id)
    counts = planned.counts
    said = f"Imported: {counts['new']} new, {counts['changed']} changed. The desk shows them as the logger stores them."
    return redirect(request, "persons.list", said)


def _planned(request: Request, name: str, data: bytes, chosen: dict[str, str]) -> Import:
    services = request.app.state.services
    file = read_csv(name, data, _one_of(ENCODINGS, chosen["encoding"]), _one_of(SEPARATORS, chosen["separator"]))
    current = CurrentPersons(services.config, services.engine)
    return plan_import(file, settings_now(services), current.find)


def _one_of(known: Any, value: str) -> str | None:
    return value if value in known else None


def _shown(
    request: Request, name: str, data: bytes, chosen: dict[str, str], errors: Sequence[PageError] = ()
) -> Response:
    try:
        planned = _planned(request, name, data, chosen)
    except UserError as refused:
        return _form(request, [PageError("file", _told(refused))], chosen, refused.problems)
    token = uploads.keep(
        request.state.identity.account_id,
        name,
        data,
        _one_of(ENCODINGS, chosen["encoding"]),
        _one_of(SEPARATORS, chosen["separator"]),
        digest(planned),
    )
    return page(
        request,
        "persons/import_dry_run.html",
        title=f"Import {short(name)}",
        status=409 if errors else 200,
        errors=errors,
        planned=planned,
        shown=planned.effective[:MAX_SHOWN],
        more=max(0, len(planned.effective) - MAX_SHOWN),
        separator=next(label for label, mark in SEPARATORS.items() if mark == planned.file.separator),
        upload=token,
        **reason_context(request, errors),
    )


def _told(refused: UserError) -> str:
    count = len(refused.problems)
    if count == 1 and refused.problems[0].line is None:
        return f"Nothing can be imported. {refused.problems[0]}"
    if count == 1:
        return "Nothing can be imported: there is a fault, which is listed here by its line."
    many = f"{count} or more" if count >= MAX_PROBLEMS else str(count)
    return f"Nothing can be imported: there are {many} faults, which are listed here by their lines."


def _form(
    request: Request,
    errors: Sequence[PageError] = (),
    chosen: dict[str, str] | None = None,
    problems: Sequence[Any] = (),
) -> Response:
    return page(
        request,
        "persons/import.html",
        title="Import persons",
        status=422 if errors else 200,
        errors=errors,
        problems=problems if any(one.line is not None for one in problems) else (),
        chosen=chosen or {"encoding": "", "separator": ""},
        encodings=ENCODINGS,
        separators=SEPARATORS,
        columns=COLUMNS,
        max_rows=MAX_ROWS,
        max_megabytes=MAX_BYTES // 1_000_000,
    )


PAGES = (
    Page("persons.import", "/persons/import", import_form, Right.PERSONS),
    Page("persons.import-dry-run", "/persons/import", dry_run, Right.PERSONS, ("POST",), MAX_BYTES + _FORM_BYTES),
    Page("persons.import-confirmed", "/persons/import/confirm", confirm, Right.PERSONS, ("POST",)),
)
