"""The directive `{commands}`: the help of every command of `tinyseq`, from the commands themselves."""

import re
from collections.abc import Iterator

import click
import typer
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from tinyseq.commands.main import app as tinyseq_command


def described(command: click.Command, name: str) -> Iterator[str]:
    """A heading, the help and a table of the parameters of a command, and then those of its subcommands."""
    context = click.Context(command, info_name=name)
    subcommands = getattr(command, "commands", {})
    if not subcommands:
        text = re.sub(r"(For example:\s+)(.*)", r"\1`\2`", (command.help or "").strip())
        yield f"## {name}\n\n{text}\n"
        yield f"```text\n{' '.join(command.get_usage(context).split())}\n```\n"
        rows = [row for parameter in command.get_params(context) if (row := _row(parameter, context))]
        if rows:
            yield "\n".join(
                ["```{list-table}", ":header-rows: 1", "", "* - parameter", "  - meaning", *rows, "```", ""]
            )
    for subname, subcommand in subcommands.items():
        yield from described(subcommand, f"{name} {subname}")


def _row(parameter: click.Parameter, context: click.Context) -> str | None:
    record = parameter.get_help_record(context)
    if record is None:
        record = (parameter.make_metavar(context), getattr(parameter, "help", None) or "")
    name, text = record
    return f"* - `{name}`\n  - {' '.join(text.split())}"


class Commands(SphinxDirective):
    def run(self) -> list[nodes.Node]:
        return self.parse_text_to_nodes(
            "\n".join(described(typer.main.get_command(tinyseq_command), "tinyseq")), allow_section_headings=True
        )


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("commands", Commands)
    return {"parallel_read_safe": True}
