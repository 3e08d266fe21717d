"""Pages of resources, for methods that list them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from headrace.dev.broker.broker_errors import invalid

_PAGE: Final = 1_000


def page(names: Iterable[str], request: Any) -> tuple[list[str], str]:
    """Return the sorted names of the page that *request* asks for, and the token of the next page.

    A token is the last name of the page before. Raises BrokerError if the size of the page is negative.
    """
    if request.page_size < 0:
        raise invalid(f"Invalid page_size: {request.page_size}.")
    size = min(request.page_size or _PAGE, _PAGE)
    found = sorted(each for each in names if each > request.page_token)
    return found[:size], found[size - 1] if len(found) > size else ""
