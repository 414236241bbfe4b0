"""Hints for the command line: what an unknown command or option may have meant, and words without quotes."""

import difflib
from collections import defaultdict
from typing import Any, cast

import typer
from typer.core import TyperGroup

from tinyseq.commands.draw import FIGURES
from tinyseq.nn.recurrent.registry import CELLS

UsageError = cast(type[Exception], typer.BadParameter.__base__)  # whose module depends on the version of typer


class Commands(TyperGroup):
    """All commands; the error for an unknown one, or for an unknown option, says what may have been meant."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the arguments name."""
        try:
            return super().resolve_command(ctx, args)
        except UsageError as error:
            if meant := self._meant(args[0]):
                vars(error)["message"] = f"No such command {args[0]!r}. Did you mean `{'` or `'.join(meant)}`?"
            raise

    def _meant(self, word: str) -> list[str]:
        """The commands that a word may have meant, which is spelled like a command, a subcommand or a drawing."""
        ways = defaultdict[str, list[str]](list)
        for name, command in self.commands.items():
            ways[name].append(f"tinyseq {name}")
            for below in getattr(command, "commands", ()):
                ways[below].append(f"tinyseq {name} {below}")
        for name in (*CELLS, *FIGURES):
            ways[name].append(f"tinyseq draw {name} --out {name}.svg")
        return [way for name in difflib.get_close_matches(word.lower(), ways, n=1) for way in ways[name]]

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except UsageError as error:
            given = vars(error)
            if "option_name" in given and not given.get("possibilities", True):
                begin = f"--{given['option_name'].lstrip('-')[:1]}"
                every = [name for parameter in given["ctx"].command.params for name in parameter.opts]
                given["possibilities"] = [name for name in every if name.startswith(begin)]
            if "unexpected extra argument" in str(given.get("message")) and _takes_a_text(given["ctx"].command):
                given["message"] += '. Put a text of several words in quotes: "the words"'
            raise


def _takes_a_text(command: Any) -> bool:
    """Whether an argument of a command, and not an option, is a text."""
    return any(name in ("sentence", "text") for parameter in command.params for name in parameter.opts)
