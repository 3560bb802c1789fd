"""The kinds of setting that the window lists, adds, opens, updates and deletes alike: one row of a table for each.

Mail servers have pages of their own (`console/servers/`), and so have the e-mail options, of which there is one record.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.settings import CallTemplate, MapiProfile, MessageTemplate, Partition
from schemas.settings.notification_rules import Group, NotificationRule

AnySetting = Partition | CallTemplate | MessageTemplate | NotificationRule | Group | MapiProfile


@dataclass(frozen=True, slots=True)
class FieldGroup:
    """Fields under one heading, in this order. `css`: the class by which a form shows it only where it is of use."""

    title: str
    fields: tuple[str, ...]
    help: str = ""
    css: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of setting is called and shown.

    `name` stands before the slash in a setting's key; `path` in addresses. `groups` hold what a form's plain fields
    can, `parts` the fields that have editors of their own (`console/settings/parts.py`). `columns` of the list are
    fields, too. `form`, `details`, `listing`: the templates of the pages.
    """

    name: str
    path: str
    model: type[AnySetting]
    one: str
    many: str
    purpose: str
    groups: tuple[FieldGroup, ...]
    columns: tuple[str, ...]
    parts: tuple[str, ...] = ()
    form: str = "settings/form.html"
    details: str = "settings/details.html"
    listing: str = "settings/list.html"
    once_deleted: str = ""

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(name for group in self.groups for name in group.fields)


KINDS: tuple[Kind, ...] = (
    Kind(
        name="partition",
        path="partitions",
        model=Partition,
        one="Partition",
        many="Partitions",
        purpose="A department's part of the desk, with its own impacts, urgencies, priorities and servers.",
        groups=(
            FieldGroup("Partition", ("id", "name", "outgoing_server")),
            FieldGroup(
                "Call Impact, Urgency and Priority",
                ("impacts", "urgencies", "priorities"),
                "One value a line, in the order in which they are to be offered.",
            ),
        ),
        columns=("id", "name", "outgoing_server", "impacts", "urgencies"),
        parts=("priority_matrix", "after_closing"),
        form="settings/partition_form.html",
        details="settings/partition_details.html",
        once_deleted="Mail to its calls, tasks and requests becomes a dead letter.",
    ),
    Kind(
        name="call-template",
        path="call-templates",
        model=CallTemplate,
        one="Call Template",
        many="Call Templates",
        purpose="What a call gets that is logged from a mail. Each incoming server names one.",
        groups=(
            FieldGroup("Call Template", ("id", "partition", "impact", "urgency")),
            FieldGroup(
                "Call properties",
                ("screen_set", "ipk_status", "ipk_stream", "assigned_office", "assigned_group", "call_type", "fields"),
                "What is in use already is offered while you type; anything else can be typed as well.",
            ),
            FieldGroup("From mail to call", ("subject_to", "body_to")),
        ),
        columns=("id", "partition", "impact", "urgency", "assigned_group"),
        form="settings/call_template_form.html",
        details="settings/call_template_details.html",
    ),
    Kind(
        name="message-template",
        path="message-templates",
        model=MessageTemplate,
        one="Message Template",
        many="Message Templates",
        purpose="What a notification says. Where there is none for an event, the built-in text is sent.",
        groups=(
            FieldGroup("Message Template", ("id", "event", "recipient", "partition")),
            FieldGroup("What it says", ("subject", "text", "html")),
        ),
        columns=("id", "event", "recipient", "partition", "subject"),
        form="templates/form.html",
        details="templates/details.html",
        once_deleted="The next template that fits is sent instead, or the built-in text.",
    ),
    Kind(
        name="notification-rule",
        path="notification-rules",
        model=NotificationRule,
        one="Notification Rule",
        many="Notification Rules",
        purpose="Who is told of an event. Where there is no rule, the desk's own habit holds.",
        groups=(FieldGroup("Notification Rule", ("id", "event", "partition", "tell")),),
        columns=("id", "event", "partition", "tell"),
        form="settings/rule_form.html",
        listing="settings/rules_list.html",
        once_deleted="The rule for all partitions holds again, or the desk's own habit.",
    ),
    Kind(
        name="group",
        path="groups",
        model=Group,
        one="Group",
        many="Groups",
        purpose="A team that calls are assigned to, and where it is told of them.",
        groups=(FieldGroup("Group", ("id", "name", "partition", "address", "members")),),
        columns=("id", "name", "partition", "address", "members"),
        details="settings/group_details.html",
    ),
    Kind(
        name="mapi-profile",
        path="mapi-profiles",
        model=MapiProfile,
        one="MAPI Profile",
        many="MAPI Profiles",
        purpose="How Exchange is reached and logged in to. It has to be there before a MAPI server can be added; where "
        "Exchange lets a mailbox in by IMAP, POP3 or SMTP, those are simpler to set up. Whether its log-in works is "
        "told by its Test.",
        groups=(
            FieldGroup("MAPI Profile", ("id", "name", "transport")),
            FieldGroup(
                "Exchange Server",
                ("url", "authentication", "impersonation"),
                "Only with Exchange Web Services.",
                "of-ews",
            ),
            FieldGroup(
                "Account",
                ("username", "password"),
                "With Exchange Web Services: for Basic, NTLM, and Kerberos unless the processes have a ticket.",
                "of-account",
            ),
            FieldGroup(
                "Directory",
                ("cloud", "tenant", "client_id"),
                "Microsoft Entra, which gives a token to the application: with Microsoft Graph, and with OAuth2.",
                "of-directory",
            ),
            FieldGroup(
                "Proof of the application",
                ("client_secret", "secret_ends", "certificate", "token_file", "managed_identity"),
                "One of secret, certificate, token file and managed identity.",
                "of-directory",
            ),
            FieldGroup("Further", ("ca_file", "timeout_seconds")),
            FieldGroup(
                "Other addresses",
                ("login_url", "graph_url"),
                "Only where Microsoft's own are not the ones.",
                "of-directory",
            ),
        ),
        columns=("id", "name", "transport", "tenant", "url", "secret_ends"),
        form="settings/mapi_profile_form.html",
        details="settings/mapi_profile_details.html",
        once_deleted="Nothing is sent or received by it any more.",
    ),
)
BY_NAME: Mapping[str, Kind] = {kind.name: kind for kind in KINDS}
