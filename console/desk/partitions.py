"""What of the desk somebody may see: the items of the partitions of their roles."""

from starlette.exceptions import HTTPException
from starlette.requests import Request

from desk.engine import read_transaction
from desk.items import Item, show_item


def visible_partitions(request: Request) -> frozenset[str] | None:
    """None: all of them."""
    partitions: frozenset[str] | None = request.state.identity.partitions
    return partitions


def visible_item(request: Request) -> Item:
    """The item of the address. Raises 404 where there is none, and just so where it is another partition's."""
    partitions = visible_partitions(request)
    with read_transaction(request.app.state.services.engine) as connection:
        item = show_item(connection, request.path_params["reference"])
    if item is None or (partitions is not None and item.partition not in partitions):
        raise HTTPException(404)
    return item
