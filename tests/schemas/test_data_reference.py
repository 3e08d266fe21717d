"""References of messages to payloads in buckets."""

from __future__ import annotations

import hashlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.schemas.data_reference import DATAREF, DATAREF_SHA256, DataReference

SHA = hashlib.sha256(b"data").hexdigest()
NAMES = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1).filter(
    lambda name: ".." not in name.split("/") and name.isprintable()
)


@given(NAMES)
def test_a_reference_is_read_as_it_was_written(name: str) -> None:
    reference = DataReference("acme-large", name, SHA)
    assert DataReference.of_attributes(reference.to_attributes()) == reference


@given(st.text(), st.text())
def test_any_other_text_is_refused_or_is_the_address_of_an_object(address: str, sha256: str) -> None:
    for given_address in (address, f"gs://{address}", f"gs://acme-large/{address}"):
        with suppress(ValueError):
            found = DataReference.of_attributes({DATAREF: given_address, DATAREF_SHA256: sha256})
            assert found is not None
            assert found.address == given_address


def test_a_message_without_the_attribute_has_none() -> None:
    assert DataReference.of_attributes({DATAREF_SHA256: SHA}) is None


@pytest.mark.parametrize(
    "address",
    ["", "gs://", "gs://b", "gs://acme-large", "gs://acme-large/", "https://acme-large/x", "gs://Acme/x",
     "gs://acme-large/a/../b", "gs://acme-large/a\nb", "file:///etc/passwd", "gs://acme-large@evil/x"],
)  # fmt: skip
def test_what_is_no_object_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="ce-dataref is not the address of an object; write gs://BUCKET/NAME"):
        DataReference.of_attributes({DATAREF: address, DATAREF_SHA256: SHA})


@pytest.mark.parametrize("sha256", [None, "", "0" * 63, "A" * 64, "0" * 65, SHA + "\n"])
def test_a_hash_is_64_digits(sha256: str | None) -> None:
    attributes = {DATAREF: "gs://acme-large/x"} | ({} if sha256 is None else {DATAREF_SHA256: sha256})
    with pytest.raises(ValueError, match="64 hexadecimal digits"):
        DataReference.of_attributes(attributes)


def test_bytes_are_compared_with_the_hash() -> None:
    reference = DataReference("acme-large", "x", SHA)
    assert reference.is_of(b"data")
    assert not reference.is_of(b"date")
