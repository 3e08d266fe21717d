"""Names of fields that are likely personal, each with a mask to suggest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from headrace.schemas.classification import Generalise, Mask, Pii


@dataclass(frozen=True, slots=True)
class PersonalName:
    """Words of which all are in the name of a field that is likely personal, and the mask to suggest."""

    words: frozenset[str]
    pii: Pii


def _named(names: str, kind: str, mask: Mask = Mask.REDACT, **more: Any) -> list[PersonalName]:
    """Return one entry for each of *names*, which blanks separate; the words of a name are joined by ``+``."""
    return [PersonalName(frozenset(name.split("+")), Pii(kind, mask, **more)) for name in names.split()]


PERSONAL_NAMES: Final = (
    *_named("email mail e+mail", "email", Mask.TOKENISE),
    *_named("phone telephone tel cellphone mobile msisdn fax", "phone", Mask.PARTIAL, keep_last=2),
    *_named("ip", "ip", Mask.GENERALISE, to=Generalise.NETWORK),
    *_named("birth birthday birthdate dob", "birth", Mask.GENERALISE, to=Generalise.YEAR),
    *_named("first+name last+name full+name user+name customer+name display+name firstname lastname", "name"),
    *_named("given+name family+name middle+name maiden+name", "name"),
    *_named("fullname username surname nickname", "name"),
    *_named("address street zip zipcode postcode postal", "address"),
    *_named(
        "passport ssn social+security taxid tax+id tax+number nationalid national+id",
        "identity_document",
        Mask.TOKENISE,
    ),
    *_named(
        "iban bic pan cardnumber card+number creditcard credit+card debit+card bank+account", "account", Mask.TOKENISE
    ),
    *_named("password secret token credential", "secret"),
    *_named("latitude longitude geolocation", "location"),
    *_named("user+agent", "user_agent"),
    *_named("gender sex religion ethnicity", "special_category"),
)
