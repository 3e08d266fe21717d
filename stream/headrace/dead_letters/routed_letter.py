"""The subject of a letter whose message belonged to none: the settings may map it to one by now."""

from __future__ import annotations

from dataclasses import replace

from headrace.core.routes import Routes, is_subject
from headrace.dead_letters.letter import Letter


def routed(letter: Letter, routes: Routes) -> Letter:
    """Return *letter* with the subject that *routes* has for its message now; a letter with a subject is unchanged."""
    route = None if is_subject(letter.subject) else routes.route(letter.subject)
    return letter if route is None else replace(letter, subject=route.subject_of(letter.attributes))
