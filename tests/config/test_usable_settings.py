"""Each setting has an origin, and invalid ones do not hide the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from headrace.config.setting_origins import Origin, Source
from headrace.config.settings import SettingsError
from headrace.config.usable_settings import UsableSettings, usable_settings, values_of

pytestmark = pytest.mark.usefixtures("nothing_set")


def read(text: str = "", **flags: Any) -> UsableSettings:
    Path("headrace.toml").write_text(text)
    return usable_settings(flags)


def test_a_value_comes_from_flag_variable_file_profile_or_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_WINDOW", "5m")
    monkeypatch.setenv("headrace_dataflow__workers", "2")
    text = 'project = "a-project"\nwindow = "1h"\n'
    profile = '[profile.prod]\ndataset = "live"\n[profile.prod.dataflow]\nregion = "a-b1"\n'
    origins = read(text + profile, profile="prod", location="US").origins
    assert origins["location"] == Origin(Source.FLAG, "--location", ("location",))
    assert origins["window"] == Origin(Source.VARIABLE, "HEADRACE_WINDOW", ("window",))
    assert origins["project"] == Origin(Source.FILE, "headrace.toml, line 1", ("project",))
    assert origins["dataset"] == Origin(Source.FILE, "headrace.toml, line 4", ("profile", "prod", "dataset"))
    assert origins["production"] == Origin(Source.PROFILE, "profile prod", ("production",))
    assert origins["dataflow.workers"].place == "headrace_dataflow__workers"
    assert origins["dataflow.region"].place == "headrace.toml, line 6"
    assert origins["pipeline"].source is Source.DEFAULT


def test_a_table_in_a_variable_is_the_origin_of_its_own_keys_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_DATAFLOW", '{"workers": 3}')
    usable = read('project = "a-project"\n[dataflow]\nregion = "a-b1"\n')
    assert usable.origins["dataflow.workers"].place == "HEADRACE_DATAFLOW"
    assert usable.origins["dataflow.region"].place == "headrace.toml, line 3"
    assert (usable.settings.dataflow.workers, usable.settings.dataflow.region) == (3, "a-b1")


def test_without_any_setting_the_missing_project_is_the_only_problem() -> None:
    usable = read()
    assert set(usable.problems) == {"project"}
    assert not usable.has_project
    assert set(usable.origins) == set(values_of(usable.settings))


def test_an_invalid_setting_has_its_default_and_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_DATAFLOW__WORKERS", "many")
    usable = read('project = "a-project"\nwindow = "soon"\ndataset = "mine"\n[dataflow]\nregion = "Europe"\n')
    assert set(usable.problems) == {"window", "dataflow"}
    assert len(usable.problems["dataflow"]) == 2
    assert usable.settings.dataset == "mine"
    assert usable.settings.window.total_seconds() == 60
    assert usable.settings.dataflow.region is None


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(SettingsError, match="did you mean project"):
        read('projct = "x"\n')
