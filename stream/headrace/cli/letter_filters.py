"""The options that choose letters, the same for every command; imports nothing heavy."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any, Final

import typer

Ids = Annotated[list[str] | None, typer.Argument(help="Ids of letters, as short as they are unique.")]
Texts = list[str] | None
_OPTIONS: Final[dict[str, Any]] = {
    "ids": Ids,
    "reason": Annotated[Texts, typer.Option(help="Only letters with this reason; may be given again.")],
    "subject": Annotated[Texts, typer.Option(help="Only letters of this subject; may be given again.")],
    "claimed": Annotated[Texts, typer.Option(help="Only those that claim SUBJECT:VERSION; may be given again.")],
    "source": Annotated[Texts, typer.Option(help="Only those with this ce-source; may be given again.")],
    "state": Annotated[Texts, typer.Option(help="open, replayed, discarded or all; may be given again.")],
    "since": Annotated[str | None, typer.Option(help="Refused from then on: 2h, 7d, or RFC 3339.")],
    "until": Annotated[str | None, typer.Option(help="Refused before then: 2h, 7d, or RFC 3339.")],
    "text": Annotated[str, typer.Option(help="Only those with this in their detail.")],
}


def choosing(*states: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options that choose letters, as its argument ``wanted``, a
    ``headrace.dead_letters.filters.Filter``.

    Letters in *states* are meant where ids and --state are not given; without *states* those in any.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def wrapper(**given: Any) -> None:
            from headrace.console.letter_choice import read_filter

            own = {name: given.pop(name) for name in _OPTIONS}
            command(wanted=read_filter(**own, default_states=states), **given)

        signature = inspect.signature(command, eval_str=True)
        others = [each for name, each in signature.parameters.items() if name != "wanted"]
        chosen = [
            inspect.Parameter(
                name,
                inspect.Parameter.POSITIONAL_OR_KEYWORD,
                default="" if name == "text" else None,
                annotation=annotation,
            )
            for name, annotation in _OPTIONS.items()
        ]
        parameters = [*chosen, *others]
        wrapper.__signature__ = signature.replace(parameters=_defaults_last(parameters))  # type: ignore[attr-defined]
        wrapper.__annotations__ = {each.name: each.annotation for each in parameters}
        return wrapper

    return decorate


def _defaults_last(parameters: list[inspect.Parameter]) -> list[inspect.Parameter]:
    return sorted(parameters, key=lambda each: each.default is not inspect.Parameter.empty)
