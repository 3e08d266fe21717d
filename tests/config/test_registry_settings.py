"""The settings of a schema registry: they name files of secrets, and credentials go to no other host."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from headrace.config.registry_access import access_of, access_to
from headrace.config.registry_settings import RegistrySettings
from headrace.config.settings import SettingsError, load_settings
from headrace.schema_registry.registry_errors import RegistryRefusedError
from headrace.schema_registry.registry_url import checked_url

pytestmark = pytest.mark.usefixtures("nothing_set")
URL = "https://registry.example/apis/ccompat/v7"


def secret_file(text: str = "s3cret\n", name: str = "password") -> Path:
    path = Path(name)
    path.write_text(text)
    path.chmod(0o600)
    return path


def settings_of(**given: Any) -> RegistrySettings:
    return RegistrySettings(**{"url": URL} | given)


def test_file_and_variables_name_a_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("headrace.toml").write_text(f'project = "a-project"\n[schema_registry]\nurl = "{URL}/"\n')
    monkeypatch.setenv("HEADRACE_SCHEMA_REGISTRY__USERNAME", "me")
    monkeypatch.setenv("HEADRACE_SCHEMA_REGISTRY__PASSWORD_FILE", str(secret_file()))
    access = access_of(load_settings().schema_registry)
    assert access is not None
    assert (access.url, access.native_url) == (URL, "https://registry.example/apis/registry/v2")
    assert access.authorization() == "Basic bWU6czNjcmV0"


def test_without_a_url_there_is_no_registry() -> None:
    assert access_of(RegistrySettings()) is None
    with pytest.raises(SettingsError, match=r"schema_registry\.url: missing; name the registry with --from"):
        access_to(None, RegistrySettings())


WRONG = [
    ('url = "ftp://registry.example"', "http or https"),
    ('url = "registry.example:8081"', "http or https"),
    ('url = "http://me:s3cret@registry.example"', "contains a user"),
    ('url = "http://registry.example/?a=s3cret"', "leave out ?"),
    ('url = "http://registry.example:99999"', "not a URL"),
    ('url = "http://[::1"', "not a URL"),
    ('username = "me"', "password_file too"),
    ('password_file = "p"', "both or none"),
    ('username = "a:b"\npassword_file = "p"', "colon"),
    ('username = "me"\npassword_file = "p"\ntoken_file = "t"', "conflicts with username"),
    ('client_key_file = "k"', "client_key_file too"),
    ('pasword_file = "p"', "did you mean password_file"),
    ('password = "s3cret"', "unknown setting"),
]


@pytest.mark.parametrize(("line", "remedy"), WRONG)
def test_a_wrong_setting_is_refused_without_its_value(line: str, remedy: str) -> None:
    Path("headrace.toml").write_text(f'project = "a-project"\n[schema_registry]\n{line}\n')
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert remedy in str(refused.value)
    assert "headrace.toml, line" in str(refused.value)
    assert "s3cret" not in str(refused.value)


def test_a_table_that_is_not_json_is_named_without_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_SCHEMA_REGISTRY", "{s3cret")
    with pytest.raises(SettingsError, match=r"^HEADRACE_SCHEMA_REGISTRY: not JSON; write a value such as ") as refused:
        load_settings(project="a-project")
    assert "s3cret" not in str(refused.value)


def test_a_changed_secret_is_sent_without_a_restart() -> None:
    path = secret_file("one")
    access = access_of(settings_of(token_file=path))
    assert access is not None
    assert access.authorization() == "Bearer one"
    path.write_text("two\n")
    assert access.authorization() == "Bearer two"
    path.unlink()
    with pytest.raises(RegistryRefusedError, match="token_file: cannot be read"):
        access.authorization()


@pytest.mark.parametrize(
    ("content", "mode"), [("", 0o600), ("a b", 0o600), ("a\nb", 0o600), ("a", 0o644), ("ä", 0o600)]
)
def test_a_file_that_holds_no_token_is_refused_at_the_start(content: str, mode: int) -> None:
    path = secret_file(content)
    path.chmod(mode)
    with pytest.raises(SettingsError, match="token_file"):
        access_of(settings_of(token_file=path))


def test_credentials_go_to_the_host_of_the_setting_alone() -> None:
    settings = settings_of(username="me", password_file=secret_file(), ca_file=Path("ca.pem"))
    same = access_to("https://REGISTRY.example/other", settings)
    other = access_to("https://registry.example:8443/apis/ccompat/v7", settings)
    assert (same.authorization(), same.ca_file) == ("Basic bWU6czNjcmV0", Path("ca.pem"))
    assert (other.authorization(), other.ca_file) == (None, None)
    assert access_to(None, settings).url == URL
    alone = RegistrySettings(username="me", password_file=secret_file())
    assert access_to(URL, alone).authorization() is not None


@pytest.mark.parametrize("one", ["HTTPS://Registry.Example:443/apis/", "https://registry.example/apis"])
def test_one_registry_has_one_identity(one: str) -> None:
    assert checked_url(one) == "https://registry.example/apis"
