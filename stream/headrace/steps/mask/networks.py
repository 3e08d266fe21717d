"""Network of an IP address, which replaces the address when it is generalised."""

from __future__ import annotations

import ipaddress
import struct
from socket import AF_INET, AF_INET6, inet_pton
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

# Patterns of addresses in their usual form, in which the network is a part of the text. At each position the next
# character decides how to continue, so that RE2 needs one pass.
_OCTET: Final = "(?:0|1[0-9]{0,2}|2(?:[0-4][0-9]?|5[0-5]?|[6-9])?|[3-9][0-9]?)"
_IPV4: Final = rf"^({_OCTET}\.{_OCTET}\.{_OCTET})\.{_OCTET}$"
_GROUP: Final = "(?:0|[1-9a-f][0-9a-f]{0,3})"
_IPV6: Final = rf"^({_GROUP}:{_GROUP}:[1-9a-f][0-9a-f]{{0,3}})(?::[0-9a-f]{{1,4}}){{5}}$"

_KEPT: Final = struct.Struct(">3H")  # groups of an IPv6 address


def networks(texts: pa.Array) -> pa.Array:
    """Return the network of each address, 24 bits of IPv4 and 48 of IPv6; null for a text that is not an address."""
    coarse = pc.replace_substring_regex(texts, _IPV4, r"\1.0/24")
    coarse = pc.replace_substring_regex(coarse, _IPV6, r"\1::/48")
    others = pc.fill_null(pc.equal(coarse, texts), False)
    if not others.true_count:
        return coarse
    read = pa.array(map(_network, texts.filter(others).to_pylist()), pa.string())
    return pc.replace_with_mask(coarse, others, read)


def _network(text: str) -> str | None:
    """Return the network of one address in any form; None if the text is not an address."""
    text = text.strip()
    try:
        if ":" not in text:
            inet_pton(AF_INET, text)  # accepts only four numbers without leading zeros
            return f"{text[: text.rindex('.')]}.0/24"
        address = inet_pton(AF_INET6, text) if "%" not in text else ipaddress.IPv6Address(text).packed
    except (OSError, ValueError):  # not an address, or a text with a null character
        return None
    one, two, three = _KEPT.unpack_from(address)
    if three:
        return f"{one:x}:{two:x}:{three:x}::/48"
    return f"{one:x}:{two:x}::/48" if two else f"{one:x}::/48" if one else "::/48"
