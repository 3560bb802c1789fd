"""Configuration of signing in to the window: how long sessions last, and an OpenID provider where there is one."""

from datetime import timedelta
from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator

from console.access.oidc import Provider
from console.access.oidc_http import is_endpoint
from console.access.sessions import SessionTimes
from console.config import ConsoleConfig
from runtime.security.sealing import reveal
from schemas.settings import Secret


class AccessConfig(ConsoleConfig):
    """The part of the window's configuration that is about accounts."""

    session_idle_minutes: int = Field(60, ge=1, le=1440, description="a session that is not used for so long ends")
    session_hours: int = Field(12, ge=1, le=168, description="every session ends so long after it began")
    oidc_issuer: str | None = Field(
        None, description="issuer of an OpenID provider, as its metadata has it; none: only passwords and links"
    )
    oidc_client_id: str = Field("", description="this window's id at the provider")
    oidc_client_secret_file: Path | None = Field(None, description="file with its secret at the provider; none: public")
    oidc_ca_file: str | None = Field(
        None, description="PEM file of the authority that signed the provider's certificate"
    )
    oidc_label: str = Field("your organisation", max_length=60, description="the provider's name on the sign-in page")
    oidc_default_role: str | None = Field(
        None, description="role that whoever is new gets; none: accounts have to be linked by their owners"
    )

    @field_validator("oidc_issuer")
    @classmethod
    def _is_issuer(cls, issuer: str | None) -> str | None:
        if issuer is not None and not is_endpoint(issuer):
            raise ValueError("an issuer is an https URL such as https://id.example.org")
        return issuer

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.oidc_issuer and not self.oidc_client_id:
            raise ValueError("oidc_issuer needs oidc_client_id, the window's id at that provider")
        return self

    def session_times(self) -> SessionTimes:
        return SessionTimes(timedelta(minutes=self.session_idle_minutes), timedelta(hours=self.session_hours))

    def provider(self) -> Provider | None:
        """None where nobody signs in that way. Raises `SecretError`."""
        if self.oidc_issuer is None:
            return None
        file = self.oidc_client_secret_file
        secret = None if file is None else reveal(Secret(file=str(file)), self)
        return Provider(self.oidc_issuer, self.oidc_client_id, secret, self.oidc_label, self.oidc_ca_file)
