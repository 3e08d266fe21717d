"""Configuration of a pull: a TOML file with its source and its fields, checked as a whole before any request.

The file refers to secrets and never contains them. Their values are in no repr.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping as Dict
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from headrace.backfill.backfill_errors import MappingError
from headrace.backfill.connectors.cursor import Cursor
from headrace.backfill.connectors.toml_table import Table
from headrace.backfill.mapping import Mapping, MappingTable, mapping_of
from headrace.config.toml_file import TomlFile
from headrace.schemas.annotations import parse_duration
from headrace.schemas.errors import ContractError
from headrace.schemas.registry import Contract, Registry

PAGE_ROWS: Final = 5_000
_WHERE: Final = frozenset({"host", "port", "service", "dbname", "unix_socket"})  # keys of an address's query
_PAGING: Final[Dict[str, frozenset[str]]] = {
    "single_page": frozenset(),
    "page_number": frozenset({"base_page", "page_param", "total_path", "has_more_path"}),
    "offset": frozenset({"limit", "offset_param", "limit_param", "total_path", "has_more_path"}),
    "cursor": frozenset({"cursor_path", "cursor_param"}),
    "header_cursor": frozenset({"cursor_key", "cursor_param"}),
    "json_link": frozenset({"next_url_path"}),
    "header_link": frozenset({"links_next_key"}),
}
_NEXT: Final = {"cursor": "cursor_path", "header_cursor": "cursor_key", "json_link": "next_url_path"}
_AUTH: Final[Dict[str, tuple[frozenset[str], frozenset[str]]]] = {  # names of texts, and names of references
    "bearer": (frozenset(), frozenset({"token"})),
    "api_key": (frozenset({"name", "location"}), frozenset({"api_key"})),
    "http_basic": (frozenset(), frozenset({"username", "password"})),
    "oauth2_client_credentials": (frozenset({"access_token_url"}), frozenset({"client_id", "client_secret"})),
}


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
    table = Table.of(file)
    table.only("subject", "source", "identity", "fields", "sql", "api", "cursor")
    subject = table.text("subject")
    if subject not in registry.subjects:
        raise table.wrong("subject", "no contract has this subject", f"known are {', '.join(registry.subjects)}")
    contract = registry.latest(subject)
    shared = {key: value for key, value in table.values().items() if key in MappingTable.model_fields}
    mapping = mapping_of(file, replace(file, values=shared).check(MappingTable), contract)
    if ("sql" in table) == ("api" in table):
        raise table.wrong("", "a database or an API, and one of them", "write [sql] or [api]")
    source = _sql(table.table("sql")) if "sql" in table else _api(table.table("api"))
    cursor = _cursor(table.table("cursor"), source) if "cursor" in table else None
    return Pull(path.name, contract, mapping, source, cursor, _key(subject, source, cursor))


def _sql(table: Table) -> Sql:
    table.only("url", "table", "schema", "page_rows")
    url = table.reference("url")
    if not _place(url)[0]:
        raise table.wrong(
            "url", "it does not refer to an address", "write postgresql+psycopg://user:password@host/name"
        )
    return Sql(
        url=url,
        table=table.text("table"),
        schema=table.text("schema", ""),
        page_rows=table.whole("page_rows", PAGE_ROWS, 1, 100_000),
    )


def _api(table: Table) -> Api:
    table.only("url", "path", "records", "paging", "parameters", "headers", "auth", "attempts")
    is_text = isinstance(table.values().get("url"), str)
    url = table.text("url") if is_text else table.reference("url")
    if _place(url)[0] not in ("http", "https") or not urlsplit(url).hostname:
        raise table.wrong("url", "not the address of an API", 'write one such as "https://api.example.com/v1"')
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None or (is_text and parts.query):
        raise table.wrong("url", "more than an address", "write what is secret under [api.auth], as a reference")
    return Api(
        url=url,
        path=table.text("path", ""),
        records=table.text("records"),
        paging=_paging(table.table("paging")),
        parameters=_plain(table.table("parameters"), (str, int, float, bool)),
        headers=_plain(table.table("headers"), (str,)),
        auth=_auth(table.table("auth")) if "auth" in table else {},
        attempts=table.whole("attempts", 8, 1, 100),
    )


def _paging(table: Table) -> dict[str, Any]:
    kind = table.text("type")
    if kind not in _PAGING:
        raise table.wrong("type", "an unknown type of paging", f"known are {', '.join(sorted(_PAGING))}")
    table.only("type", *_PAGING[kind])
    given = _plain(table, (str, int))
    if kind in _NEXT:  # if dlt guesses the paginator wrongly, it takes the first page for all rows
        table.text(_NEXT[kind])
    if kind == "offset":
        table.whole("limit", 0, 1, 1_000_000)
    if kind in ("offset", "page_number"):  # without it the end is an empty page; by default dlt looks for "total"
        given.setdefault("total_path", None)
    return given


def _auth(table: Table) -> dict[str, str]:
    kind = table.text("type")
    if kind not in _AUTH:
        raise table.wrong("type", "an unknown type of authentication", f"known are {', '.join(sorted(_AUTH))}")
    texts, references = _AUTH[kind]
    table.only("type", *texts, *references)
    given = {name: table.text(name) for name in sorted(texts) if name in table}
    if kind == "oauth2_client_credentials":
        given["access_token_url"] = table.text("access_token_url")
    return {"type": kind} | given | {name: table.reference(name) for name in sorted(references)}


def _plain(table: Table, kinds: tuple[type, ...]) -> dict[str, Any]:
    for name, value in table.values().items():
        if not isinstance(value, kinds):
            raise table.wrong(name, "not a plain value", f"write {' or '.join(each.__name__ for each in kinds)}")
    return table.values()


def _cursor(table: Table, source: Sql | Api) -> Cursor:
    of_api = ("parameter", "ordered") if isinstance(source, Api) else ()
    table.only("column", "from", "lag", *of_api)
    start = table.values().get("from")
    if isinstance(start, bool | float | list | dict | time):
        raise table.wrong("from", "a value without an order", "write a time or a number")
    if isinstance(source, Api) and isinstance(start, datetime | date):
        start = start.isoformat().replace("+00:00", "Z")
    return Cursor(
        column=table.text("column"),
        start=start,
        lag=_lag(table),
        ordered=isinstance(source, Sql) or table.flag("ordered"),
        parameter=table.text("parameter", ""),
    )


def _lag(table: Table) -> Any:
    value = table.values().get("lag")
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
        return value
    try:
        return parse_duration(table.text("lag"), "lag")
    except ContractError:
        raise table.wrong("lag", "not a duration", 'write lag = "10m", or a number for a column of numbers') from None


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
