"""The parts of messages with change events, by the rules of the newest contract."""

from __future__ import annotations

from collections.abc import Mapping

from headrace.core.message import Message
from headrace.schemas.errors import UndecodableError
from headrace.schemas.json_encoding.rules import STRICT
from headrace.schemas.message_rules.change_events import OP, ChangeRules, Op
from headrace.schemas.message_rules.encoding import Encoding
from headrace.schemas.registry import Contract
from headrace.steps.decode.changes.envelope import change_attributes, is_left_out, read_change
from headrace.steps.decode.changes.rows import ChangeRows
from headrace.steps.decode.empty_payload import empty_payload
from headrace.steps.decode.native_messages import is_native
from headrace.steps.decode.payload_layers import Framed, behind_header, read_header, unpack


class ChangeMessages:
    """Reader of what is in the payloads of one subject's change events."""

    def __init__(self, rules: ChangeRules, encoding: Encoding) -> None:
        self._rules, self._encoding = rules, encoding
        self._rows: dict[int, ChangeRows] = {}

    @classmethod
    def of(cls, newest: Contract) -> ChangeMessages | None:
        """Return the reader; None if the contract declares another envelope."""
        rules = newest.options.envelope.changes
        return None if rules is None else cls(rules, newest.options.encodings[0])

    def context(self, message: Message) -> tuple[Mapping[str, str], bytes]:
        """Return the attributes of a message with those that its change gives, and the payload.

        Raises:
            UndecodableError: the payload is empty, is not JSON, or has a value of another type in the envelope.
            MalformedEnvelopeError: it is no change of a row of the table.
        """
        change = behind_header(read_change, self._framed(message))
        return {**message.attributes, **change_attributes(change, self._rules)}, message.data

    def row(self, contract: Contract, framed: Framed, attributes: Mapping[str, str]) -> bytes:
        """Return the row of a change as one datum of the version *contract*; raises UndecodableError.

        *attributes* are those of its context.
        """
        rows = self._rows.get(contract.ref.version)
        if rows is None:
            json = self._encoding.json or STRICT
            rows = self._rows[contract.ref.version] = ChangeRows(contract.record, json, self._rules)
        op = Op(attributes[OP])
        return behind_header(lambda text: rows.read(op, text), framed)

    def is_left_out(self, message: Message) -> bool:
        """Return whether a message is a change without a row that the contract leaves out."""
        if is_native(message) or not self._rules.drop:
            return False
        try:
            framed = self._framed(message)
        except UndecodableError:
            return False
        return is_left_out(framed.data[framed.start :], self._rules)

    def _framed(self, message: Message) -> Framed:
        if not message.data:
            raise empty_payload(message.data)
        return read_header(unpack(message.data, self._encoding, message.attributes), self._encoding)
