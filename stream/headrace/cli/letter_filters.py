"""The options that choose letters, shared by commands; imports nothing heavy."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any, Final

import typer

from headrace.cli import completion
from headrace.cli.options import with_parameters

Ids = Annotated[
    list[str] | None,
    typer.Argument(help="Ids of letters, or unique beginnings of them.", autocompletion=completion.letter_ids),
]
Texts = list[str] | None
_OPTIONS: Final[dict[str, Any]] = {
    "ids": Ids,
    "reason": Annotated[
        Texts, typer.Option(help="Choose letters with this reason; repeatable.", autocompletion=completion.reasons)
    ],
    "subject": Annotated[
        Texts, typer.Option(help="Choose letters of this subject; repeatable.", autocompletion=completion.subjects)
    ],
    "claimed": Annotated[Texts, typer.Option(help="Choose letters that claim SUBJECT:VERSION; repeatable.")],
    "source": Annotated[Texts, typer.Option(help="Choose letters with this ce-source; repeatable.")],
    "state": Annotated[
        Texts,
        typer.Option(help="Choose open, replayed, discarded or all; repeatable.", autocompletion=completion.states),
    ],
    "since": Annotated[str | None, typer.Option(help="Choose letters refused since 2h, 7d, or an RFC 3339 time.")],
    "until": Annotated[str | None, typer.Option(help="Choose letters refused before 2h, 7d, or an RFC 3339 time.")],
    "text": Annotated[str, typer.Option(help="Choose letters with this text in the detail.")],
}


def choosing(*states: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add the options that choose letters to a command, which receives them as ``wanted``, a ``Filter``.

    Without ids and --state, the filter chooses letters in *states*, or in any state if *states* is empty.
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
        return with_parameters(wrapper, _defaults_last([*chosen, *others]))

    return decorate


def _defaults_last(parameters: list[inspect.Parameter]) -> list[inspect.Parameter]:
    return sorted(parameters, key=lambda each: each.default is not inspect.Parameter.empty)
