"""The tables of the settings: those that ``headrace.toml`` writes as ``[dataflow]`` and ``[schema_registry]``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel

from headrace.config.dataflow import DataflowSettings
from headrace.config.registry_settings import RegistrySettings

TABLES: Final[Mapping[str, type[BaseModel]]] = {"dataflow": DataflowSettings, "schema_registry": RegistrySettings}
