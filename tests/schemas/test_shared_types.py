"""Types that several files of a folder use, and lists of schemas in one file."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from headrace.schemas.envelope import SchemaRef
from headrace.schemas.errors import ContractError
from headrace.schemas.model import Recursive, bare, walk
from headrace.schemas.registry import Contract, Registry, parse_contract
from tests.support.builders import MOMENT, a_record, contract_json
from tests.support.foreign import READERS, by_fastavro
from tests.support.readers import compile_reader

CURRENCY = {"type": "enum", "name": "Currency", "namespace": "shop", "symbols": ["EUR", "USD"]}
MONEY = {"namespace": "shop", **a_record("Money", ("cents", "long"), ("currency", "Currency"))}
PRICE = {"namespace": "sales", **a_record("Price", ("net", "shop.Money"), ("gross", ["null", "shop.Money"]))}
VALUE = {"net": {"cents": 5, "currency": "USD"}, "gross": {"cents": 6, "currency": "EUR"}}


def load(folder: Path, **files: Any) -> Registry:
    """The registry of *files*, in whose names ``__`` stands for a point."""
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / f"{name.replace('__', '.')}.avsc").write_text(text)
    return Registry.load(folder)


def refusal(folder: Path, **files: Any) -> str:
    with pytest.raises(ContractError) as raised:
        load(folder, **files)
    return str(raised.value)


def assert_reads_the_value(contract: Contract) -> None:
    whole = contract_json(("price", {**PRICE, "fields": [{"name": "net", "type": {**MONEY, "fields": [
        {"name": "cents", "type": "long"}, {"name": "currency", "type": CURRENCY}
    ]}}, PRICE["fields"][1]]}))  # fmt: skip
    data = by_fastavro(whole, {"price": VALUE, "at": MOMENT})
    for kind in READERS:
        assert compile_reader(kind, contract.record, contract.record)(data)[0] == VALUE


USES = contract_json(("price", "sales.Price"))


@pytest.mark.parametrize("names", [("shop__Currency", "Money", "sales__Price"), ("Currency", "shop__Money", "Price")])
def test_a_contract_uses_types_of_files_that_use_types_of_files(tmp_path: Path, names: Any) -> None:
    registry = load(tmp_path, thing_happened__v1=USES, **dict(zip(names, (CURRENCY, MONEY, PRICE), strict=True)))

    assert_reads_the_value(registry.latest("thing_happened"))


def test_a_contract_uses_types_of_another_contract(tmp_path: Path) -> None:
    other = contract_json(("currency", CURRENCY), ("money", MONEY), ("price", PRICE), table="others")
    registry = load(tmp_path, thing_happened__v1=USES, other_happened__v1=other)

    assert_reads_the_value(registry.latest("thing_happened"))


def test_a_file_of_shared_types_may_be_a_list_and_have_comments(tmp_path: Path) -> None:
    text = f"\ufeff// what we share\n{json.dumps([CURRENCY, MONEY, PRICE])} /* no more */"

    assert_reads_the_value(load(tmp_path, thing_happened__v1=USES, Price=text).latest("thing_happened"))


@pytest.mark.parametrize("order", [0, 1, 2])
def test_a_list_may_define_types_in_any_order_and_the_last_record_is_the_event(tmp_path: Path, order: int) -> None:
    types = [CURRENCY, MONEY, PRICE]
    registry = load(tmp_path, thing_happened__v1=[*types[order:], *types[:order], USES])

    assert_reads_the_value(registry.latest("thing_happened"))


def test_the_record_with_the_annotation_is_the_event_wherever_it_stands(tmp_path: Path) -> None:
    assert_reads_the_value(load(tmp_path, thing_happened__v1=[USES, CURRENCY, MONEY, PRICE]).latest("thing_happened"))


def test_two_records_with_the_annotation_are_refused(tmp_path: Path) -> None:
    message = refusal(tmp_path, thing_happened__v1=[USES, contract_json() | {"name": "Other"}])

    assert message.startswith(
        "thing_happened.v1.avsc:1: thing_happened.v1: a list of several records with headrace; leave it on the record"
    )


def test_a_definition_of_the_file_itself_comes_first(tmp_path: Path) -> None:
    own = contract_json(("money", {**MONEY, **a_record("Money", ("amount", "int"))}), ("more", "shop.Money"))
    contract = load(tmp_path, thing_happened__v1=own, Currency=CURRENCY, Money=MONEY).latest("thing_happened")

    assert [field.name for field in contract.record.fields[1].type.fields] == ["amount"]  # type: ignore[union-attr]


def test_a_contract_carries_what_it_uses(tmp_path: Path) -> None:
    contract = load(tmp_path, thing_happened__v1=USES, Currency=CURRENCY, Money=MONEY, Price=PRICE).latest(
        "thing_happened"
    )

    again = pickle.loads(pickle.dumps(contract))

    assert (again.record, again.fingerprint, again.json) == (contract.record, contract.fingerprint, contract.json)
    assert parse_contract(contract.ref, contract.json).record == contract.record
    assert_reads_the_value(again)


def test_the_fingerprint_covers_the_definitions_that_are_used(tmp_path: Path) -> None:
    def fingerprint(folder: str, **files: Any) -> str:
        (tmp_path / folder).mkdir()
        used = {"Currency": CURRENCY, "Money": MONEY, "Price": PRICE} | files
        return load(tmp_path / folder, thing_happened__v1=USES, **used).latest("thing_happened").fingerprint

    first = fingerprint("first")

    assert fingerprint("same", Currency=json.dumps(CURRENCY, indent=4)) == first
    assert fingerprint("unused", Other=a_record("Other", ("a", "int"))) == first
    assert fingerprint("changed", Currency=CURRENCY | {"symbols": ["EUR", "USD", "CHF"]}) != first


def test_a_contract_that_needs_no_other_file_keeps_its_text_and_its_fingerprint(tmp_path: Path) -> None:
    text = json.dumps(
        contract_json(("money", {**MONEY, **a_record("Money", ("amount", "int"))}), ("more", "shop.Money"))
    )

    assert load(tmp_path, thing_happened__v1=text).latest("thing_happened").json == text


def test_types_of_two_files_may_contain_each_other_if_that_ends(tmp_path: Path) -> None:
    one = a_record("One", ("other", ["null", "Other"]))
    other = a_record("Other", ("one", ["null", "One"]))

    registry = load(tmp_path, thing_happened__v1=contract_json(("one", "One")), One=one, Other=other)

    places = {path: field.type for path, field in walk(registry.latest("thing_happened").record)}
    assert isinstance(bare(places["one.other.one"]), Recursive)


def test_types_of_two_files_that_contain_each_other_without_end_are_refused(tmp_path: Path) -> None:
    one, other = a_record("One", ("other", "Other")), a_record("Other", ("one", "One"))

    message = refusal(tmp_path, thing_happened__v1=contract_json(("one", "One")), One=one, Other=other)

    assert message.startswith("thing_happened.v1.avsc:1: thing_happened.v1.one: One contains itself without end; ")


def test_a_type_that_files_define_in_two_ways_is_refused_with_what_helps(tmp_path: Path) -> None:
    uses = contract_json(("money", "shop.Currency"), table="users")
    first = contract_json(("c", CURRENCY), table="first")
    second = contract_json(("c", CURRENCY | {"symbols": ["CHF"]}), table="second")
    files = {"user_event__v1": uses, "first_event__v1": first, "second_event__v1": second}

    message = refusal(tmp_path, **files)
    assert message == (
        "user_event.v1.avsc:1: user_event.v1: shop.Currency is defined in first_event.v1.avsc and otherwise in "
        "second_event.v1.avsc; "
        "define it in this file too, or in a file of its own, shop.Currency.avsc"
    )

    registry = load(tmp_path, **files, shop__Currency=CURRENCY)
    assert registry.latest("user_event").record.fields[0].type == registry.latest("first_event").record.fields[0].type


def test_an_unknown_type_is_named_with_its_place(tmp_path: Path) -> None:
    message = refusal(tmp_path, thing_happened__v1=USES, Price=PRICE)

    assert message.startswith("thing_happened.v1.avsc:1: thing_happened.v1.price.net: unknown type 'shop.Money'; use ")
    assert message.endswith("or define the type here or in another file of the folder")


MISNAMED: dict[str, Any] = {
    "thing_happened": contract_json(),
    "ThingHappened": contract_json(),
    "Thing__v1": a_record("Thing", ("a", "int")),
    "money": MONEY,
    "Cash": MONEY,
    "shop__Money__v2": MONEY,
    "string": '"string"',
}


@pytest.mark.parametrize("name", MISNAMED)
def test_a_file_that_is_called_after_no_type_of_it_is_refused(tmp_path: Path, name: str) -> None:
    message = refusal(tmp_path, good_thing__v1=contract_json(), **{name: MISNAMED[name]})

    assert message.startswith(
        f"{name.replace('__', '.')}.avsc: not the name of a contract; call it <subject>.v<N>.avsc"
    )
    if MISNAMED[name] is MONEY:
        assert message.endswith("or, if it holds types that contracts share, shop.Money.avsc")


def test_a_broken_file_of_shared_types_blocks_those_who_use_it_alone(tmp_path: Path) -> None:
    files = {"good_thing__v1": contract_json(table="good"), "thing_happened__v1": USES, "Price": "{"}
    message = refusal(tmp_path, **files)
    assert message.startswith("Price.avsc: not JSON (")

    registry = Registry.load_serviceable(tmp_path)

    assert registry.subjects == ("good_thing",)
    assert registry.blocked_subjects == ("thing_happened",)


def test_a_schema_nested_without_end_is_refused(tmp_path: Path) -> None:
    chain = {f"T{index}": a_record(f"T{index}", ("f", f"T{index + 1}")) for index in range(100)}

    message = refusal(tmp_path, thing_happened__v1=contract_json(("f", "T0")), **chain)

    assert "nested deeper than 32" in message


def test_a_bundle_is_no_larger_than_the_files_that_it_is_made_of() -> None:
    types = [a_record(f"T{index}", *((f"f{each}", f"T{index + 1}") for each in range(3))) for index in range(6)]
    text = json.dumps([*types, a_record("T6", ("x", "int")), contract_json(("a", "T0"))])

    contract = parse_contract(SchemaRef("thing_happened", 1), text)

    assert len(contract.json) < 2 * len(text)
