"""Where a producer finds its contracts."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from headrace.producers import ProducerConfigError
from headrace.producers.contract_sources import read_contracts
from headrace.schemas import Registry
from headrace.schemas.errors import ContractError, UnknownSchemaError
from headrace.schemas.samples import SAMPLES
from tests.support.buckets import a_bucket
from tests.support.builders import PACKAGE


def test_a_registry_that_is_read_already_is_taken() -> None:
    assert read_contracts(PACKAGE) is PACKAGE


@pytest.mark.parametrize("source", [SAMPLES, str(SAMPLES)], ids=["path", "text"])
def test_a_folder_is_read(source: Path | str) -> None:
    assert read_contracts(source).subjects == PACKAGE.subjects


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"contracts: the folder cannot be read"):
        read_contracts(tmp_path / "contracts")


def test_a_package_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "acme_events" / "contracts"
    folder.mkdir(parents=True)
    for package in (folder, folder.parent):
        (package / "__init__.py").touch()
    for contract in SAMPLES.glob("flight_departed*"):
        (folder / contract.name).write_bytes(contract.read_bytes())
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("acme_events.contracts")
    assert read_contracts(module).subjects == ("flight_departed",)
    for name in ("acme_events.contracts", "acme_events"):
        del sys.modules[name]


@pytest.mark.parametrize("folder", ["", "/orders/"], ids=["the bucket", "a folder"])
def test_a_bucket_is_read_and_its_other_objects_are_not(tmp_path: Path, folder: str) -> None:
    with a_bucket(tmp_path) as bucket:
        prefix = folder.strip("/") + "/" if folder else ""
        for contract in SAMPLES.iterdir():
            if contract.is_file():
                bucket.blob(f"{prefix}{contract.name}").upload_from_string(contract.read_bytes())
        bucket.blob(f"{prefix}README.md").upload_from_string(b"a page")
        bucket.blob(f"{prefix}older/flight_departed.v1.avsc").upload_from_string(b"not read")
        address = f"gs://{bucket.name}{folder}"
        registry: Registry = read_contracts(address)
        assert registry.subjects == PACKAGE.subjects
        with pytest.raises(UnknownSchemaError, match=f"in {address}"):
            registry.latest("order_placed")


def test_a_bucket_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with a_bucket(tmp_path) as bucket:
        with pytest.raises(ProducerConfigError, match=f"gs://{bucket.name}/none: no .avsc file"):
            read_contracts(f"gs://{bucket.name}/none")
        with pytest.raises(ProducerConfigError, match=r"gs://another-bucket: cannot be read \(NotFound\)"):
            read_contracts("gs://another-bucket")


def test_an_address_that_no_bucket_can_have_is_refused() -> None:
    with pytest.raises(ProducerConfigError, match="not the address of a bucket; write gs://BUCKET/FOLDER"):
        read_contracts("gs://A")
