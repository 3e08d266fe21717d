"""Goes on with a journal that knows less than its engine has stated."""

from __future__ import annotations

from headrace.engine.claim_keeper import Guard
from headrace.engine.subscription_claims import Claimant


def look_away(self: Guard, own: Claimant | None) -> None:
    """Refuse nothing."""


Guard._refuse_old_copy = look_away  # type: ignore[method-assign]
Guard._refuse_other_run = look_away  # type: ignore[method-assign]
