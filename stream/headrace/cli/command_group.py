"""Groups of commands: the program itself, and those such as ``headrace dead-letters``."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup


class _Group(TyperGroup):
    """A group that reads its own flags without pydantic.

    Typer converts the value of a flag without a default by pydantic, whose import takes longer than everything else
    that the answer to a mistyped option needs.
    """

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the group's options, which are all flags, with a default."""
        flags: list[Any] = super().get_params(ctx)
        for flag in flags:
            flag.default = bool(flag.default)
        return flags


def command_group(help_: str) -> typer.Typer:
    """Return a group without commands. ``-h`` is ``--help`` in all of its commands too."""
    return typer.Typer(
        cls=_Group,
        help=help_,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["--help", "-h"]},
    )
