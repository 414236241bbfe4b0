"""The directive `{op-table}`: every op of the engine with its inputs, settings and gradient, from the declarations."""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import tinyseq
from tinyseq.autograd.declare import OPS, Op


def signature(op: Op) -> str:
    star = "*" if op.variadic else ""
    settings = [f"{name}={default!r}" for name, default in op.defaults.items()]
    return f"{op.name}({', '.join([star + ', '.join(op.inputs), *settings])})"


def spelled(op: Op) -> str:
    """How Tensors write it: as a method, and with an operator."""
    method = f"`x.{op.name}()`" if op.name in vars(tinyseq.Tensor) else ""  # the op's, or that of what is made of it
    operator = f"`{op.operator}`" if op.operator else ""
    return ", ".join(part for part in (method, operator) if part)


def table() -> str:
    """The table in MyST's Markdown; a list-table, because a formula may contain the bars of a plain one."""
    lines = ["```{list-table}", ":header-rows: 1", "", "* - op", "  - kind", "  - as", "  - gradient"]
    for name in sorted(OPS):
        op = OPS[name]
        gradient = f"${op.tex}$" if op.tex else "" if op.vjp else "none"
        lines += [f"* - `{signature(op)}`", f"  - {op.kind}", f"  - {spelled(op)}", f"  - {gradient}"]
    return "\n".join([*lines, "```"])


class OpTable(SphinxDirective):
    def run(self) -> list[nodes.Node]:
        return self.parse_text_to_nodes(table())


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("op-table", OpTable)
    return {"parallel_read_safe": True}
