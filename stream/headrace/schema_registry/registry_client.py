"""Client of a registry: Confluent's API, and the ids of Apicurio's native API."""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import quote

from headrace.schema_registry.bounded_http import Answer, BoundedHttp
from headrace.schema_registry.registered_schema import AVRO, Reference, RegisteredSchema, hash_of
from headrace.schema_registry.registry_access import RegistryAccess
from headrace.schema_registry.registry_errors import NotInRegistryError, RegistryAnswerError, UnusableSchemaError
from headrace.schemas.id_space import IdSpace

# Confluent's codes for what does not exist. Any other 404 is a wrong base path, which must refuse no message.
_NOT_FOUND: Final = frozenset({40401, 40402, 40403})
_NATIVE_NOT_FOUND: Final = frozenset({"ArtifactNotFoundException", "ContentNotFoundException"})
_JSON: Final = frozenset({"application/json", "application/vnd.schemaregistry.v1+json"})
MOST_CONTENT_ID: Final = 2**31 - 1
MOST_GLOBAL_ID: Final = 2**63 - 1


class RegistryClient:
    """Asks a registry. Each method raises RegistryError when the registry cannot be asked now."""

    def __init__(self, access: RegistryAccess, http: BoundedHttp | None = None) -> None:
        self.url = access.url
        self._native_url = access.native_url
        self._http = http or BoundedHttp(access)

    def reach(self) -> None:
        """Check that the registry answers as one does."""
        try:
            answer = self._json(f"{self.url}/schemas/types")
        except NotInRegistryError:
            answer = None
        if not isinstance(answer, list):
            raise self._wrong()

    def hash_of_id(self, space: IdSpace, schema_id: int) -> str:
        """Return the hash of the parsed form of the schema with this id.

        Raises:
            NotInRegistryError: there is no such id.
            UnusableSchemaError: its schema is not Avro, or its references cannot be resolved.
        """
        if space is IdSpace.GLOBAL:
            return hash_of(self._schema_of_global_id(schema_id), self.schema_of)
        return hash_of(self.schema_of_id(schema_id), self.schema_of)

    def schema_of_id(self, content_id: int) -> RegisteredSchema:
        """Return the schema with this content id; raises NotInRegistryError."""
        if not 0 <= content_id <= MOST_CONTENT_ID:
            raise self._absent()  # the API reads 31 bits, and answers as for a wrong path beyond them
        return self._registered(self._json(f"{self.url}/schemas/ids/{content_id}"))

    def uses_of_id(self, content_id: int) -> list[Reference]:
        """Return the subjects and versions that have the schema with this content id; raises NotInRegistryError."""
        answer = self._json(f"{self.url}/schemas/ids/{content_id}/versions")
        return [self._reference(each) for each in self._list(answer)]

    def subjects(self) -> list[str]:
        """Return the names of all subjects."""
        try:
            answer = self._list(self._json(f"{self.url}/subjects"))
        except NotInRegistryError:
            raise self._wrong() from None
        if not all(isinstance(each, str) for each in answer):
            raise self._wrong()
        return answer

    def versions_of(self, subject: str) -> list[int]:
        """Return the versions of a subject, sorted; raises NotInRegistryError."""
        answer = self._list(self._json(f"{self.url}/subjects/{quote(subject, safe='')}/versions"))
        if not all(type(each) is int and each > 0 for each in answer):
            raise self._wrong()
        return sorted(answer)

    def schema_of(self, reference: Reference) -> RegisteredSchema:
        """Return a version of a subject; raises NotInRegistryError."""
        subject = quote(reference.subject, safe="")
        return self._registered(self._json(f"{self.url}/subjects/{subject}/versions/{reference.version}"))

    def _schema_of_global_id(self, global_id: int) -> RegisteredSchema:
        if self._native_url is None:
            raise RegistryAnswerError(
                f"{self.url}: its API knows no global ids; set schema_registry.native_url to the URL of "
                "Apicurio's /apis/registry/v2"
            )
        if not 0 <= global_id <= MOST_GLOBAL_ID:
            raise self._absent()
        answer = self._http.get(f"{self._native_url}/ids/globalIds/{global_id}?dereference=true")
        if answer.status == 404:
            self._raise_if_absent(answer, "name", _NATIVE_NOT_FOUND)
            raise self._wrong()
        if answer.media_type == "application/x-protobuf":
            raise UnusableSchemaError("a Protobuf schema; only Avro schemas are read")
        if answer.media_type not in _JSON:
            raise self._wrong()
        return RegisteredSchema(self._text(answer))

    def _json(self, url: str) -> Any:
        answer = self._http.get(url)
        if answer.status == 404:
            self._raise_if_absent(answer, "error_code", _NOT_FOUND)
        if answer.status == 404 or answer.media_type not in _JSON:
            raise self._wrong()
        return self._parsed(answer)

    def _raise_if_absent(self, answer: Answer, key: str, known: frozenset[Any]) -> None:
        error = self._parsed(answer) if answer.media_type in _JSON else None
        code = error.get(key) if isinstance(error, dict) else None
        if isinstance(code, int | str) and code in known:
            raise self._absent()

    def _parsed(self, answer: Answer) -> Any:
        try:
            return json.loads(self._text(answer))
        except (ValueError, RecursionError):
            pass
        raise self._wrong()  # here, without the parser's error as its context, which holds the text

    def _text(self, answer: Answer) -> str:
        try:
            return answer.body.decode()
        except UnicodeDecodeError:
            pass
        raise self._wrong()

    def _registered(self, answer: Any) -> RegisteredSchema:
        if not isinstance(answer, dict):
            raise self._wrong()
        text, kind, references = answer.get("schema"), answer.get("schemaType"), answer.get("references")
        if not isinstance(text, str) or not isinstance(kind, str | None):
            raise self._wrong()
        needed = tuple(self._reference(each) for each in self._list(references or []))
        return RegisteredSchema(text, kind or AVRO, needed)

    def _reference(self, answer: Any) -> Reference:
        subject, version = (answer.get(key) if isinstance(answer, dict) else None for key in ("subject", "version"))
        if not isinstance(subject, str) or not subject or type(version) is not int or version < 1:
            raise self._wrong()
        return Reference(subject, version)

    def _list(self, answer: Any) -> list[Any]:
        if not isinstance(answer, list):
            raise self._wrong()
        return answer

    def _absent(self) -> NotInRegistryError:
        return NotInRegistryError(
            f"{self.url}: has no such subject, version or id; look at its list, {self.url}/subjects"
        )

    def _wrong(self) -> RegistryAnswerError:
        return RegistryAnswerError(
            f"{self.url}: does not answer as a schema registry with Confluent's API; check schema_registry.url and "
            f"its path: {self.url}/subjects must be a list (Apicurio's path is /apis/ccompat/v7)"
        )
