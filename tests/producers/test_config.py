"""A producer reads the settings that the job reads, by the same names and in the same order."""

from __future__ import annotations

import inspect
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from headrace.config import profiles, setting_origins, subscription_settings
from headrace.config.settings import Settings, load_settings
from headrace.config.settings import SettingsError as JobsError
from headrace.producers import AsyncEventProducer, EventProducer, ProducerConfigError, config
from headrace.producers.async_event_producer import AsyncProducerOptions
from headrace.producers.config import ProducerConfig
from headrace.producers.event_producer import ProducerOptions
from headrace.producers.testing import FakePublisher
from headrace.runtime.google_clients import PUBSUB
from headrace.schemas.samples import SAMPLES
from tests.support.builders import a_flight

pytestmark = pytest.mark.usefixtures("nothing_set")
GOOD = """\
project = "from-file"
contracts = "in_file"
dataset = "of_the_job"
[dataflow]
region = "europe-west1"
[profile.dev]
project = "from-profile"
[profile.prod]
contracts = "in_profile"
[profile.production]
production = false
"""


def write(text: str = GOOD, name: str = "headrace.toml") -> Path:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text)
    return Path(name)


def test_names_and_rules_are_those_of_the_job() -> None:
    fields = Settings.model_fields
    assert set(config.KEYS) <= set(fields)
    assert config.PROJECT in [getattr(each, "pattern", None) for each in fields["project"].metadata]
    assert config.FILE == profiles.FILE
    assert config.PREFIX == setting_origins.PREFIX
    assert config.PRODUCTION_PROFILES == setting_origins.PRODUCTION_PROFILES
    assert config.EMULATOR == PUBSUB


SOURCES: list[tuple[dict[str, str], dict[str, str]]] = [
    ({}, {}),
    ({"profile": "dev"}, {}),
    ({}, {"HEADRACE_PROFILE": "prod"}),
    ({"profile": "dev"}, {"HEADRACE_PROFILE": "prod"}),
    ({}, {"HEADRACE_PROJECT": "from-variable"}),
    ({}, {"headrace_project": "from-lower-case"}),
    ({"profile": "dev"}, {"HEADRACE_PROJECT": "from-variable", "HEADRACE_CONTRACTS": "in_variable"}),
    ({"project": "from-argument"}, {"HEADRACE_PROJECT": "from-variable"}),
    ({"contracts": "in_argument"}, {"HEADRACE_CONTRACTS": "in_variable", "HEADRACE_PROFILE": "dev"}),
]


@pytest.mark.parametrize(("arguments", "variables"), SOURCES)
def test_each_setting_has_the_value_that_the_job_gives_it(
    arguments: dict[str, str], variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write()
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    read: Any = ProducerConfig.read
    found, jobs = read(**arguments), load_settings(**arguments)
    assert (found.project, found.contracts) == (jobs.project, jobs.contracts)


@pytest.mark.parametrize(
    ("text", "arguments", "expected"),
    [
        (None, {}, "project: missing, and there is no headrace.toml in "),
        (None, {"file": "other.toml"}, "other.toml: not found; name the file of your settings"),
        (
            'contracts = "c"\n',
            {},
            'project: missing; add project = "my-project" to headrace.toml, or set it by argument',
        ),
        ('projct = "a-project"\n', {}, "project: missing; did you mean project by projct?"),
        ('project = "a-project"\n', {}, "contracts: missing; add contracts = "),
        (
            GOOD,
            {"profile": "dve"},
            r"headrace.toml: profile dve: no table \[profile.dve\]; known: dev, prod, production",
        ),
        (GOOD.replace('"from-file"', "5"), {}, "headrace.toml: project: not the id of a project; write the id"),
        (
            GOOD.replace('"from-file"', '"A Project"'),
            {},
            "headrace.toml: project: not the id of a project; write the id",
        ),
        (GOOD, {"project": "x"}, "project: not the id of a project; write the id"),
        (GOOD.replace('"in_file"', "5"), {}, "headrace.toml: contracts: not text; write the name of the folder"),
        (GOOD, {"contracts": ""}, "contracts: not text; write the name of the folder"),
        ("project = \n", {}, r"headrace.toml: not TOML \(.*\); correct that line"),
        ("a = " + "9" * 5000, {}, r"headrace.toml: not TOML \(a number with too many digits\); correct that line"),
        ("profile = 3\n", {}, r"headrace.toml: profile: not tables; write \[profile.<name>\]"),
        ("[profile]\nprod = 3\n", {}, r"headrace.toml: profile: not tables; write \[profile.<name>\]"),
    ],
)
def test_what_is_missing_or_invalid_is_named_with_the_remedy(
    text: str | None, arguments: dict[str, Any], expected: str
) -> None:
    if text is not None:
        write(text)
    with pytest.raises(ProducerConfigError, match=f"^{expected}"):
        ProducerConfig.read(**arguments)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [("headrace.toml", b"a = '\xe9'", "not UTF-8 text"), ("headrace.toml/x", b"", "cannot be read")],
)
def test_a_file_that_cannot_be_read_is_named(name: str, content: bytes, expected: str) -> None:
    write("", name)
    Path(name).write_bytes(content)
    with pytest.raises(ProducerConfigError, match=f"headrace.toml: {expected}"):
        ProducerConfig.read()


def test_without_a_file_variables_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_PROJECT", "a-project")
    monkeypatch.setenv("HEADRACE_CONTRACTS", str(SAMPLES))
    assert ProducerConfig.read() == ProducerConfig("a-project", SAMPLES)


def test_a_folder_in_a_file_elsewhere_is_relative_to_that_file(monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(name="elsewhere/headrace.toml")
    assert ProducerConfig.read(file=file).contracts == Path("elsewhere/in_file")
    assert ProducerConfig.read(file=file, contracts="here").contracts == Path("here")
    monkeypatch.setenv("HEADRACE_CONTRACTS", "there")
    assert ProducerConfig.read(file=file).contracts == Path("there")


PRODUCTION: list[tuple[str | None, dict[str, str]]] = [
    (None, {}),
    ("dev", {}),
    ("prod", {}),
    ("production", {}),
    (None, {"HEADRACE_PRODUCTION": "true"}),
    ("prod", {"HEADRACE_PRODUCTION": "0"}),
]


@pytest.mark.parametrize(("profile", "variables"), PRODUCTION)
def test_a_producer_refuses_an_emulator_where_the_job_does(
    profile: str | None, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write()
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(PUBSUB, "127.0.0.1:1")
    if refuses(partial(load_settings, profile=profile), JobsError):
        with pytest.raises(ProducerConfigError, match=f"production: conflicts with {PUBSUB}.*run `unset {PUBSUB}`"):
            ProducerConfig.read(profile=profile)
    else:
        ProducerConfig.read(profile=profile)
    monkeypatch.delenv(PUBSUB)
    ProducerConfig.read(profile=profile)


def refuses(call: partial[Any], error: type[Exception]) -> bool:
    try:
        call()
    except error:
        return True
    return False


def test_production_that_is_no_boolean_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    write('production = "perhaps"\n' + GOOD)
    monkeypatch.setenv(PUBSUB, "127.0.0.1:1")
    with pytest.raises(ProducerConfigError, match=r"^headrace.toml: production: not a boolean; write true or false"):
        ProducerConfig.read()


def test_a_producer_publishes_to_the_project_with_the_contracts_of_the_file() -> None:
    write(f'project = "a-project"\ncontracts = "{SAMPLES}"\n')
    opened: list[str] = []
    fake = FakePublisher()

    def open_publisher(project: str) -> FakePublisher:
        opened.append(project)
        return fake

    with EventProducer.from_config(source="/checkout", open_publisher=open_publisher) as producer:
        producer.publish("flight_departed", a_flight())
    assert opened == ["a-project"]
    assert [each.attributes["ce-source"] for each in fake.messages] == ["/checkout"]


TOPICS: list[tuple[str, str | None, dict[str, str]]] = [
    ("", None, {}),
    ('[topics]\na_b = "one"\n', None, {}),
    ('[topics]\na_b = "one"\nc_d = "two"\n[profile.dev.topics]\na_b = "projects/shop/topics/three"\n', "dev", {}),
    ('[topics]\na_b = "one"\n', None, {"HEADRACE_TOPICS": '{"a_b": "four", "e_f": "five"}'}),
    ('[topics]\na_b = "one"\n', None, {"HEADRACE_TOPICS": '{"a_b": "six"}', "HEADRACE_TOPICS__A_B": "seven"}),
]


@pytest.mark.parametrize(("text", "profile", "variables"), TOPICS)
def test_topics_are_those_of_the_job(
    text: str, profile: str | None, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write('project = "a-project"\ncontracts = "c"\n' + text)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert ProducerConfig.read(profile=profile).topics == load_settings(profile=profile).topics


@pytest.mark.parametrize(
    ("text", "variables", "expected"),
    [
        ('topics = "one"\n', {}, "headrace.toml: topics: not a table; write the name of a topic for each subject"),
        ('[topics]\na_b = "x/y"\n', {}, "headrace.toml: topics: a_b: not a topic; write orders, or projects/acme-shop"),
        ("", {"HEADRACE_TOPICS": "{a secret"}, "variable HEADRACE_TOPICS: not a table; write the name of a topic"),
        ("", {"HEADRACE_TOPICS__A_B": "x/y"}, "variable HEADRACE_TOPICS__A_B: a_b: not a topic; write orders"),
    ],
)
def test_a_topic_that_is_none_is_refused(
    text: str, variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write('project = "a-project"\ncontracts = "c"\n' + text)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ProducerConfigError, match=f"^{expected}"):
        ProducerConfig.read()


def test_a_publisher_gets_the_topics_that_the_settings_name() -> None:
    write(f'project = "a-project"\ncontracts = "{SAMPLES}"\n[topics]\nflight_departed = "flights"\n')
    opened: list[dict[str, Any]] = []

    def open_publisher(project: str, **named: Any) -> FakePublisher:
        opened.append(named)
        return FakePublisher()

    EventProducer.from_config(source="/checkout", open_publisher=open_publisher).close()
    assert opened == [{"topics": {"flight_departed": "flights"}}]
    assert config.TOPIC == subscription_settings.TOPIC


@pytest.mark.parametrize("producer", [EventProducer, AsyncEventProducer])
def test_every_setting_is_an_argument_of_a_producer(producer: Any) -> None:
    arguments = set(inspect.signature(ProducerConfig.read).parameters) - {"environment"}
    others = {"source", "open_publisher", "options"}
    assert arguments == set(inspect.signature(producer.from_config).parameters) - others


@pytest.mark.parametrize(
    ("producer", "options"), [(EventProducer, ProducerOptions), (AsyncEventProducer, AsyncProducerOptions)]
)
def test_every_argument_of_the_constructor_is_an_option(producer: Any, options: Any) -> None:
    arguments = set(inspect.signature(producer).parameters) - {"publisher", "source", "contracts"}
    assert arguments == set(options.__annotations__)
