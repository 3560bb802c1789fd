"""Accounts of the window: roles, sessions, one-time links, and who changed what of them."""

import sqlalchemy as sa
from alembic import op

from desk.tables import DOCUMENT, NUMBER, TIME

revision = "0005"
down_revision = "0004"


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _account(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=f"{table}_account_id_fkey")


def upgrade() -> None:
    _create_accounts_and_roles()
    _create_sessions()
    _create_sign_ins()
    _create_access_changes()


def _create_accounts_and_roles() -> None:
    op.create_table(
        "accounts",
        _text("id"),
        _text("name"),
        _text("key"),
        _text("address"),
        sa.Column("password", sa.Text()),
        sa.Column("must_change", sa.Boolean(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("oidc_issuer", sa.Text()),
        sa.Column("oidc_subject", sa.Text()),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("signed_in_at", TIME),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="accounts_pkey"),
    )
    op.create_index("accounts_key_idx", "accounts", ["key"], unique=True)
    op.create_index("accounts_oidc_idx", "accounts", ["oidc_issuer", "oidc_subject"], unique=True)
    op.create_table(
        "roles",
        _text("id"),
        _text("name"),
        _text("key"),
        sa.Column("rights", DOCUMENT, nullable=False),
        sa.Column("partitions", DOCUMENT),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="roles_pkey"),
    )
    op.create_index("roles_key_idx", "roles", ["key"], unique=True)
    op.create_table(
        "account_roles",
        _text("account_id"),
        _text("role_id"),
        sa.PrimaryKeyConstraint("account_id", "role_id", name="account_roles_pkey"),
        _account("account_roles"),
        sa.ForeignKeyConstraint(["role_id"], ["roles.id"], name="account_roles_role_id_fkey"),
    )
    op.create_index("account_roles_role_id_idx", "account_roles", ["role_id"])


def _create_sessions() -> None:
    op.create_table(
        "sessions",
        _text("id"),
        _text("token_digest"),
        _text("account_id"),
        _text("signed_in_by"),
        _text("client_address"),
        _text("client_program"),
        sa.Column("begun_at", TIME, nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("ended_at", TIME),
        sa.PrimaryKeyConstraint("id", name="sessions_pkey"),
        _account("sessions"),
    )
    op.create_index("sessions_token_digest_idx", "sessions", ["token_digest"], unique=True)
    op.create_index("sessions_account_id_idx", "sessions", ["account_id"])


def _create_sign_ins() -> None:
    op.create_table(
        "sign_in_links",
        _text("token_digest"),
        _text("account_id"),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("used_at", TIME),
        sa.PrimaryKeyConstraint("token_digest", name="sign_in_links_pkey"),
        _account("sign_in_links"),
    )
    op.create_index("sign_in_links_account_id_idx", "sign_in_links", ["account_id"])
    op.create_table(
        "sign_in_attempts",
        _text("key"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("key", name="sign_in_attempts_pkey"),
    )
    op.create_table(
        "kept_input",
        _text("key_digest"),
        _text("account_id"),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("key_digest", name="kept_input_pkey"),
        _account("kept_input"),
    )
    op.create_index("kept_input_account_id_idx", "kept_input", ["account_id"])


def _create_access_changes() -> None:
    op.create_table(
        "access_changes",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("at", TIME, nullable=False),
        _text("who"),
        _text("reason"),
        _text("action"),
        _text("subject"),
        sa.Column("before", DOCUMENT),
        sa.Column("after", DOCUMENT),
        sa.PrimaryKeyConstraint("id", name="access_changes_pkey"),
    )
