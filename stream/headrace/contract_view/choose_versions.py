"""The two versions that a diff compares, and those that the table has seen before and after."""

from __future__ import annotations

from typing import NamedTuple

from headrace.contract_view.subjects import Subject
from headrace.errors import Exit, HeadraceError
from headrace.schemas.registry import Contract


class NothingToCompareError(HeadraceError, ValueError, error_code="HR-142", exit_code=Exit.USAGE):
    """The two versions of a diff are not an older one and a newer one. The text gives the remedy."""


class Compared(NamedTuple):
    """The versions that a table has seen up to the older one, and those up to the newer one."""

    before: tuple[Contract, ...]
    after: tuple[Contract, ...]

    @property
    def old(self) -> Contract:
        """The older version."""
        return self.before[-1]

    @property
    def new(self) -> Contract:
        """The newer version."""
        return self.after[-1]


def choose_versions(here: Subject, published: Subject | None, old: int | None, new: int | None) -> Compared:
    """Return the versions *old* and *new* of a subject, with those before them.

    Without *new* it is the newest one here. Without *old* it is the version before that, or the newest *published* one.
    *old* is one of those that are *published*, if there are any.

    Raises:
        NothingToCompareError: there is no older version, or *old* is newer than *new*.
        ContractError: a version is refused.
        UnknownSchemaError: there is no such version.
    """
    newer = here.version(new)
    if published is not None:
        older = published.version(old)
    elif old is not None:
        older = here.version(old)
    else:
        earlier = [each for each in here.versions if each.ref.version < newer.ref.version]
        if not earlier:
            why = f"{here.name}.v{newer.ref.version}: no earlier version here"
            raise NothingToCompareError(f"{why}; name a commit, as in --against origin/main, or two versions")
        older = earlier[-1]
    if older.ref > newer.ref:
        why = f"{here.name}: v{older.ref.version} is newer than v{newer.ref.version}"
        raise NothingToCompareError(f"{why}; name the older version first")
    before = tuple(each for each in (published or here).versions if each.ref <= older.ref)
    if newer is older:
        return Compared(before, before)
    between = (each for each in here.versions if older.ref < each.ref < newer.ref)
    return Compared(before, (*before, *between, newer))
