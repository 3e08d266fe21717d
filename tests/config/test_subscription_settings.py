"""`topics` and `[[subscriptions]]`: what is read, what is refused, and what the message says."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.config.settings import SettingsError, load_settings
from headrace.config.subscription_settings import find_wrong_route
from headrace.core.routes import Route
from headrace.schemas.errors import ContractError
from headrace.schemas.samples import SAMPLES

pytestmark = pytest.mark.usefixtures("nothing_set")
TOP = f'project = "a-project"\ncontracts = "{SAMPLES}"\n'


def write(text: str) -> None:
    Path("headrace.toml").write_text(TOP + text)


def test_names_without_a_project_are_of_the_jobs_project() -> None:
    write(
        '[topics]\nbooking_created = "bookings"\nflight_departed = "projects/shop/topics/flights"\n'
        '[[subscriptions]]\nname = "bookings-to-bq"\nsubject = "booking_created"\n'
        '[[subscriptions]]\nname = "projects/shop/subscriptions/all"\nattribute = "kind"\n'
        'subjects = { "B" = "booking_created", "F" = "flight_departed" }\n'
    )
    names = load_settings().names
    assert names.topic("booking_created") == "projects/a-project/topics/bookings"
    assert names.topic("flight_departed") == "projects/shop/topics/flights"
    assert names.routes.routes == (
        Route("projects/a-project/subscriptions/bookings-to-bq", "booking_created"),
        Route(
            "projects/shop/subscriptions/all",
            attribute="kind",
            subjects={"B": "booking_created", "F": "flight_departed"},
        ),
    )


def test_a_profile_adds_topics_and_replaces_subscriptions() -> None:
    write(
        '[topics]\nbooking_created = "bookings"\n[[subscriptions]]\nname = "one"\nsubject = "booking_created"\n'
        '[profile.dev.topics]\nflight_departed = "flights"\n'
        '[[profile.dev.subscriptions]]\nname = "two"\nsubject = "booking_created"\n'
    )
    settings = load_settings(profile="dev")
    assert settings.topics == {"booking_created": "bookings", "flight_departed": "flights"}
    assert [each.name for each in settings.subscriptions] == ["two"]


def test_variables_have_them_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    write("")
    monkeypatch.setenv("HEADRACE_SUBSCRIPTIONS", '[{"name": "one", "subject": "booking_created"}]')
    monkeypatch.setenv("HEADRACE_TOPICS", '{"booking_created": "bookings"}')
    monkeypatch.setenv("HEADRACE_TOPICS__FLIGHT_DEPARTED", "flights")
    settings = load_settings()
    assert [each.subject for each in settings.subscriptions] == ["booking_created"]
    assert settings.topics == {"booking_created": "bookings", "flight_departed": "flights"}


WRONG = [
    ('[topics]\nbooking_created = "a/b"\n', "line 4: topics.booking_created: Value error, not a topic; write orders"),
    ('[[subscriptions]]\nsubject = "booking_created"\n', "subscriptions.0.name: Field required"),
    (
        '[[subscriptions]]\nname = "a/b"\nsubject = "s"\n',
        "subscriptions.0.name: Value error, not a subscription",
    ),
    ('[[subscriptions]]\nname = "one"\nsubjekt = "s"\n', "line 5: subscriptions.0.subjekt: Extra inputs"),
    ('[[subscriptions]]\nname = "one"\n', "line 3: subscriptions.0: Value error, not one way to tell the subject"),
    ('[[subscriptions]]\nname = "one"\nattribute = "kind"\n', "not one way to tell the subject; write subject ="),
    ('[[subscriptions]]\nname = "one"\nsubjects = { "a" = "b" }\n', "not one way to tell the subject"),
    ('[[subscriptions]]\nname = "one"\nsubject = "s"\nattribute = "kind"\n', "not one way to tell the subject"),
    (
        '[[subscriptions]]\nname = "one"\nattribute = "kind"\nsubjects = {}\n',
        "subjects: Value should have at least 1",
    ),
    ('[[subscriptions]]\nname = "one"\nattribute = "kind"\nsubjects = { "" = "b" }\n', "an empty value in subjects"),
    ('[[subscriptions]]\nname = "one"\nattribute = "kind"\nsubjects = ["s"]\n', "not one way to tell the subject"),
    ('[[subscriptions]]\nname = "one"\nsubject = "s"\nsubjects = ["s"]\n', "not one way to tell the subject"),
    (
        '[[subscriptions]]\nname = "one"\nsubject = "s"\n' * 2,
        "line 3: subscriptions: Value error, one subscription twice",
    ),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_a_wrong_value_is_refused_by_place_and_remedy(text: str, message: str) -> None:
    write(text)
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert message in str(refused.value)


AGAINST_CONTRACTS = [
    ('[topics]\nbooking_creatd = "bookings"\n', "topics: a subject without contract; use one of booking_created, "),
    ('[[subscriptions]]\nname = "one"\nsubject = "bookings"\n', "subscriptions: a subject without contract; use one"),
    (
        '[[subscriptions]]\nname = "one"\nattribute = "kind"\nsubjects = { "a" = "booking_created", "b" = "x" }\n',
        "subscriptions: a subject without contract",
    ),
    (
        '[[subscriptions]]\nname = "headrace-booking_created"\nsubject = "flight_departed"\n',
        "subscriptions: a subscription that Headrace creates and reads; remove that table",
    ),
    (
        '[[subscriptions]]\nname = "one"\nsubject = "booking_created"\n[[subscriptions]]\n'
        'name = "projects/a-project/subscriptions/one"\nsubject = "booking_created"\n',
        "subscriptions: one subscription twice",
    ),
    ('[topics]\nbooking_created = "headrace-dead-letters"\n', "topics: the topic of dead letters"),
    (
        '[topics]\nbooking_created = "one"\nflight_departed = "projects/a-project/topics/one"\n',
        "topics: one topic for several subjects; create one subscription on it, and map its messages",
    ),
]


@pytest.mark.parametrize(("text", "message"), AGAINST_CONTRACTS)
def test_settings_that_do_not_fit_the_contracts_are_refused(text: str, message: str) -> None:
    write(text)
    settings = load_settings()
    for load in (settings.registry, settings.serviceable_registry):
        with pytest.raises(SettingsError, match=r"^headrace.toml, line 3: ") as refused:
            load()
        assert message in str(refused.value)


def test_subjects_that_their_schemas_do_not_tell_apart_are_refused() -> None:
    write('[[subscriptions]]\nname = "one"\nsubjects = ["booking_created", "flight_departed"]\n')
    with pytest.raises(ContractError, match="no header with a schema id"):
        load_settings().registry()


def test_a_blocked_subject_may_be_named() -> None:
    write('[topics]\nbooking_created = "bookings"\n')
    assert find_wrong_route(load_settings().names, {"booking_created"}) is None
