"""The form in which a contract states its settings: JSON, or the TOML of a sidecar.

Texts name a setting in JSON. :meth:`Notation.words` says the same in the form of a contract.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

OBJECT: Final = "the headrace object"
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_PAIR: Final = re.compile(r'"([^"\s]+)": ')


class Notation(StrEnum):
    """Where a contract states its settings, and in which form."""

    SCHEMA = "schema"  # in the schema itself, in its headrace object
    JSON = "json"  # in a sidecar
    TOML = "toml"  # in a sidecar

    def words(self, text: str) -> str:
        """Return *text* with the settings in it in this form.

        >>> Notation.TOML.words('write "encoding": {"kind": "glue", "body": "json"}')
        'write encoding = {kind = "glue", body = "json"}'
        >>> Notation.JSON.words('write "encoding": "datum" in the headrace object of the newest contract')
        'write "encoding": "datum" in the sidecar of the newest contract'
        """
        if self is Notation.SCHEMA:
            return text
        text = text.replace(OBJECT, "the sidecar")
        return _PAIR.sub(_pair_of_toml, text) if self is Notation.TOML else text


def _pair_of_toml(pair: re.Match[str]) -> str:
    """Return the beginning of a pair of TOML in place of one of JSON."""
    return f"{pair[1] if _BARE.fullmatch(pair[1]) else pair[0][:-2]} = "
