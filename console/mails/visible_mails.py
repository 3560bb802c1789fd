"""What of the mails somebody may see: those of the partitions of their roles that have Held Mail."""

from starlette.exceptions import HTTPException
from starlette.requests import Request

from console.access.identity import Identity
from console.mails.index.within import Within, are_within
from console.web.current import view_of
from desk.engine import read_transaction
from schemas.ids import MAIL_ID
from schemas.settings import IncomingServer
from schemas.snapshot import SettingsSnapshot


def visible_mails(request: Request) -> Within | None:
    """None: all of them. Raises `OutageError` where it is not known which servers are whose."""
    identity: Identity = request.state.identity
    if identity.mail_partitions is None:
        return None
    return Within(identity.mail_partitions, servers_of(view_of(request).settings, identity.mail_partitions))


def servers_of(settings: SettingsSnapshot, partitions: frozenset[str]) -> frozenset[str]:
    """Ids of the incoming servers whose calls are logged in one of the partitions."""
    found = ((server.id, settings.call_template(server.call_template)) for server in settings.all_of(IncomingServer))
    return frozenset(id_ for id_, template in found if template is not None and template.partition in partitions)


def visible_mail(request: Request) -> str:
    """The mail id of the address. Raises 404 where it is none, and just so where the mail is another partition's."""
    mail_id: str = request.path_params["mail_id"]
    if not MAIL_ID.fullmatch(mail_id):
        raise HTTPException(404)
    within = visible_mails(request)
    if within is not None:
        with read_transaction(request.app.state.services.engine) as connection:
            if not are_within(connection, [mail_id], within):
                raise HTTPException(404)
    return mail_id
