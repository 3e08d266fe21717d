"""Errors of a schema registry. No text contains a credential, a payload or an answer."""

from __future__ import annotations

from headrace.errors import Exit, HeadraceError
from headrace.runtime.retry_policy import RetryableError


class RegistryError(RetryableError, error_code="HR-530", exit_code=Exit.UNREACHABLE):
    """The registry cannot be asked now. Whoever needs its answer waits; no message is refused for it."""


class RegistryAwayError(RegistryError, error_code="HR-531", exit_code=Exit.UNREACHABLE):
    """The registry did not answer in time, refused the connection, or answered with an error of its own."""


class RegistryRefusedError(RegistryError, error_code="HR-532", exit_code=Exit.PERMISSION):
    """The registry refused the credentials, or asks for some."""


class RegistryAnswerError(RegistryError, error_code="HR-533", exit_code=Exit.CONFIGURATION):
    """The answer is not one of a registry with Confluent's API, such as the page of a proxy, or a redirect."""


class NotInRegistryError(HeadraceError, LookupError, error_code="HR-534", exit_code=Exit.CONFIGURATION):
    """The registry answered that it has no such subject, version or id."""


class UnusableSchemaError(HeadraceError, ValueError, error_code="HR-535", exit_code=Exit.CONFIGURATION):
    """The registry has the schema, but it is not Avro, or its references cannot be resolved."""


class PinBrokenError(HeadraceError, error_code="HR-536", exit_code=Exit.CONFIGURATION):
    """A pinned schema id now names another schema. The subject takes no messages until its ids are pinned anew."""


class PinFileError(HeadraceError, ValueError, error_code="HR-537", exit_code=Exit.CONFIGURATION):
    """The file with the pins cannot be read or written."""


class ImportConflictError(HeadraceError, ValueError, error_code="HR-538", exit_code=Exit.CONFIGURATION):
    """Files of an import would replace others that differ, or one another. Nothing was written."""
