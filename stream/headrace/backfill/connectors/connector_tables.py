"""Keys of a connector's TOML file, as pydantic models; ``docs/sources.md`` describes them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

from headrace.backfill.connectors.secret_reference import Reference
from headrace.backfill.mapping import MappingTable
from headrace.config.file_model import FileModel, wrong
from headrace.schemas.annotations import parse_duration
from headrace.schemas.errors import ContractError

PAGE_ROWS: Final = 5_000
Name = Annotated[str, Field(min_length=1, description='"..."')]


class SqlTable(FileModel):
    """A table or view of a database; one fetch returns *page_rows* rows."""

    url: Reference = Field(description='{ env = "NAME" }')
    table: Name
    schema_name: str = Field("", alias="schema", description='"..."')
    page_rows: int = Field(PAGE_ROWS, ge=1, le=100_000, description=str(PAGE_ROWS))


class SinglePage(FileModel):
    """An API whose only page holds all rows."""

    type: Literal["single_page"] = Field(description='"single_page", or another kind of paging')


class _ByTotal(FileModel):
    """Without *total_path*, the end is an empty page. None has to be stated: by default dlt looks for "total"."""

    total_path: str | None = None
    has_more_path: Name = ""


class PageNumber(_ByTotal):
    """Pages with numbers."""

    type: Literal["page_number"]
    base_page: int = 0
    page_param: Name = ""


class Offset(_ByTotal):
    """Pages that begin at a number of rows."""

    type: Literal["offset"]
    limit: int = Field(ge=1, le=1_000_000, description="100")
    offset_param: Name = ""
    limit_param: Name = ""


class BodyCursor(FileModel):
    """Pages that contain the next page's mark. With a wrong path, dlt takes the first page for all rows."""

    type: Literal["cursor"]
    cursor_path: Name
    cursor_param: Name = ""


class HeaderCursor(FileModel):
    """Pages whose header contains the next page's mark."""

    type: Literal["header_cursor"]
    cursor_key: Name
    cursor_param: Name = ""


class JsonLink(FileModel):
    """Pages that contain the next page's address."""

    type: Literal["json_link"]
    next_url_path: Name


class HeaderLink(FileModel):
    """Pages whose ``Link`` header has the next page's address."""

    type: Literal["header_link"]
    links_next_key: Name = ""


Paging = Annotated[
    SinglePage | PageNumber | Offset | BodyCursor | HeaderCursor | JsonLink | HeaderLink, Field(discriminator="type")
]


class Bearer(FileModel):
    """A token in the header ``Authorization``."""

    type: Literal["bearer"] = Field(description='"bearer", or another kind of authentication')
    token: Reference


class ApiKey(FileModel):
    """A key in a header or a parameter of the query."""

    type: Literal["api_key"]
    api_key: Reference
    name: Name = ""
    location: Literal["header", "query"] = Field("header", description='"header", or "query"')


class HttpBasic(FileModel):
    """A user and a password."""

    type: Literal["http_basic"]
    username: Reference
    password: Reference


class ClientCredentials(FileModel):
    """A token that the API's authorization server gives for a client's id and secret."""

    type: Literal["oauth2_client_credentials"]
    access_token_url: Name
    client_id: Reference
    client_secret: Reference


Auth = Annotated[Bearer | ApiKey | HttpBasic | ClientCredentials, Field(discriminator="type")]


def _plain(given: Any) -> Any:
    if not isinstance(given, str | int | float):
        raise wrong("not a plain value", "write text, a number, true or false")
    return given


def _text(given: Any) -> Any:
    if not isinstance(given, str):
        raise wrong("not text", 'write "..."')
    return given


def _kind_of_address(given: Any) -> str:
    return "address" if isinstance(given, str) else "reference"


Address = Annotated[
    Annotated[str, Tag("address")] | Annotated[Reference, Tag("reference")], Discriminator(_kind_of_address)
]


class ApiTable(FileModel):
    """An endpoint that returns pages of JSON. *records* is the JSONPath of the rows in a page."""

    url: Address = Field(description='"https://api.example.com/v1"')
    path: str = Field("", description='"..."')
    records: Name
    paging: Paging = Field(description='{ type = "single_page" }')
    parameters: dict[str, Annotated[Any, BeforeValidator(_plain)]] = Field({}, description='{ name = "..." }')
    headers: dict[str, Annotated[str, BeforeValidator(_text)]] = Field({}, description='{ name = "..." }')
    auth: Auth | None = Field(None, description='{ type = "bearer", token = { env = "NAME" } }')
    attempts: int = Field(8, ge=1, le=100, description="8")


def _a_start(given: Any) -> Any:
    if isinstance(given, bool) or not isinstance(given, str | int | datetime | date):
        raise wrong("a value without an order", "write a time or a number")
    return given


def _a_lag(given: Any) -> timedelta | int:
    if isinstance(given, int) and not isinstance(given, bool) and given > 0:
        return given
    try:
        return parse_duration(given, "lag")
    except ContractError:
        raise wrong("not a duration", 'write lag = "10m", or a number for a column of numbers') from None


class CursorTable(FileModel):
    """The cursor of a database's table."""

    column: Name
    start: Annotated[Any, AfterValidator(_a_start)] = Field(None, alias="from", repr=False)
    lag: Annotated[Any, AfterValidator(_a_lag)] = None


class ApiCursorTable(CursorTable):
    """The cursor of an API."""

    ordered: bool = Field(False, description="true")
    parameter: str = Field("", description='"..."')


class _ConnectorTable(MappingTable):
    subject: Name


class SqlConnectorTable(_ConnectorTable):
    """A file with a database."""

    sql: SqlTable
    cursor: CursorTable | None = None


class ApiConnectorTable(_ConnectorTable):
    """A file with an API."""

    api: ApiTable
    cursor: ApiCursorTable | None = None
