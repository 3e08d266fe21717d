"""Groups of commands: the program itself, and those such as ``headrace dead-letters``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import typer
from typer.core import TyperGroup
from typer.main import get_command_name
from typer.models import CommandInfo

_WHOLE: Final = 1000  # characters of a sentence


class _Group(TyperGroup):
    """A group that reads its own flags without pydantic, and cuts no sentence about a command.

    Typer converts the value of a flag without a default by pydantic, whose import takes longer than everything else
    that the answer to a mistyped option needs.
    """

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the group's options, which are all flags, with a default."""
        flags: list[Any] = super().get_params(ctx)
        for flag in flags:
            flag.default = bool(flag.default)
        return flags

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands, each with its first sentence, wrapped on a narrow terminal."""
        found = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        rows = [(name, command.get_short_help_str(_WHOLE)) for name, command in found if command and not command.hidden]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)


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


def only_named(program: typer.Typer, words: Sequence[str]) -> typer.Typer:
    """Return *program* with only the command that the first of *words* names; the whole of it if it names none.

    Typer builds every command before it reads a word. That takes a quarter of the time of a mistyped option.
    """
    commands = [each for each in program.registered_commands if words and _name_of(each) == words[0]]
    groups = [each for each in program.registered_groups if words and each.name == words[0]]
    if not commands and not groups:
        return program
    only = command_group(str(program.info.help))
    only.registered_callback = program.registered_callback
    only.registered_commands, only.registered_groups = commands, groups
    return only


def _name_of(command: CommandInfo) -> str:
    return command.name or get_command_name(getattr(command.callback, "__name__", ""))
