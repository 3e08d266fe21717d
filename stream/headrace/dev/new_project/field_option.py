"""The words of ``--field``: a name, a type and, for personal data, a mask."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, assert_never

from headrace.dev.new_project.project_errors import ProjectOptionError
from headrace.schemas.classification import Generalise, Mask
from headrace.schemas.decimal_limits import MAX_WHOLE

GRAMMAR: Final = "name:type, name:type? if it may be null, or name:type:masked if it is personal"
EXAMPLES: Final = ("order_id:string", "amount:decimal(10,2)", "email:string:masked")
DEFAULT_MASK: Final = "masked"
PERSONAL_TEXT_SHOWN: Final = 2  # characters at the end that the mask `partial` keeps
BUCKET: Final = 10
_DECIMAL: Final = re.compile(r"decimal\(\s*([0-9]{1,3})\s*(?:,\s*([0-9]{1,3})\s*)?\)")
_TYPES: Final[Mapping[str, Any]] = {
    "string": "string",
    "boolean": "boolean",
    "int": "int",
    "long": "long",
    "float": "float",
    "double": "double",
    "bytes": "bytes",
    "uuid": {"type": "string", "logicalType": "uuid"},
    "date": {"type": "int", "logicalType": "date"},
    "time": {"type": "long", "logicalType": "time-micros"},
    "timestamp": {"type": "long", "logicalType": "timestamp-micros"},
    "datetime": {"type": "long", "logicalType": "local-timestamp-micros"},
}
DECIMAL: Final = "decimal"
TYPES: Final = (*_TYPES, "decimal(10,2)")
_OTHER_NAMES: Final = {
    "str": "string",
    "text": "string",
    "email": "string",
    "bool": "boolean",
    "integer": "int",
    "bigint": "long",
    "number": "decimal(10,2)",
    "numeric": "decimal(10,2)",
}
_TOKENISED: Final = frozenset({"string", "uuid", "int", "long", "bytes"})
_DAYS: Final = frozenset({"date", "timestamp"})


@dataclass(frozen=True, slots=True)
class FieldOption:
    """One field: its *type* as people write it, the same in Avro, and its mask with the *kind* of personal data."""

    text: str
    name: str
    type: str
    avro: Any
    optional: bool = False
    mask: Mask | None = None
    kind: str = ""

    @property
    def pii(self) -> Any:
        """The classification in the contract."""
        match self.mask:
            case None:
                return "none"
            case Mask.PARTIAL:
                return {"kind": self.kind, "mask": self.mask.value, "keep_last": PERSONAL_TEXT_SHOWN}
            case Mask.GENERALISE:
                return {"kind": self.kind, "mask": self.mask.value, **self._generalised}
            case Mask.TOKENISE | Mask.REDACT | Mask.OMIT:
                return {"kind": self.kind, "mask": self.mask.value}
            case _:
                assert_never(self.mask)

    @property
    def _generalised(self) -> dict[str, Any]:
        if self.type == "string":
            return {"to": Generalise.NETWORK.value}
        if self.type in ("int", "long", "float", "double"):
            return {"to": Generalise.BUCKET.value, "size": BUCKET}
        return {"to": Generalise.MONTH.value}

    @property
    def as_avro(self) -> dict[str, Any]:
        """The field in the contract."""
        type_ = ["null", self.avro] if self.optional else self.avro
        default = {"default": None} if self.optional else {}
        return {"name": self.name, "type": type_, **default, "pii": self.pii}


def parse_field(text: str) -> FieldOption:
    """Read a field as ``--field`` has it.

    >>> parse_field("email:string?:masked").as_avro["pii"]
    {'kind': 'email', 'mask': 'tokenise'}

    Raises:
        ProjectOptionError: it has no type, or an unknown type or mask. The contract's rules are checked with the whole.
    """
    where = f"--field {text[:60]}"
    name, *rest = (part.strip() for part in text.split(":"))
    if not 1 <= len(rest) <= 3 or not rest[0]:
        raise ProjectOptionError(where, "not a field", f"write {GRAMMAR}, such as {EXAMPLES[0]}")
    optional = rest[0].endswith("?")
    type_, avro = _type(rest[0].removesuffix("?").strip(), where)
    mask = _mask(rest[1] if len(rest) > 1 else "none", type_, where)
    kind = rest[2] if len(rest) > 2 else name.lower()
    return FieldOption(text, name, type_, avro, optional, mask, kind)


def _type(text: str, where: str) -> tuple[str, Any]:
    if text in _TYPES:
        return text, _TYPES[text]
    if found := _DECIMAL.fullmatch(text):
        digits = {"precision": int(found[1]), "scale": int(found[2] or 0)}
        if digits["precision"] - digits["scale"] > MAX_WHOLE:
            remedy = f"use at most {MAX_WHOLE} digits before the point, such as decimal(38,2)"
            raise ProjectOptionError(where, "a decimal that BIGNUMERIC cannot hold", remedy)
        return DECIMAL, {"type": "bytes", "logicalType": DECIMAL, **digits}
    if text.startswith(DECIMAL):
        raise ProjectOptionError(
            where,
            "a decimal without its digits",
            "write how many it has, and how many of them after the point, such as decimal(10,2)",
        )
    near = [_OTHER_NAMES[text]] if text in _OTHER_NAMES else difflib.get_close_matches(text, TYPES, n=1)
    remedy = f"did you mean {near[0]}?" if near else f"use one of {', '.join(TYPES)}"
    other = "" if near else "; lists, enums and records are written in the contract itself (docs/contracts.md)"
    raise ProjectOptionError(where, "no such type", remedy + other)


def _mask(text: str, type_: str, where: str) -> Mask | None:
    if text == "none":
        return None
    if text == DEFAULT_MASK:
        return Mask.TOKENISE if type_ in _TOKENISED else Mask.GENERALISE if type_ in _DAYS else Mask.REDACT
    try:
        return Mask(text)
    except ValueError:
        known = (DEFAULT_MASK, *Mask, "none")
    near = difflib.get_close_matches(text, known, n=1)
    raise ProjectOptionError(
        where, "no such mask", f"did you mean {near[0]}?" if near else f"use one of {', '.join(known)}"
    )
