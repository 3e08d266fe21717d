"""The settings of ``[schema_registry]``: where the schema registry of the team is, and how to call it."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from headrace.schema_registry.registry_url import checked_url


class RegistrySettings(BaseModel):
    """The settings of a registry with Confluent's API. They name files with secrets and never contain one."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: str | None = Field(
        None, description="base URL of Confluent's API, such as https://registry.example/apis/ccompat/v7"
    )
    native_url: str | None = Field(
        None, description="base URL of Apicurio's own API, for global ids; default: /apis/registry/v2 on the same host"
    )
    username: str | None = Field(None, description="user, for basic authentication", min_length=1)
    password_file: Path | None = Field(None, description="file with the password of username")
    token_file: Path | None = Field(None, description="file with a bearer token, in place of a user")
    ca_file: Path | None = Field(None, description="file with the certificates of authorities, in place of the usual")
    client_certificate_file: Path | None = Field(None, description="file with this client's certificate, in PEM")
    client_key_file: Path | None = Field(None, description="file with the key of client_certificate_file, in PEM")

    @field_validator("url", "native_url")
    @classmethod
    def _a_base_url(cls, value: str | None) -> str | None:
        return None if value is None else checked_url(value)

    @field_validator("username")
    @classmethod
    def _a_user(cls, value: str | None) -> str | None:
        if value is not None and (":" in value or not value.isprintable()):
            raise ValueError("contains a colon or a control character, which basic authentication cannot send")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        pairs = (("username", "password_file"), ("client_certificate_file", "client_key_file"))
        for one, other in pairs:
            if (getattr(self, one) is None) != (getattr(self, other) is None):
                raise ValueError(f"{one}: needs {other} too, and the other way round; set both or none")
        if self.token_file is not None and self.username is not None:
            raise ValueError("token_file: conflicts with username; set one of them")
        return self
