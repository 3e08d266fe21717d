"""How a contract says that payloads are encoded: compression, the header before the value, and the value's form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final, assert_never

from headrace.schemas.checked_values import boolean, mapping_of, member, refuse_unknown, text_in
from headrace.schemas.errors import ContractError
from headrace.schemas.id_space import IdSpace
from headrace.schemas.json_encoding.parse_rules import parse_json_rules
from headrace.schemas.json_encoding.rules import AVRO_JSON, JsonRules


class Frame(StrEnum):
    """The header before the value, which names the schema with which the value was written."""

    NONE = "none"
    SINGLE_OBJECT = "single-object"
    CONFLUENT = "confluent"
    APICURIO = "apicurio"
    GLUE = "glue"


class Body(StrEnum):
    """The form of the value itself."""

    DATUM = "datum"
    CONTAINER = "container"
    AVRO_JSON = "avro-json"
    JSON = "json"

    def has_type(self, media: str) -> bool:
        """Return whether *media*, a content type in lower case without parameters, is one of this form."""
        match self:
            case Body.DATUM | Body.CONTAINER:
                return media in _AVRO_TYPES
            case Body.AVRO_JSON:
                return media in _AVRO_JSON_TYPES or _is_json(media)
            case Body.JSON:
                return media not in _AVRO_JSON_TYPES and _is_json(media)
            case _:
                assert_never(self)


_AVRO_TYPES: Final = frozenset(
    {"application/avro", "application/vnd.apache.avro", "application/x-avro", "avro/binary", "application/octet-stream"}
)
_AVRO_JSON_TYPES: Final = frozenset({"application/avro+json", "application/vnd.apache.avro+json", "avro/json"})


def _is_json(media: str) -> bool:
    return media in ("application/json", "text/json") or media.endswith("+json")


class Compression(StrEnum):
    """Compression of payloads: always the same one, or what the attribute ``content-encoding`` of a message says."""

    GZIP = "gzip"
    ZSTD = "zstd"
    DEFLATE = "deflate"
    CONTENT_ENCODING = "content-encoding"


@dataclass(frozen=True, slots=True)
class Encoding:
    """The annotation ``encoding``, typed.

    *is_stated* is whether the contract says anything. Without a word, a payload that is a datum both as it is and
    behind a header is refused. *id_bytes* is the length of an id in Apicurio's header. *id_attribute* names the
    attribute that holds the id in place of a header. *base64* says that the payload is text in base64. *json* are the
    forms of a value in JSON.
    """

    frame: Frame = Frame.NONE
    body: Body = Body.DATUM
    is_stated: bool = False
    id_bytes: int = 4
    id_space: IdSpace = IdSpace.CONTENT
    id_attribute: str | None = None
    compression: Compression | None = None
    base64: bool = False
    json: JsonRules | None = None

    @property
    def header_bytes(self) -> int:
        """The length of the header; 0 without a header."""
        return 0 if self.id_attribute is not None else _HEADER_BYTES.get(self.frame, 1 + self.id_bytes)

    @property
    def names_schema(self) -> bool:
        """Whether a payload, or an attribute in place of its header, says which schema wrote the value."""
        return self.frame is not Frame.NONE or self.body is Body.CONTAINER

    @property
    def is_datum(self) -> bool:
        """Whether the value is a bare datum, without a header."""
        return self.frame is Frame.NONE and self.body is Body.DATUM

    @property
    def fits_own_envelope(self) -> bool:
        """Whether payloads in Headrace's own envelope have it: a bare datum, compressed where its attribute says so."""
        is_chosen = self.compression in (None, Compression.CONTENT_ENCODING)
        return self.is_datum and is_chosen and not self.base64

    @property
    def states_datum(self) -> bool:
        """Whether the contract says that the value is a bare datum, whatever its first bytes are."""
        return self.is_stated and self.is_datum


class Encodings(tuple[Encoding, ...]):
    """The encodings of a subject's payloads: one, or several of which the content type of a message names one."""

    __slots__ = ()

    @property
    def states_datum(self) -> bool:
        """Whether the contract says that every value is a bare datum, whatever its first bytes are."""
        return all(each.states_datum for each in self)

    @property
    def may_be_compressed(self) -> bool:
        """Whether the attribute ``content-encoding`` of a message may say that its payload is compressed.

        This also counts for messages in Headrace's own envelope.
        """
        return any(each.compression is Compression.CONTENT_ENCODING for each in self)

    @property
    def has_datum(self) -> bool:
        """Whether a value may be a bare datum."""
        return any(each.is_datum for each in self)

    def of(self, media: str) -> Encoding | None:
        """Return the encoding of a message with the content type *media*; None if it names none of several."""
        if len(self) == 1:
            return self[0]
        return next((each for each in self if each.body.has_type(media)), None)


_HEADER_BYTES: Final = {Frame.NONE: 0, Frame.SINGLE_OBJECT: 10, Frame.CONFLUENT: 5, Frame.GLUE: 18}
_FRAMED: Final = tuple(frame for frame in Frame if frame is not Frame.NONE)
_KINDS: Final = (*Body, *_FRAMED)
_REMEDY: Final = f'choose from {", ".join(_KINDS)}, or write {{"kind": "confluent", "body": "avro-json"}}'


def parse_encodings(annotation: Mapping[str, Any], where: str) -> Encodings:
    """Read the annotation ``encoding``: one encoding, or a list of those that the content type of a message names.

    Raises:
        ContractError: the annotation is invalid.
    """
    if "encoding" not in annotation:
        return Encodings([Encoding()])
    value, place = annotation["encoding"], f"{where}.encoding"
    listed = value if isinstance(value, list) else [value]
    json = _json_rules(annotation, where)
    found = Encodings(
        _with_json(_encoding(each, place if value is each else f"{place}[{number}]"), json)
        for number, each in enumerate(listed)
    )
    if "json" in annotation and not any(each.body is Body.JSON for each in found):
        raise ContractError(
            f"{where}.json", "forms of JSON, and no encoding is json", "remove it, or write the encoding"
        )
    forms = {each.body in (Body.JSON, Body.AVRO_JSON) for each in found}
    if not found or len(forms) < len(found):
        raise ContractError(
            place,
            "not a list of encodings with different content types",
            'write one encoding, or one of Avro and one of JSON: ["datum", "json"]',
        )
    return found


def _json_rules(annotation: Mapping[str, Any], where: str) -> JsonRules:
    remedy = 'write {"convention": "jackson"}'
    return parse_json_rules(mapping_of(annotation.get("json", {}), f"{where}.json", remedy), f"{where}.json")


def _with_json(encoding: Encoding, rules: JsonRules) -> Encoding:
    match encoding.body:
        case Body.JSON:
            return replace(encoding, json=rules)
        case Body.AVRO_JSON:
            return replace(encoding, json=AVRO_JSON)
        case Body.DATUM | Body.CONTAINER:
            return encoding
        case _:
            assert_never(encoding.body)


def _encoding(value: object, where: str) -> Encoding:
    given = {"kind": value} if isinstance(value, str) else mapping_of(value, where, _REMEDY)
    kind = given.get("kind")
    if kind not in _KINDS:
        raise ContractError(where, "missing kind" if kind is None else "not one of the known values", _REMEDY)
    frame, body = _frame_and_body(str(kind), given, where)
    refuse_unknown(given, {"kind", "compression", "base64"} | _SETTINGS.get(frame, set()), where)
    if frame is Frame.SINGLE_OBJECT and body is not Body.DATUM:
        raise ContractError(
            f"{where}.body", "another form than a datum behind this header", 'write "datum", or leave it out'
        )
    return Encoding(
        frame=frame,
        body=body,
        is_stated=True,
        id_bytes=_id_bytes(given, f"{where}.id_bytes"),
        id_space=_id_space(given, frame, f"{where}.ids"),
        id_attribute=_id_attribute(given, where),
        compression=_compression(given, f"{where}.compression"),
        base64=boolean(given.get("base64", False), f"{where}.base64"),
    )


_SETTINGS: Final = {
    Frame.SINGLE_OBJECT: {"body"},
    Frame.CONFLUENT: {"body", "id_attribute"},
    Frame.APICURIO: {"body", "id_attribute", "id_bytes", "ids"},
    Frame.GLUE: {"body"},
}


def _frame_and_body(kind: str, given: Mapping[str, Any], where: str) -> tuple[Frame, Body]:
    if kind not in _FRAMED:
        return Frame.NONE, Body(kind)
    body = member(Body, given.get("body", Body.DATUM), f"{where}.body")
    if body is Body.CONTAINER:
        raise ContractError(f"{where}.body", "a container behind a header", 'write "datum", "avro-json" or "json"')
    return Frame(kind), body


def _id_attribute(given: Mapping[str, Any], where: str) -> str | None:
    if "id_attribute" not in given:
        return None
    return text_in(given, "id_attribute", where, "name the attribute that holds the id")


def _compression(given: Mapping[str, Any], where: str) -> Compression | None:
    return member(Compression, given["compression"], where) if "compression" in given else None


def _id_bytes(given: Mapping[str, Any], where: str) -> int:
    value = given.get("id_bytes", 4)
    if value not in (4, 8) or isinstance(value, bool):
        raise ContractError(where, "neither 4 nor 8", "write 4 or 8, as the producer's serializer is set")
    return int(value)


def _id_space(given: Mapping[str, Any], frame: Frame, where: str) -> IdSpace:
    """Return the id space; Apicurio's serializers have two, so that its contracts must say which."""
    if frame is not Frame.APICURIO:
        return IdSpace.CONTENT
    return member(IdSpace, given.get("ids"), where)
