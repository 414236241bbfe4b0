"""The directive `{constants} MODULE`: the public names of a module that are neither classes nor functions.

They are documented by the string that follows their definition, wherever in the package that is.
"""

import importlib
import inspect
import pkgutil
from functools import cache

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective

import tinyseq


def constants(module: str) -> dict[str, object]:
    """Names and values."""
    found = pkgutil.resolve_name(module)
    values = {name: getattr(found, name) for name in found.__all__}
    return {
        name: value
        for name, value in values.items()
        if not (inspect.isclass(value) or inspect.isroutine(value) or inspect.ismodule(value))
    }


@cache
def _strings() -> dict[tuple[str, int], list[str]]:
    """The strings after definitions in all modules: by the name and identity of what is defined."""
    found = {}
    for info in pkgutil.walk_packages(tinyseq.__path__, "tinyseq."):
        if not info.ispkg and not info.name.endswith(("__main__", "jit.runtime")):
            documented = ModuleAnalyzer.for_module(info.name).find_attr_docs()
            for (_, name), lines in documented.items():
                value = getattr(importlib.import_module(info.name), name, None)
                found[name, id(value)] = lines
    return found


class Constants(SphinxDirective):
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        lines = []
        for name, value in constants(self.arguments[0]).items():
            text = _strings().get((name, id(value)))
            if text is None:
                raise self.error(f"{self.arguments[0]}.{name} has no string after its definition")
            lines += [f".. py:data:: {self.arguments[0]}.{name}", "", *(f"   {line}" for line in text), ""]
        return self.parse_text_to_nodes("\n".join(["```{eval-rst}", *lines, "```"]))


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("constants", Constants)
    return {"parallel_read_safe": True}
