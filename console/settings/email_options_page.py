"""Email options: the settings of the whole desk's mail, one form. The pages of other subjects are made like it."""

from collections.abc import Sequence
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from console.access.rights import Right
from console.errors import UserError
from console.settings import saving
from console.settings.apply import Change, Plan
from console.settings.conflicts import ConflictError
from console.settings.entries import read_entry, refusal
from console.settings.saving import Author
from console.web import form_errors, form_values, forms
from console.web.current import reason_of, version_of, view_of
from console.web.form_errors import PageError
from console.web.form_values import Values
from console.web.forms import Look
from console.web.model_fields import Choice
from console.web.page import Entry, Page
from console.web.render import page, redirect
from schemas.settings import EmailOptions, OutgoingServer

CATCH_UP_SECONDS = 5.0  # until the window shows what is saved; else it does a little later
KEY = "email-options/email-options"

# What belongs together, under its heading. The requirement has the format on the page Email Settings: `ELSEWHERE`.
ELSEWHERE = ("default_format", "message_format_per_person")
GROUPS = (
    ("Sending", ("default_outgoing_server", "give_up_after_hours", "bounces_until_marked")),
    ("Senders", ("blocked_senders", "plus_tags", "token_days")),
    (
        "Automatic answers",
        (
            "answers.per_sender_and_item",
            "answers.per_sender_and_hour",
            "answers.all_in_ten_minutes",
            "answers.unproved_in_hour",
        ),
    ),
    ("Changes", ("change_reason_required",)),
)
LOOKS = {
    "blocked_senders": Look(
        help="One a line. Their mail is rejected: ann@example.com, or @example.com for all of a domain without its "
        "subdomains."
    ),
    "change_reason_required": Look(help="Whoever changes a setting or a person has to say why."),
}
_NO_DEFAULT = Choice("", "None: partitions without one of their own tell nobody")
NAMES = tuple(name for _, names in GROUPS for name in names)


def show(request: Request) -> Response:
    settings = view_of(request).settings
    return _form(request, settings.versions.get(KEY), form_values.values_of(settings.email_options(), NAMES))


def save(request: Request) -> Response:
    services, form, settings = request.app.state.services, request.state.form, view_of(request).settings
    stored, version = settings.email_options(), version_of(request)
    values = form_values.typed_values(EmailOptions, NAMES, form, form_values.values_of(stored, NAMES))
    entry = form_values.entry_of(EmailOptions, form_values.values_of(stored, ELSEWHERE) | values, form, stored)
    options, faults = read_entry(entry, EmailOptions, None)
    if options is None:
        return _form(request, version, values, form_errors.errors_of(refusal(faults), NAMES))
    change = Change(KEY, "unchanged" if options == stored else "changed", stored, options)
    author = Author(request.state.identity.name, reason_of(request))
    try:
        saving.save(services, Plan((change,), settings.at), author, datetime.now(UTC), {KEY: version})
    except ConflictError as error:
        services.views.catch_up(CATCH_UP_SECONDS)
        now = view_of(request).settings.versions.get(KEY)  # a user who saves again has been told what there is
        return _form(request, now, values, form_errors.errors_of(error, NAMES))
    except UserError as error:
        return _form(request, version, values, form_errors.errors_of(error, (*NAMES, "change_reason")))
    services.views.catch_up(CATCH_UP_SECONDS)
    said = "Email options saved." if change.effect == "changed" else "Nothing was changed."
    return redirect(request, "email-options.show", said)


def _form(request: Request, version: int | None, values: Values, errors: Sequence[PageError] = ()) -> Response:
    servers = (Choice(one.id, one.name or one.id) for one in view_of(request).settings.all_of(OutgoingServer))
    looks = {**LOOKS, "default_outgoing_server": Look(choices=(_NO_DEFAULT, *servers))}
    return page(
        request,
        "settings/email_options.html",
        title="Email options",
        status=422 if errors else 200,
        errors=errors,
        groups_of_fields=[(title, forms.fields(EmailOptions, names, values, errors, looks)) for title, names in GROUPS],
        version=version,
        change_reason=reason_of(request),
        reason_errors=[error.text for error in errors if error.field == "change_reason"],
        reason_required=view_of(request).settings.email_options().change_reason_required,
    )


PAGES = (
    Page("email-options.show", "/settings/email-options", show, Right.SYSTEM_SET_UP),
    Page("email-options.save", "/settings/email-options", save, Right.SYSTEM_SET_UP, ("POST",)),
)
ENTRIES = (Entry("System", "Email options", "email-options.show"),)
