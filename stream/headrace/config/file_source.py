"""``headrace.toml`` as a source of pydantic settings."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from headrace.config.profiles import Document
from headrace.config.setting_origins import PRODUCTION_PROFILES, chosen_profile
from headrace.config.setting_tables import TABLES


def checked_document(fields: Iterable[str]) -> Document:
    """Read ``headrace.toml``. Raises SettingsError if it has a key that is not among *fields*, in any profile."""
    document = Document.read()
    known = {name: TABLES[name].model_fields if name in TABLES else None for name in fields}
    document.check_keys(known | {"profile": None})
    return document


class FileSource(PydanticBaseSettingsSource):
    """The source that reads ``headrace.toml``, and checks its keys for every profile."""

    def __init__(self, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource) -> None:
        super().__init__(settings_cls)
        self._profile = init_settings().get("profile")

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        """Return no value; this is unused, because the file is read as a whole."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return the file's values for the chosen profile. Raises SettingsError for an unknown key or profile."""
        profile = chosen_profile(self._profile, os.environ)
        document = checked_document(self.settings_cls.model_fields)
        production = {"production": True} if profile in PRODUCTION_PROFILES else {}
        return production | document.settings(profile)
