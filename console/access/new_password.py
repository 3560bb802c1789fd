"""A new password as a form sends it: typed twice, and good enough."""

from starlette.datastructures import FormData

from console.access.accounts import Account
from console.access.passwords import faults
from console.access.visitor import typed
from console.web.render import PageError

FIELD, AGAIN = "new", "again"
SECRET = ".secret"  # how the names of fields end that are never shown again


def new_password(form: FormData, account: Account) -> tuple[str, list[PageError]]:
    """The password, and what is wrong with it."""
    password = typed(form, FIELD + SECRET)
    errors = [PageError(FIELD, fault) for fault in faults(password, account.name, account.address)]
    if not errors and typed(form, AGAIN + SECRET) != password:
        errors.append(PageError(AGAIN, "It is not the same as the first time."))
    return password, errors
