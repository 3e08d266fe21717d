"""A real registry, Apicurio's: import, ids, an outage, and a restart that gives the ids to other schemas."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from headrace.cli.commands.contracts_pin import pin_anew
from headrace.config.settings import load_settings
from headrace.doctor.check_registry import look_at_registry
from headrace.doctor.findings import Level
from headrace.schema_registry.contract_import import read_import, write_import
from headrace.schema_registry.id_rules import NOT_FOUND, versions_by_hash
from headrace.schema_registry.pin_file import PinFile
from headrace.schema_registry.pins import Pins
from headrace.schema_registry.registry_client import RegistryClient
from headrace.schema_registry.registry_errors import PinBrokenError, RegistryAwayError, UnusableSchemaError
from headrace.schema_registry.registry_ids import RegistryIds
from headrace.schema_registry.registry_watch import RegistryWatch
from headrace.schemas.id_space import IdSpace
from headrace.schemas.registry import Registry
from headrace.schemas.samples import SAMPLES
from headrace.schemas.schema_equality import read_schema, schema_hash
from tests.support.apicurio import Apicurio, running_apicurio
from tests.support.registry_answers import schema_text

pytestmark = [pytest.mark.emulators, pytest.mark.registry, pytest.mark.timeout(900)]
SUBJECT = "booking_created"
V1, V2 = ((SAMPLES / f"{SUBJECT}.v{number}.avsc").read_text() for number in (1, 2))
MONEY = {"type": "fixed", "name": "Money", "namespace": "ref", "size": 8}
SALE = {"type": "record", "name": "Sale", "namespace": "ref", "fields": [{"name": "price", "type": "ref.Money"}]}
IN_TIME = 35.0


@pytest.fixture(scope="module")
def apicurio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apicurio]:
    with running_apicurio(tmp_path_factory.mktemp("apicurio")) as running:
        yield running


class Job:
    """What an engine has of the registry, with its watch running."""

    def __init__(self, apicurio: Apicurio, folder: Path) -> None:
        self.client = RegistryClient(apicurio.access)
        self.pins = Pins(PinFile(folder, apicurio.access.url))
        self.watch = RegistryWatch(self.client, self.pins, [SUBJECT])
        self.stop = threading.Event()
        self._thread = threading.Thread(target=self.watch.run, args=(self.stop,))

    def __enter__(self) -> Job:
        self._thread.start()
        until(lambda: self.watch.has_looked)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self._thread.join()

    def ids(self, space: IdSpace = IdSpace.CONTENT) -> RegistryIds:
        return RegistryIds(
            SUBJECT,
            space,
            versions_by_hash(Registry.load(SAMPLES), SUBJECT),
            client=self.client,
            pins=self.pins,
            watch=self.watch,
            pause=self.stop.wait,
        )


def until(condition: Callable[[], bool], seconds: float = 60.0) -> float:
    """Wait until *condition* holds; return the seconds that this took."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < seconds
        time.sleep(0.05)
    return time.monotonic() - begun


def test_an_import_is_what_was_registered(apicurio: Apicurio, tmp_path: Path) -> None:
    texts = [schema_text(f"order_placed.v{number}.avsc") for number in (1, 2)]
    for text in texts:
        apicurio.register("orders-value", text)
    apicurio.register("money-value", MONEY)
    need = {"name": "ref.Money", "subject": "money-value", "version": 1}
    number = apicurio.register("sales-value", SALE, references=[need])
    client = RegistryClient(apicurio.access)
    for subject in ("orders", "sales"):
        write_import(read_import(client, f"{subject}-value", f"{subject}_made"), tmp_path, force=False)
    assert [(tmp_path / f"orders_made.v{version}.avsc").read_text() for version in (1, 2)] == texts
    assert json.loads((tmp_path / "ref.Money.avsc").read_text()) == MONEY
    assert client.hash_of_id(IdSpace.CONTENT, number) == schema_hash(SALE, [MONEY])


def test_both_id_spaces_and_other_kinds_are_told_apart(apicurio: Apicurio) -> None:
    client = RegistryClient(apicurio.access)
    text = json.dumps({"type": "record", "name": "Twice", "fields": [{"name": "a", "type": "int"}]})
    numbers = {apicurio.register(subject, text) for subject in ("one-value", "other-value")}
    assert len(numbers) == 1  # one content, two versions with global ids of their own
    globals_ = [each for each in range(1, 40) if names(client, each, schema_hash(read_schema(text)))]
    assert len(globals_) == 2
    number = apicurio.register("j-value", {"type": "object", "properties": {"a": {"type": "integer"}}}, kind="JSON")
    with pytest.raises(UnusableSchemaError, match="JSON Schema"):
        client.hash_of_id(IdSpace.CONTENT, number)


def names(client: RegistryClient, global_id: int, wanted: str) -> bool:
    try:
        return client.hash_of_id(IdSpace.GLOBAL, global_id) == wanted
    except (LookupError, UnusableSchemaError):
        return False


def test_referenced_types_are_resolved_in_both_id_spaces(apicurio: Apicurio) -> None:
    apicurio.register("cash-value", {**MONEY, "name": "Cash", "namespace": "of.bank"})
    sale = {**SALE, "fields": [{"name": "price", "type": "of.bank.Cash"}]}
    need = {"name": "of.bank.Cash", "subject": "cash-value", "version": 1}
    number = apicurio.register("till-value", sale, references=[need])
    client = RegistryClient(apicurio.access)
    wanted = schema_hash(sale, [{**MONEY, "name": "Cash", "namespace": "of.bank"}])
    assert client.hash_of_id(IdSpace.CONTENT, number) == wanted
    assert any(names(client, each, wanted) for each in range(1, 60))


def test_an_outage_and_a_restart_with_other_schemas(
    apicurio: Apicurio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = f'project = "a-project"\ncontracts = "{SAMPLES}"\njournal = "."\n'
    Path("headrace.toml").write_text(f'{settings}[schema_registry]\nurl = "{apicurio.access.url}"\n')
    apicurio.stop()
    apicurio.start()
    first, second = apicurio.register("bookings-value", V1), apicurio.register("bookings-value", json.loads(V2))
    with Job(apicurio, tmp_path) as job:
        ids = job.ids()
        assert [ids.version_of(each) for each in (first, second)] == [1, 2]
        assert ids.version_of(9_999) is None
        assert ids.why_not(9_999) == NOT_FOUND
        with apicurio.hanging():
            for _ in range(5_000):
                assert (ids.version_of(first), ids.version_of(second)) == (1, 2)
            with pytest.raises(RegistryAwayError):
                ids.version_of(3)
            until(lambda: isinstance(job.watch.problem, RegistryAwayError), IN_TIME + 15)
            assert ids.version_of(first) == 1
        until(lambda: job.watch.problem is None)
        third = apicurio.register("copy-value", json.loads(V1))
        assert (third != first, ids.version_of(third)) == (True, 1)  # the same schema in another text
        restarted_with_other_schemas(apicurio, first)
        seconds = until(lambda: job.pins.of(SUBJECT).broken is not None, IN_TIME)
        with capsys.disabled():
            print(f"halted {seconds:.1f} s after the ids had other schemas")
        with pytest.raises(PinBrokenError, match=f"headrace contracts pin {SUBJECT}"):
            ids.version_of(first)
        problems = [each for each in look_at_registry(load_settings()) if each.level is Level.PROBLEM]
        assert [each.subject for each in problems] == [SUBJECT]
        number = apicurio.register("bookings-value", V1)
        pin_anew(SUBJECT, None, None, False, None, "json")
        assert json.loads(capsys.readouterr().out.splitlines()[-1])["pins"][0]["result"].startswith("names a schema of")
        until(lambda: job.pins.of(SUBJECT).broken is None)
        until(lambda: job.watch.problem is None)
        assert ids.version_of(number) == 1


def restarted_with_other_schemas(apicurio: Apicurio, *numbers: int) -> None:
    """Restart the registry empty, and give each of *numbers* to a schema of somebody else."""
    apicurio.stop()
    apicurio.start()
    given: set[int] = set()
    while not given >= set(numbers):
        fields = [{"name": f"n{len(given)}", "type": "int"}]
        given.add(apicurio.register(f"s{len(given)}-value", {"type": "record", "name": "Other", "fields": fields}))
        assert len(given) < 100
