"""Second reading of payloads whose schema revision is wrong: with the other versions that the contract names.

Pub/Sub's emulator sometimes stamps a message with an older revision than the one that checked it.
"""

from __future__ import annotations

from collections.abc import Sequence

from headrace.schemas.decoder import compile_decoder
from headrace.schemas.errors import UndecodableError
from headrace.schemas.registry import Contract
from headrace.steps.decode.opened_messages import Writer


class OtherVersions:
    """The versions with which a payload may be read again, the newest first."""

    def __init__(self, candidates: Sequence[Writer], newest: Contract) -> None:
        self._candidates = candidates
        self._reader, self._notation = newest.record, newest.notation

    def find(self, payload: bytes, tried: Writer, error: UndecodableError) -> Writer | UndecodableError:
        """Return the first other version that reads *payload*; else an error that names what each one refuses."""
        whys = [f"v{tried.contract.ref.version}: {error.told(self._notation)}"]
        for each in self._candidates:
            if each.contract.ref == tried.contract.ref:
                continue
            try:
                compile_decoder(each.record, self._reader)(payload)
            except UndecodableError as other:
                whys.append(f"v{each.contract.ref.version}: {other.told(self._notation)}")
            else:
                return each
        return error if len(whys) == 1 else UndecodableError(f"no version reads it ({'; '.join(whys)})")
