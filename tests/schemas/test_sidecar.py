"""Annotations beside a schema that stays as it is: in TOML or JSON, for fields by their path."""

from __future__ import annotations

import json
import pickle
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headrace.schemas.classification import NOT_PERSONAL, Mask, Pii
from headrace.schemas.envelope import SchemaRef
from headrace.schemas.errors import ContractError
from headrace.schemas.folder import contract_files
from headrace.schemas.model import walk
from headrace.schemas.notation import Notation
from headrace.schemas.registry import Registry
from tests.support.builders import TIMESTAMP, a_record, contract_json
from tests.support.growth import assert_linear

CUSTOMER = a_record("Customer", ("email", "string"), ("id", "long"))
AT = {"name": "at", "type": TIMESTAMP}
SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "OrderPlaced",
    "namespace": "shop",
    "fields": [
        {
            "name": "customer",
            "type": ["null", a_record("Customer", ("email", "string"), ("id", "long"))],
            "default": None,
        },
        {"name": "lines", "type": {"type": "array", "items": a_record("Line", ("sku", "string"))}},
        {"name": "notes", "type": {"type": "map", "values": a_record("Note", ("text", "string"))}},
        AT,
    ],
}
TABLE = 'table = "orders"\nevent_time = "at"\nlate_after = "30d"\nahead_at_most = "10m"\n'
FREE = TABLE + 'pii = "none"\n'
CLASSIFIED = (
    TABLE
    + """
[fields]
"customer.email" = {pii = {kind = "email", mask = "tokenise"}}
"customer.id" = {pii = "none"}
"lines.sku" = {pii = "none"}
"notes.text" = {pii = {kind = "free_text", mask = "redact"}}
"at" = {pii = "none"}
"""
)


def load(folder: Path, sidecar: str, name: str = "order_placed.v1.headrace.toml", schema: Any = SCHEMA) -> Registry:
    (folder / "order_placed.v1.avsc").write_text(schema if isinstance(schema, str) else json.dumps(schema, indent=2))
    (folder / name).write_text(sidecar)
    return Registry.load(folder)


def test_a_schema_with_a_sidecar_is_a_contract(tmp_path: Path) -> None:
    contract = load(tmp_path, CLASSIFIED).latest("order_placed")

    assert contract.options.table == "orders"
    assert {path: field.pii for path, field in walk(contract.record) if field.pii} == {
        "customer.email": Pii("email", Mask.TOKENISE),
        "customer.id": NOT_PERSONAL,
        "lines.sku": NOT_PERSONAL,
        "notes.text": Pii("free_text", Mask.REDACT),
        "at": NOT_PERSONAL,
    }


def test_a_contract_keeps_its_annotations_when_it_is_sent_to_a_worker(tmp_path: Path) -> None:
    contract = load(tmp_path, CLASSIFIED).latest("order_placed")

    sent = pickle.loads(pickle.dumps(contract))

    assert (sent.record, sent.options, sent.fingerprint) == (contract.record, contract.options, contract.fingerprint)


def test_the_same_in_json(tmp_path: Path) -> None:
    annotations = {
        "$schema": "headrace-sidecar.schema.json",
        "table": "orders",
        "event_time": "at",
        "late_after": "30d",
        "ahead_at_most": "10m",
        "pii": "none",
    }

    found = load(tmp_path, json.dumps(annotations), "order_placed.v1.headrace.json").latest("order_placed")
    (tmp_path / "order_placed.v1.headrace.json").unlink()

    assert found.options == load(tmp_path, FREE).latest("order_placed").options


@pytest.mark.parametrize(("ending", "notation"), [("toml", Notation.TOML), ("json", Notation.JSON)])
def test_a_contract_knows_in_which_form_its_settings_are(tmp_path: Path, ending: str, notation: Notation) -> None:
    text = FREE if ending == "toml" else json.dumps(tomllib.loads(FREE))
    (tmp_path / f"order_placed.v1.headrace.{ending}").write_text(text)
    (tmp_path / "order_placed.v1.avsc").write_text(json.dumps(SCHEMA))

    contract = Registry.load(tmp_path).latest("order_placed")

    assert contract.notation is notation
    assert pickle.loads(pickle.dumps(contract)) == contract


def test_one_type_in_two_places_has_a_classification_in_each(tmp_path: Path) -> None:
    address = a_record("Address", ("street", "string"))
    fields = [{"name": "bill", "type": address}, {"name": "ship", "type": "Address"}, AT]
    sidecar = (
        TABLE
        + """
    [fields]
    "bill.street" = {pii = {kind = "street", mask = "redact"}}
    "ship.street" = {pii = {kind = "street", mask = "tokenise"}}
    "at" = {pii = "none"}
    """
    )

    contract = load(tmp_path, sidecar, schema={**SCHEMA, "fields": fields}).latest("order_placed")

    masks = {path: field.mask.mask for path, field in walk(contract.record) if field.mask}
    assert masks == {"bill.street": Mask.REDACT, "ship.street": Mask.TOKENISE}


NODE = a_record("Node", ("text", "string"), ("inner", ["null", "Node"]))
SHAPES = [
    {"name": "contact", "type": ["null", "string", a_record("Phone", ("number", "string"))]},
    {"name": "tags", "type": ["null", {"type": "array", "items": "string"}]},
    {"name": "tree", "type": NODE},
    AT,
]
SHAPED = (
    TABLE
    + """
    [fields]
    "contact.string_value" = {pii = {kind = "email", mask = "redact"}}
    "contact.shop_Phone_value.number" = {pii = {kind = "phone", mask = "tokenise"}}
    "tags" = {pii = "none", is_null_column = true}
    "tree.text" = {pii = {kind = "free_text", mask = "redact"}}
    "tree.inner" = {column_levels = 1, pii = {kind = "free_text", mask = "omit"}}
    "at" = {pii = "none"}
    """
)


def test_types_of_a_union_and_columns_of_shapes_are_annotated_by_path(tmp_path: Path) -> None:
    contract = load(tmp_path, SHAPED, schema={**SCHEMA, "fields": SHAPES}).latest("order_placed")

    fields = dict(walk(contract.record))
    assert {path: field.mask.mask for path, field in fields.items() if field.mask} == {
        "contact.string_value": Mask.REDACT,
        "contact.shop_Phone_value.number": Mask.TOKENISE,
        "tree.text": Mask.REDACT,
        "tree.inner": Mask.OMIT,
        "tree.inner.text": Mask.REDACT,
        "tree.inner.inner": Mask.OMIT,
    }
    assert fields["tags"].is_null_column


def test_a_text_of_a_record_that_a_sidecar_masks_is_refused(tmp_path: Path) -> None:
    sidecar = SHAPED.replace('{column_levels = 1, pii = {kind = "free_text", mask = "omit"}}', "{column_levels = 1}")

    with pytest.raises(
        ContractError,
        match=r"toml:11: .*fields\.tree\.inner: a JSON text of shop\.Node, which has personal",
    ):
        load(tmp_path, sidecar, schema={**SCHEMA, "fields": SHAPES})


WRONG: list[tuple[str, str]] = [
    (TABLE, r"headrace\.toml:1: .*pii: says nothing about personal data; write pii = \"none\", or classify"),
    (FREE + "x = \n", r"headrace\.toml:6: order_placed\.v1\.headrace: not TOML \(.*line 6"),
    (FREE.replace('"at"', "2026-01-01"), "a date, a time or a number that JSON does not have"),
    (FREE + 'tabel = "x"\n', "unknown annotation 'tabel'"),
    (FREE.replace('"none"', '"some"'), r'headrace\.pii: not "none"'),
    (
        FREE + '[fields]\n"customer.email" = {pii = {kind = "email", mask = "redact"}}\n',
        "none for the whole subject, and customer.email is classified",
    ),
    (
        CLASSIFIED.replace("customer.email", "customer.emial"),
        r"fields\.customer\.emial: no such field; write customer\.email",
    ),
    (CLASSIFIED.replace("customer.email", "x"), "no such field; name a field with its path"),
    (CLASSIFIED.replace('"at" = {pii = "none"}', '"at" = {mask = "redact"}'), "unknown annotation 'mask'"),
    (CLASSIFIED.replace('"at" = {pii = "none"}', '"at" = {}'), r"fields\.at\.pii: "),
    (CLASSIFIED.replace('"at" = {', '"at" = {column_levels = 15, '), r"at\.column_levels: more than 14"),
    (
        CLASSIFIED.replace('"at" = {', '"at" = {column_levels = 1, '),
        r"at\.column_levels: not a field with a record with",
    ),
    (CLASSIFIED.replace('"at" = {', '"at" = {is_null_column = true, '), r"at\.is_null_column: not an optional array"),
    (CLASSIFIED.replace('"lines.sku" = {pii = "none"}\n', ""), r"lines\.sku: not classified"),
]


def test_a_sidecar_in_json_is_refused_in_the_words_of_json(tmp_path: Path) -> None:
    with pytest.raises(
        ContractError, match=r'write "pii": "none", or classify each field, such as "email" with "pii": \{'
    ):
        load(tmp_path, json.dumps(tomllib.loads(TABLE)), "order_placed.v1.headrace.json")


@pytest.mark.parametrize(("sidecar", "why"), WRONG, ids=[why for _, why in WRONG])
def test_a_wrong_sidecar_is_refused_with_its_remedy(tmp_path: Path, sidecar: str, why: str) -> None:
    with pytest.raises(ContractError, match=why):
        load(tmp_path, sidecar)


def test_annotations_are_in_one_of_the_two_files(tmp_path: Path) -> None:
    inline = {**SCHEMA, "fields": [*SCHEMA["fields"][:-1], {**AT, "pii": "none"}]}

    with pytest.raises(ContractError, match=r"order_placed\.v1\.avsc has annotations too, at pii; keep them in one"):
        load(tmp_path, FREE, schema=inline)
    with pytest.raises(ContractError, match=r"has annotations too, at headrace"):
        load(tmp_path, FREE, schema=contract_json())


def with_keys_of_others() -> dict[str, Any]:
    """The schema of a team whose other programs read keys that are called like ours, or nearly so, at any depth."""
    customer = a_record("Customer", ("email", "string"), ("id", "long"))
    customer["fields"][0] |= {"pii": True, "PII": "high", "type": {"type": "string", "Pii": 1, "logical_type": "x"}}
    first = {"name": "customer", "type": ["null", customer], "default": None}
    return {**SCHEMA, "fields": [first, *SCHEMA["fields"][1:-1], AT | {"pii": 0}], "head_race": "x"}


KEYS = 'foreign_keys = ["pii", "PII", "Pii", "logical_type", "head_race"]'
FOREIGN = CLASSIFIED.replace("\n[fields]", f"{KEYS}\n[fields]")


def test_keys_that_other_programs_read_are_named_and_read_over(tmp_path: Path) -> None:
    schema = with_keys_of_others()
    contract = load(tmp_path, FOREIGN, schema=schema).latest("order_placed")
    plain = load(tmp_path, CLASSIFIED).latest("order_placed")

    assert contract.record == plain.record
    assert json.loads(contract.json)["fields"][0]["type"][1]["fields"][0]["pii"] is True, "the schema stays as it is"


def test_keys_of_types_in_other_files_are_read_over_too(tmp_path: Path) -> None:
    schema = with_keys_of_others()
    customer = schema["fields"][0]["type"][1]
    schema["fields"][0]["type"][1] = "shop.Customer"
    (tmp_path / "shop.Customer.avsc").write_text(json.dumps({**customer, "namespace": "shop"}))

    contract = load(tmp_path, FOREIGN, schema=schema).latest("order_placed")

    assert dict(walk(contract.record))["customer.email"].pii == Pii("email", Mask.TOKENISE)


@pytest.mark.parametrize("left_out", ["pii", "PII", "Pii", "logical_type", "head_race"])
def test_a_key_like_one_of_ours_that_is_not_named_is_refused(tmp_path: Path, left_out: str) -> None:
    with pytest.raises(ContractError, match="foreign_keys"):
        load(tmp_path, FOREIGN.replace(f'"{left_out}"', '"other"'), schema=with_keys_of_others())


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ('["type"]', "'type' is a key of Avro; leave it out"),
        ('["logicalType"]', "'logicalType' is a key of Avro"),
        ('["headrace"]', "'headrace' is a key of Headrace's annotations"),
        ('"pii"', "not a list of at most 64 different keys"),
        ('["pii", "pii"]', "not a list of at most 64 different keys"),
    ],
)
def test_a_key_that_headrace_reads_is_not_foreign(tmp_path: Path, keys: str, why: str) -> None:
    with pytest.raises(ContractError, match=why):
        load(tmp_path, CLASSIFIED.replace("\n[fields]", f"foreign_keys = {keys}\n[fields]"))


def test_two_sidecars_are_refused(tmp_path: Path) -> None:
    (tmp_path / "order_placed.v1.headrace.json").write_text("{}")

    with pytest.raises(ContractError, match=r"headrace\.json is beside it; keep one of the two"):
        load(tmp_path, FREE)


def test_a_sidecar_without_a_schema_is_refused(tmp_path: Path) -> None:
    (tmp_path / "order_paid.v1.headrace.toml").write_text(FREE)

    with pytest.raises(ContractError, match=r"order_paid\.v1\.headrace\.toml: no file order_paid\.v1\.avsc beside it"):
        load(tmp_path, FREE)


def test_a_sidecar_that_is_wrong_blocks_its_own_subject_alone(tmp_path: Path) -> None:
    (tmp_path / "order_paid.v1.avsc").write_text(json.dumps(SCHEMA))
    (tmp_path / "order_paid.v1.headrace.toml").write_text("x")
    (tmp_path / "order_placed.v1.avsc").write_text(json.dumps(SCHEMA))
    (tmp_path / "order_placed.v1.headrace.toml").write_text(FREE)

    registry = Registry.load_serviceable(tmp_path)

    assert registry.subjects == ("order_placed",)
    assert [*registry.blocked] == ["order_paid"]
    assert registry[SchemaRef("order_placed", 1)].options.table == "orders"


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("order_placed.v1.toml", "order_placed.v1.headrace.toml"),
        ("order_placed.v1.headrace.tml.toml", "order_placed.v1.headrace.toml"),
        ("Order_placed.v1.Headrace.toml", "order_placed.v1.headrace.toml"),
        ("order_placed.v1.json", "order_placed.v1.headrace.json"),
        ("order_placed_v1_headrace.yaml", "order_placed.v1.headrace.toml"),
    ],
)
def test_a_file_that_looks_like_a_sidecar_is_named(tmp_path: Path, name: str, right: str) -> None:
    with pytest.raises(ContractError) as raised:
        load(tmp_path, FREE, name)

    missing, named = str(raised.value).splitlines()
    assert missing.startswith("order_placed.v1.avsc:1: order_placed.v1.headrace: missing; write ")
    assert missing.endswith("in the record, or the same in order_placed.v1.headrace.toml beside the file")
    assert named.endswith(
        f"{name} looks like the sidecar of order_placed.v1.avsc, and is not read; rename it to {right}"
    )


@pytest.mark.parametrize(
    "name", ["order_placed.v10.toml", "order_placed.test.yaml", "order_placed.v1.md", "other.toml"]
)
def test_other_files_are_not_taken_for_a_sidecar(tmp_path: Path, name: str) -> None:
    with pytest.raises(ContractError) as raised:
        load(tmp_path, FREE, name)
    assert name not in str(raised.value)


def test_each_version_needs_its_own_sidecar(tmp_path: Path) -> None:
    (tmp_path / "order_placed.v2.avsc").write_text(json.dumps(SCHEMA))
    with pytest.raises(ContractError, match=r"or the same in order_placed\.v2\.headrace\.toml beside the file"):
        load(tmp_path, FREE)


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("toml", TABLE + "pii = none\n", 5),
        ("toml", TABLE + 'pii = "none', 5),
        ("toml", "a = [\n1,\n", 2),
        ("json", '{"table": "orders",\n "pii": none}', 2),
    ],
)
def test_a_fault_of_notation_has_its_line(tmp_path: Path, name: str, text: str, line: int) -> None:
    with pytest.raises(
        ContractError, match=rf"^order_placed\.v1\.headrace\.{name}:{line}: order_placed\.v1\.headrace: not "
    ):
        load(tmp_path, text, f"order_placed.v1.headrace.{name}")


def test_many_files_are_matched_in_linear_time(tmp_path: Path) -> None:
    def reading(count: int) -> Callable[[], object]:
        folder = tmp_path / str(count)
        folder.mkdir()
        for number in range(count):
            (folder / f"subject_{number}_ended.v1.avsc").write_text("{}")
            (folder / f"subject_{number}_ended.v1.toml").write_text("")
        return lambda: [*contract_files(folder)]

    assert_linear(reading, 1_600)
