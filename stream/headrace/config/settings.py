"""The settings: flags override ``HEADRACE_*``, which override ``headrace.toml``, which overrides defaults."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any, Final, Literal, assert_never

from pydantic import AfterValidator, Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import SettingsError as UnreadableVariableError

from headrace.config.dataflow import DataflowSettings
from headrace.config.file_source import FileSource
from headrace.config.large_event_folders import check_folder
from headrace.config.profiles import FILE, Document, SettingsError
from headrace.config.registry_settings import RegistrySettings
from headrace.config.setting_origins import PREFIX, Source, Sources
from headrace.config.subscription_settings import (
    SubscriptionSettings,
    check_topic,
    find_wrong_route,
    refuse_repeated,
    routes_of,
)
from headrace.config.wrong_expressions import wrong_expressions
from headrace.core.resource_names import ARCHIVE, FIRST_KEY_VERSION, Names
from headrace.runtime.google_clients import BIGQUERY, BIGQUERY_STORAGE, PUBSUB
from headrace.runtime.ports import HIGHEST_PORT
from headrace.schemas.annotations import parse_duration
from headrace.schemas.errors import ContractError
from headrace.schemas.message_rules.lint import lint_ids
from headrace.schemas.registry import Registry

__all__ = ["Settings", "SettingsError", "load_settings", "refuse_emulators"]

MISSING_CONTRACTS: Final = (
    "contracts: missing; name the folder of your .avsc files with --contracts, as HEADRACE_CONTRACTS, or "
    f"in {FILE} (`headrace demo` brings its own)"
)
SET_IT: Final = f"set it by flag, as HEADRACE_<NAME>, or in {FILE}"
PROJECT: Final = r"^[a-z][a-z0-9-]{2,61}[a-z0-9]$"  # the id of a Google Cloud project
_VERSION: Final = re.compile("[a-z0-9]{1,8}")
_TABLES: Final = {  # settings that are tables or lists: a variable has them as JSON
    "dataflow": '{"region": "europe-west1"}',
    "topics": '{"order_placed": "projects/acme-shop/topics/orders"}',
    "subscriptions": '[{"name": "orders-to-bq", "subject": "order_placed"}]',
    "large_events": '["gs://acme-large/orders"]',
    "schema_registry": '{"url": "https://registry.example/apis/ccompat/v7"}',
}


class Settings(BaseSettings):
    """The checked settings of the job and the commands."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    project: str = Field(description="Google Cloud project", pattern=PROJECT)
    dataset: str = Field("headrace", description="BigQuery dataset", pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,200}$")
    location: str = Field("EU", description="location of a new dataset")
    contracts: Path | None = Field(
        None, description="folder of .avsc files; commands that need contracts refuse to run without it"
    )
    masking_key_version: str = Field(
        FIRST_KEY_VERSION,
        description="version of the masking key: tokens begin with t, the version and _; change both together",
    )
    masking_key_file: Path | None = Field(
        None, description="file of at least 32 random bytes; needed if a contract makes tokens"
    )
    archive_dataset: str = Field(
        ARCHIVE, description="BigQuery dataset of the dead letters' archive", pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,200}$"
    )
    archive_key_file: Path | None = Field(
        None, description="file of at least 32 random bytes; needed to collect and to read dead letters"
    )
    topics: dict[str, Annotated[str, AfterValidator(check_topic)]] = Field(
        {}, description="existing topics by subject; see existing-topics.md"
    )
    subscriptions: tuple[SubscriptionSettings, ...] = Field(
        (), description="existing subscriptions to read, with their subjects; see existing-topics.md"
    )
    large_events: tuple[Annotated[str, AfterValidator(check_folder)], ...] = Field(
        (), description="folders of buckets whose objects messages may refer to; see wire.md"
    )
    pipeline: str = Field("headrace", description="name of this job in dead letters and metrics")
    window: timedelta = Field(timedelta(minutes=1), description="length of an event-time window, such as 1m")
    journal: Path = Field(Path(".headrace/journal"), description="folder of the embedded engine's journal")
    round_messages: int = Field(5000, ge=1, le=100_000, description="most messages of a micro-batch")
    append_seconds: float = Field(
        30.0, gt=0, le=600, description="how long BigQuery may take to confirm an append; fixed at 30 on Dataflow"
    )
    lease_seconds: float = Field(30.0, ge=1, le=3600, description="how long the claim of a silent engine holds")
    health: str | None = Field(
        None, description="address of /healthz, /readyz and /metrics", pattern=r"^[A-Za-z0-9_.\-\[\]:]*:[0-9]{1,5}$"
    )
    log_format: Literal["auto", "text", "json"] = Field("auto", description="auto: text on a terminal, else JSON")
    shards: int = Field(1, ge=1, le=1000, description="shards of a table's deduplication; never change on a live job")
    ids_remembered: int = Field(2_000_000, ge=2, description="event ids remembered for each table")
    profile: str | None = Field(None, description="the [profile.<name>] of headrace.toml that overrides the settings")
    production: bool = Field(
        False, description="refuse variables that name emulators; true in a profile prod or production"
    )
    dataflow: DataflowSettings = Field(
        default_factory=lambda: DataflowSettings.model_validate({}),
        description="where and on what the job runs on Dataflow",
    )
    schema_registry: RegistrySettings = Field(
        default_factory=lambda: RegistrySettings.model_validate({}),
        description="the schema registry whose ids payloads carry",
    )

    @field_validator("masking_key_version", mode="before")
    @classmethod
    def _a_version(cls, value: Any) -> Any:
        text = str(value) if type(value) is int else value
        if not isinstance(text, str) or not _VERSION.fullmatch(text):
            raise ValueError("use 1 to 8 lower-case letters (a to z) and digits")
        return text

    @field_validator("window", mode="before")
    @classmethod
    def _read_duration(cls, value: Any) -> Any:
        return parse_duration(value, "window") if isinstance(value, str) else value

    @field_validator("window")
    @classmethod
    def _positive(cls, value: timedelta) -> timedelta:
        if value <= timedelta(0):
            raise ValueError("must be above 0")
        return value

    @field_validator("health")
    @classmethod
    def _a_port(cls, value: str | None) -> str | None:
        if value is not None and int(value.rpartition(":")[2]) > HIGHEST_PORT:
            raise ValueError(f"a port is at most {HIGHEST_PORT}")
        return value

    @field_validator("subscriptions")
    @classmethod
    def _each_once(cls, value: tuple[SubscriptionSettings, ...]) -> tuple[SubscriptionSettings, ...]:
        refuse_repeated(value)
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources in their order: flags, environment, and the file with the profile that they name."""
        return init_settings, env_settings, FileSource(settings_cls, init_settings)

    @property
    def names(self) -> Names:
        """The names of the project's resources."""
        routes = routes_of(self.project, self.topics, self.subscriptions)
        return Names(self.project, self.dataset, self.archive_dataset, routes)

    def registry(self) -> Registry:
        """Load all contracts.

        Raises:
            ContractError: a contract is invalid, or contracts that share a subscription do not tell themselves apart.
            SettingsError: no folder is named, or `topics` or `subscriptions` does not fit the contracts.
        """
        registry = load_contracts(self._folder)
        self._check_routes(registry)
        for fault in self._unknown_ids(registry).values():
            raise registry.located(fault)
        return registry

    def serviceable_registry(self) -> Registry:
        """Load the contracts; an invalid one blocks only its subject.

        Raises:
            ContractError: no subject is left.
            SettingsError: no folder is named, or `topics` or `subscriptions` does not fit the contracts.
        """
        registry = Registry.load_serviceable(self._folder)
        self._check_routes(registry)
        return registry.blocking({**wrong_expressions(registry), **self._unknown_ids(registry)})

    def _unknown_ids(self, registry: Registry) -> dict[str, ContractError]:
        """Return, by subject, why no message could be read: nothing says which version an id in a header means."""
        faults = {}
        for subject, versions in groupby(registry, key=lambda contract: contract.subject):
            try:
                lint_ids([*versions], self.schema_registry.url is not None)
            except ContractError as error:
                faults[subject] = error
        return faults

    def _check_routes(self, registry: Registry) -> None:
        names = self.names
        wrong = find_wrong_route(names, {*registry.subjects, *registry.blocked_subjects})
        if wrong is not None:
            origin = Sources.of({}, os.environ, Document.read()).origin((wrong.setting,))
            place = "" if origin.source is Source.DEFAULT else f"{origin.place}: "
            raise SettingsError(f"{place}{wrong.setting}: {wrong.why}; {wrong.remedy}")
        for route in names.routes.routes:
            if route.by_schema:
                from headrace.steps.decode.subject_routers import router_of  # imports pyarrow

                router_of(route, registry)

    @property
    def _folder(self) -> Path:
        if self.contracts is None:
            raise SettingsError(MISSING_CONTRACTS)
        return self.contracts


def load_contracts(folder: Path) -> Registry:
    """Load contracts, and check their transformations too. Raises ContractError."""
    registry = Registry.load(folder)
    for fault in wrong_expressions(registry).values():
        raise registry.located(fault)
    return registry


def load_settings(**flags: Any) -> Settings:
    """Read the settings; flags with the value None are ignored.

    Raises:
        SettingsError: a setting is missing or invalid; the text names all of them, without their values.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        settings = read_settings(given)
    except ValidationError as error:
        problems = "; ".join(problem_of(each, given) for each in error.errors())
        raise SettingsError(f"{problems}; {SET_IT}") from error
    if settings.production:
        refuse_emulators("production")
    return settings


def read_settings(given: Mapping[str, Any]) -> Settings:
    """Read the settings, where *given* overrides all else.

    Raises:
        SettingsError: the file, or a variable that holds a table, cannot be read.
        ValidationError: settings are missing or invalid.
    """
    try:
        return Settings(**given)
    except UnreadableVariableError:
        name, example = next((each for each in _TABLES.items() if _is_unreadable(each[0])), ("dataflow", "{}"))
        raise SettingsError(f"{PREFIX}{name.upper()}: not JSON; write a value such as {example}") from None


def _is_unreadable(setting: str) -> bool:
    text = next((value for name, value in os.environ.items() if name.upper() == f"{PREFIX}{setting.upper()}"), "{}")
    try:
        json.loads(text)
    except ValueError:
        return True
    return False


def refuse_emulators(key: str) -> None:
    """Refuse a production project while a variable sends calls to an emulator.

    Raises:
        SettingsError: a variable names an emulator; the text has it and *key*, the setting that forbids it.
    """
    used = [name for name in (PUBSUB, BIGQUERY, BIGQUERY_STORAGE) if os.environ.get(name)]
    if used:
        raise SettingsError(
            f"{Document.read().path}: {key}: conflicts with {', '.join(used)}, a production job uses no emulator; "
            f"run `unset {' '.join(used)}`, or choose another profile"
        )


def problem_of(error: Any, flags: Mapping[str, Any]) -> str:
    """Return key, error and origin of an invalid setting, without its value; *error* is one of pydantic's."""
    key = tuple(map(str, error["loc"]))
    named, message = ".".join(key), error["msg"]
    origin = Sources.of(flags, os.environ, Document.read()).origin(key)
    match origin.source:
        case Source.FLAG:
            return f"{named}: {message} ({origin.place})"
        case Source.VARIABLE:
            return f"{named}: {message} (variable {origin.place})"
        case Source.FILE:
            return f"{origin.place}: {'.'.join(origin.key)}: {message}"
        case Source.PROFILE | Source.DEFAULT:
            missing = f'add {key[-1]} = "..." to {FILE}' if error["type"] == "missing" else str(FILE)
            return f"{named}: {message} ({missing})"
        case _:
            assert_never(origin.source)
