"""Reads Terraform files as far as tests need it: what is declared, what is referred to, what each block is given."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import hcl2

from tests.support.paths import ROOT

FOLDER: Final = ROOT / "deploy/terraform"
PROVIDER: Final[dict[str, Any]] = json.loads((Path(__file__).parent / "google_provider.json").read_text())
_META: Final = {"count", "depends_on", "for_each", "lifecycle", "provider", "dynamic"}
_REFERENCE: Final = re.compile(r"\b(?P<data>data\.)?(?P<kind>google_\w+)\.(?P<name>\w+)(?P<index>\[)?")
_ATTRIBUTE: Final = re.compile(r"\b(data\.)?(google_\w+)\.(\w+)(?:\[[^\[\]]*(?:\[[^\]]*\])?[^\[\]]*\])?\.(\w+)")


@dataclass(frozen=True, slots=True)
class Block:
    """One resource or data source: *address* as others refer to it."""

    what: str
    kind: str
    name: str
    body: Mapping[str, Any]

    @property
    def address(self) -> str:
        return f"{'data.' if self.what == 'data' else ''}{self.kind}.{self.name}"

    @property
    def schema(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = PROVIDER[f"{self.what} {self.kind}"]
        return found

    @property
    def repeated(self) -> bool:
        return "for_each" in self.body or "count" in self.body


class Configuration:
    """All files of a folder."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._text = {name: re.sub(r"^\s*#.*$", "", text, flags=re.M) for name, text in files.items()}
        parsed = [_parse(text) for text in files.values()]
        self.blocks = [
            Block(what, _bare(kind), _bare(name), body)
            for file in parsed
            for what in ("resource", "data")
            for each in file.get(what, [])
            for kind, named in each.items()
            for name, body in named.items()
        ]
        self.variables = {
            _bare(name): body for file in parsed for each in file.get("variable", []) for name, body in each.items()
        }
        self.locals = {
            name: value
            for file in parsed
            for each in file.get("locals", [])
            for name, value in each.items()
            if not name.startswith("__")
        }

    @classmethod
    def read(cls, folder: Path = FOLDER) -> Configuration:
        return cls({path.name: path.read_text() for path in sorted(folder.glob("*.tf"))})

    def of(self, kind: str) -> list[Block]:
        return [each for each in self.blocks if each.kind == kind and each.what == "resource"]

    def problems(self) -> list[str]:
        """What Terraform itself would refuse, of what can be seen without it."""
        return [*self._unresolved(), *self._attributes(), *self._unused(), *self._arguments()]

    def _unresolved(self) -> Iterator[str]:
        blocks = {each.address: each for each in self.blocks}
        for file, text in self._text.items():
            for kind, known in (("var", self.variables), ("local", self.locals)):
                for name in re.findall(rf"(?<![\w.]){kind}\.(\w+)", text):
                    if name not in known:
                        yield f"{file}: {kind}.{name} is declared nowhere"
            for name, field in re.findall(r"(?<![\w.])var\.(\w+)\.(\w+)", text):
                if name in self.variables and not re.search(rf"\b{field}\s*=", self._variable(name)):
                    yield f"{file}: var.{name} has no {field}"
            for found in _REFERENCE.finditer(text):
                address = found[0].removesuffix("[")
                if address not in blocks:
                    yield f"{file}: {address} is declared nowhere"
                elif bool(found["index"]) and not blocks[address].repeated:
                    yield f"{file}: {address} is one, and takes no index"

    def _attributes(self) -> Iterator[str]:
        blocks = {each.address: each for each in self.blocks}
        for file, text in self._text.items():
            for found in _ATTRIBUTE.finditer(text):
                block = blocks.get(f"{found[1] or ''}{found[2]}.{found[3]}")
                if block is None:
                    continue
                if found[4] not in block.schema["attributes"]:
                    yield f"{file}: {block.address} has no {found[4]}"
                if block.repeated and "[" not in found[0]:
                    yield f"{file}: {block.address} are many, and need an index"

    def _unused(self) -> Iterator[str]:
        text = "\n".join(self._text.values())
        for kind, known in (("var", self.variables), ("local", self.locals)):
            for name in known:
                if not re.search(rf"(?<![\w.]){kind}\.{name}\b", text):
                    yield f"{kind}.{name} is not used"

    def _arguments(self) -> Iterator[str]:
        for block in self.blocks:
            yield from _mismatches(block.address, block.body, block.schema, _META)

    def _variable(self, name: str) -> str:
        text = "\n".join(self._text.values())
        found = re.search(rf'^variable "{name}" \{{\n(.*?)^\}}', text, re.M | re.S)
        return found[1] if found else ""


@cache
def _parse(text: str) -> dict[str, Any]:
    """Once for each text: the parser takes a second for a thousand lines."""
    found: dict[str, Any] = hcl2.loads(text)
    return found


def text_of(value: Any) -> str:
    """A string as Terraform would have it, with what is interpolated left as it is."""
    return str(value).removeprefix('"').removesuffix('"').replace('\\"', '"')


def _mismatches(place: str, body: Mapping[str, Any], schema: Mapping[str, Any], meta: set[str]) -> Iterator[str]:
    blocks = dict(_inner(body))
    given = {name for name in body if not name.startswith("__")} - meta
    required, optional = set(schema.get("required", [])), set(schema.get("optional", []))
    for name in sorted(given - required - optional):
        yield f"{place}: {name} is not known to the provider"
    for name in sorted(required - given - {name for name, _ in _inner(body)}):
        yield f"{place}: {name} is missing"
    for name in blocks:
        if name in meta:
            continue
        if name not in schema.get("blocks", {}):
            yield f"{place}: {name} is no block"
            continue
        for each in (inner for other, inner in _inner(body) if other == name):
            yield from _mismatches(f"{place}.{name}", each, schema["blocks"][name], {"dynamic"})


def _inner(body: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Blocks within a block, the dynamic ones too."""
    for name, value in body.items():
        for each in value if isinstance(value, list) else ():
            if not isinstance(each, dict) or "__is_block__" not in each:
                if name == "dynamic":
                    yield from ((_bare(inner), content) for inner, it in each.items() for content in it["content"])
                continue
            yield name, each


def _bare(name: str) -> str:
    return name.strip('"')


READ: Final = Configuration.read()
