"""Tests of what only Google's Pub/Sub emulator does."""

from __future__ import annotations

from typing import Final

import pytest

from headrace.dev.pubsub_services import is_google_emulator_installed

NEEDS_GOOGLE_EMULATOR: Final = pytest.mark.skipif(
    not is_google_emulator_installed(), reason="Google's Pub/Sub emulator is missing"
)
