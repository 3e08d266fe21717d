"""The subject of a letter whose message belonged to none: the settings may map it to one by now."""

from __future__ import annotations

from dataclasses import replace

from headrace.core.routes import Routes, is_subject
from headrace.dead_letters.letter import Letter
from headrace.schemas.registry import Registry
from headrace.steps.decode.subject_routers import Router, router_of


class LetterRouter:
    """Finds the subjects of letters by *routes*."""

    def __init__(self, routes: Routes, registry: Registry) -> None:
        self._routes = routes
        self._registry = registry
        self._routers: dict[str, Router] = {}

    def routed(self, letter: Letter) -> Letter:
        """Return *letter* with the subject that its message has now; a letter with a subject is unchanged."""
        route = None if is_subject(letter.subject) else self._routes.route(letter.subject)
        if route is None:
            return letter
        router = self._routers.get(letter.subject)
        if router is None:
            router = self._routers[letter.subject] = router_of(route, self._registry)
        return replace(letter, subject=router.subject_of(letter.attributes, letter.data))
