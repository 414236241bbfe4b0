"""Formulas as MathML, which browsers show by themselves: no script, no fonts from a network, nothing to wait for."""

import re

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)

NAME = r"<mi>[a-z]{2,}</mi>"  # of a function, such as log
GAP = '<mspace width="0.167em" />'


def mathml(tex: str, display: str) -> str:
    """A formula of TeX as MathML.

    Raises:
        ValueError: it has a command or an environment that the converter does not know.
    """
    found = convert(re.sub(r"\{(aligned|gathered)\}", "{align*}", tex), display=display)
    unknown = re.findall(r"\\[A-Za-z]+", re.sub(r"<[^>]*>", "", found)) + re.findall(r"(?<=<mi>)&(?=</mi>)", found)
    if unknown:
        raise ValueError(f"the formula {tex!r} has {', '.join(unknown)}, which MathML is not made of")
    found = re.sub(rf"((?:<mrow>|</m\w+>|/>){NAME})(?=<m(?!o[ >]))", rf"\1{GAP}", found)  # log x
    return re.sub(rf"(</m(?!o>)\w+>)(?={NAME})", rf"\1{GAP}", found)  # 2 log


def _written(node: nodes.math | nodes.math_block, display: str) -> str:
    try:
        return mathml(node.astext(), display)
    except ValueError as error:
        logger.warning(str(error), location=node)
        return ""


def visit_inline(translator: HTML5Translator, node: nodes.math) -> None:
    translator.body.append(_written(node, "inline"))
    raise nodes.SkipNode


def visit_block(translator: HTML5Translator, node: nodes.math_block) -> None:
    translator.body.append(f'<div class="math">{_written(node, "block")}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_html_math_renderer("mathml", inline_renderers=(visit_inline, None), block_renderers=(visit_block, None))
    return {"parallel_read_safe": True}
