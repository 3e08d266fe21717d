"""The log line of a job that decodes with the pure-Python fallback."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from headrace.runtime.logs import warn_of_fallback
from headrace.schemas import columns
from headrace.schemas.columns import decoder_kind
from headrace.schemas.compiled_modules import PURE
from tests.support.readers import NEEDS_C


def test_one_line_names_the_fallback_and_the_remedy_where_the_compiled_module_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(PURE, raising=False)
    monkeypatch.setattr(columns, "compiled_module", lambda: None)
    with capture_logs() as logs:
        warn_of_fallback()

    (line,) = logs
    assert line["log_level"] == "warning"
    assert line["event"] == "the pure-Python fallback decodes events: the same results, several times slower"
    assert "install a wheel of headrace-schemas for this platform, or a C compiler" in line["remedy"]
    assert decoder_kind() == "pure-Python fallback"


def test_the_remedy_is_to_unset_the_variable_that_asks_for_the_fallback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PURE, "1")
    with capture_logs() as logs:
        warn_of_fallback()

    assert [line["remedy"] for line in logs] == [f"unset the environment variable {PURE}"]


@NEEDS_C
def test_the_compiled_decoder_needs_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PURE, raising=False)
    with capture_logs() as logs:
        warn_of_fallback()

    assert logs == []
    assert decoder_kind() == "compiled"
