"""Configuration of a pull: a TOML file with its source and its fields, checked as a whole before any request.

The file refers to secrets and never contains them. Their values are in no repr.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping as Dict
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from headrace.backfill.backfill_errors import MappingError
from headrace.backfill.connectors.connector_tables import (
    PAGE_ROWS,
    ApiConnectorTable,
    ApiCursorTable,
    ApiTable,
    Auth,
    CursorTable,
    Paging,
    SqlConnectorTable,
    SqlTable,
)
from headrace.backfill.connectors.cursor import Cursor
from headrace.backfill.connectors.secret_reference import ReferenceTable, resolve
from headrace.backfill.mapping import Mapping, mapping_of
from headrace.config.file_model import Key
from headrace.config.toml_file import TomlFile
from headrace.schemas.registry import Contract, Registry

_WHERE: Final = frozenset({"host", "port", "service", "dbname", "unix_socket"})  # keys of an address's query


@dataclass(frozen=True, slots=True)
class Sql:
    """A table or view of a database; one fetch returns *page_rows* rows."""

    url: str = field(repr=False)
    table: str
    schema: str = ""
    page_rows: int = PAGE_ROWS


@dataclass(frozen=True, slots=True)
class Api:
    """An endpoint that returns pages of JSON. *records* is the JSONPath of the rows in a page."""

    url: str = field(repr=False)
    path: str
    records: str
    paging: Dict[str, Any]
    parameters: Dict[str, Any] = field(default_factory=dict, repr=False)
    headers: Dict[str, str] = field(default_factory=dict, repr=False)
    auth: Dict[str, str] = field(default_factory=dict, repr=False)
    attempts: int = 8


@dataclass(frozen=True, slots=True)
class Pull:
    """Content of one file. *name* is the file's name; the journal keeps the cursor under *key*."""

    name: str
    contract: Contract
    mapping: Mapping
    source: Sql | Api
    cursor: Cursor | None
    key: str

    @property
    def place(self) -> str:
        """The file and the host that it names, for messages; never a user or a password."""
        return f"{self.name}: {urlsplit(self.source.url).hostname or 'the database'}"


def read_pull(path: Path, registry: Registry) -> Pull:
    """Read the file at *path*, for a subject of *registry*.

    Raises:
        MappingError: the file cannot be read, has an unknown key, or refers to something that does not exist.
    """
    file = TomlFile.read(path, MappingError)
    if ("sql" in file.values) == ("api" in file.values):
        raise file.error((), "a database or an API, and one of them", "write [sql] or [api]")
    table: SqlConnectorTable | ApiConnectorTable
    table = file.check(SqlConnectorTable) if "sql" in file.values else file.check(ApiConnectorTable)
    contract = _contract(file, table.subject, registry)
    mapping = mapping_of(file, table, contract)
    source = _sql(file, table.sql) if isinstance(table, SqlConnectorTable) else _api(file, table.api)
    cursor = _cursor(table.cursor) if table.cursor is not None else None
    return Pull(path.name, contract, mapping, source, cursor, _key(table.subject, source, cursor))


def _contract(file: TomlFile, subject: str, registry: Registry) -> Contract:
    if subject not in registry.subjects:
        known = ", ".join(registry.subjects)
        raise file.error(("subject",), "no contract has this subject", f"known are {known}")
    return registry.latest(subject)


def _sql(file: TomlFile, table: SqlTable) -> Sql:
    url = resolve(file, ("sql", "url"), table.url)
    if not _place(url)[0]:
        raise file.error(
            ("sql", "url"),
            "it does not refer to an address",
            "write postgresql+psycopg://user:password@host/name",
        )
    return Sql(url=url, table=table.table, schema=table.schema_name, page_rows=table.page_rows)


def _api(file: TomlFile, table: ApiTable) -> Api:
    return Api(
        url=_address(file, ("api", "url"), table.url),
        path=table.path,
        records=table.records,
        paging=_paging(table.paging),
        parameters=table.parameters,
        headers=table.headers,
        auth={} if table.auth is None else _auth(file, table.auth),
        attempts=table.attempts,
    )


def _address(file: TomlFile, key: Key, given: str | ReferenceTable) -> str:
    url = given if isinstance(given, str) else resolve(file, key, given)
    if _place(url)[0] not in ("http", "https") or not urlsplit(url).hostname:
        raise file.error(key, "not the address of an API", 'write one such as "https://api.example.com/v1"')
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None or (isinstance(given, str) and parts.query):
        raise file.error(key, "more than an address", "write what is secret under [api.auth], as a reference")
    return url


def _paging(paging: Paging) -> dict[str, Any]:
    """Return the configuration of dlt's paginator; a *total_path* is always in it."""
    unset = {"total_path": None} if "total_path" in type(paging).model_fields else {}
    return unset | paging.model_dump(exclude_unset=True)


def _auth(file: TomlFile, auth: Auth) -> dict[str, str]:
    given = {name: getattr(auth, name) for name in sorted(auth.model_fields_set)}
    return {
        name: resolve(file, ("api", "auth", name), value) if isinstance(value, ReferenceTable) else value
        for name, value in given.items()
    }


def _cursor(table: CursorTable) -> Cursor:
    if not isinstance(table, ApiCursorTable):
        return Cursor(column=table.column, start=table.start, lag=table.lag, ordered=True)
    start = table.start
    if isinstance(start, datetime | date):
        start = start.isoformat().replace("+00:00", "Z")
    return Cursor(column=table.column, start=start, lag=table.lag, ordered=table.ordered, parameter=table.parameter)


def _key(subject: str, source: Sql | Api, cursor: Cursor | None) -> str:
    """Return the key of a pull, from its source and cursor.

    The key does not depend on the mapping: with another mapping, rows that are settled stay settled.
    """
    where: list[Any] = [subject, *_place(source.url)]
    if isinstance(source, Sql):
        where += [source.schema, source.table]
    else:
        where += [source.path, source.records, sorted(source.parameters.items())]
    where += [cursor and cursor.column, cursor and cursor.ordered, cursor and cursor.parameter]
    return hashlib.blake2b(json.dumps(where, default=str).encode(), digest_size=10).hexdigest()


def _place(url: str) -> list[Any]:
    """Return the target of an address, without user and password; ``[""]`` if the text is not an address."""
    try:
        parts = urlsplit(url)
        query = [pair for pair in parse_qsl(parts.query) if pair[0] in _WHERE]
        return [parts.scheme.partition("+")[0], parts.hostname, parts.port, parts.path, query]
    except ValueError:  # the error's text may contain the password
        return [""]
