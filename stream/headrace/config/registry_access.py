"""Access to the registry of the settings, with credentials read from their files."""

from __future__ import annotations

from collections.abc import Callable

from headrace.config.key_files import read_secret_file
from headrace.config.profiles import SettingsError
from headrace.config.registry_settings import RegistrySettings
from headrace.schema_registry.asked_ids import ids_asked_of
from headrace.schema_registry.registry_access import ReadAuthorization, RegistryAccess, basic, no_authorization
from headrace.schema_registry.registry_client import RegistryClient
from headrace.schema_registry.registry_errors import RegistryRefusedError
from headrace.schema_registry.registry_url import checked_url, native_url_of, origin_of
from headrace.schemas.registry import Registry
from headrace.steps.decode.schema_versions import AskFor, ask_nobody


def access_of(settings: RegistrySettings) -> RegistryAccess | None:
    """Return the access that *settings* describe; None if they name no registry.

    Raises:
        SettingsError: a file with a secret cannot be used.
    """
    if settings.url is None:
        return None
    authorization = _authorization(settings)
    authorization()  # so that a problem of the file is reported at the start
    certificate, key = settings.client_certificate_file, settings.client_key_file
    return RegistryAccess(
        settings.url,
        native_url=settings.native_url or native_url_of(settings.url),
        authorization=_while_running(authorization, settings.url),
        ca_file=settings.ca_file,
        client_certificate=(certificate, key) if certificate and key else None,
    )


def access_to(url: str | None, settings: RegistrySettings, option: str = "--from") -> RegistryAccess:
    """Return the access to the registry at *url*, which an *option* names, or to that of *settings* without one.

    Credentials and certificates go only to the host of ``schema_registry.url``, or to *url* if none is set.

    Raises:
        SettingsError: no registry is named, *url* is invalid, or a file with a secret cannot be used.
    """
    if url is None:
        access = access_of(settings)
        if access is None:
            raise SettingsError(
                f"schema_registry.url: missing; name the registry with {option}, or set it in headrace.toml"
            )
        return access
    try:
        named = checked_url(url)
    except ValueError as error:
        raise SettingsError(f"{option}: {error}") from None
    if settings.url is not None and origin_of(settings.url) != origin_of(named):
        return RegistryAccess(named, native_url_of(named))
    native = settings.native_url if settings.url == named else None
    access = access_of(settings.model_copy(update={"url": named, "native_url": native}))
    assert access is not None  # noqa: S101 it has a URL
    return access


def ask_for_ids(settings: RegistrySettings, contracts: Registry) -> AskFor:
    """Return what a command asks for schema ids: the registry of *settings*, or nobody without one.

    Raises:
        SettingsError: a file with a secret cannot be used.
    """
    access = access_of(settings)
    return ask_nobody if access is None else ids_asked_of(RegistryClient(access), contracts)


def _authorization(settings: RegistrySettings) -> ReadAuthorization:
    if settings.token_file is not None:
        token_file = settings.token_file
        return lambda: f"Bearer {_token(read_secret_file(token_file, 'schema_registry.token_file'))}"
    if settings.username is not None and settings.password_file is not None:
        username, password_file = settings.username, settings.password_file
        return lambda: basic(username, read_secret_file(password_file, "schema_registry.password_file"))
    return no_authorization


def _token(text: str) -> str:
    if not text.isascii() or not text.isprintable() or " " in text:
        raise SettingsError("schema_registry.token_file: not a token; write the token alone, without Bearer and blanks")
    return text


def _while_running(read: Callable[[], str | None], url: str) -> ReadAuthorization:
    """Return *read* for a running job: a file that cannot be read counts as refused credentials."""

    def authorization() -> str | None:
        try:
            return read()
        except SettingsError as error:
            why = str(error)
        raise RegistryRefusedError(f"{url}: {why}")

    return authorization
