"""What an administrator configures: the values of topic `settings`, one model per kind.

The words are the requirement's: Email Settings window, Incoming and Outgoing Email Servers, Call Template, Priority
Matrix.
"""

from typing import Annotated

from pydantic import Field

from schemas.settings.connections import ADDRESS_PATTERN, Authentication, MailServer, OAuth, Secret, Security
from schemas.settings.desk import (
    UNPARTITIONED,
    AfterClosing,
    CallTemplate,
    ClosedAction,
    EmailOptions,
    Format,
    MessageTemplate,
    Partition,
)
from schemas.settings.mail_servers import IncomingServer, ItemRole, OutgoingServer, RateLimits
from schemas.settings.mapi_profile import Cloud, MapiProfile
from schemas.settings.notification_rules import Group, NotificationRule

__all__ = [
    "ADDRESS_PATTERN",
    "UNPARTITIONED",
    "AfterClosing",
    "Authentication",
    "CallTemplate",
    "ClosedAction",
    "Cloud",
    "EmailOptions",
    "Format",
    "Group",
    "IncomingServer",
    "ItemRole",
    "MailServer",
    "MapiProfile",
    "MessageTemplate",
    "NotificationRule",
    "OAuth",
    "OutgoingServer",
    "Partition",
    "RateLimits",
    "Secret",
    "Security",
    "Setting",
]

Setting = Annotated[
    IncomingServer
    | OutgoingServer
    | MapiProfile
    | CallTemplate
    | Partition
    | MessageTemplate
    | NotificationRule
    | Group
    | EmailOptions,
    Field(discriminator="kind"),
]
