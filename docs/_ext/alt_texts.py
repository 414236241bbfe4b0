"""Texts for those who do not see the pictures of cells: the name of the figure, or the code that drew it."""

from docutils import nodes
from sphinx.application import Sphinx


def describe(app: Sphinx, tree: nodes.document) -> None:
    for cell in tree.findall(lambda node: isinstance(node, nodes.container) and "cell" in node["classes"]):
        names = [name.removeprefix("tag_figure-") for name in cell["classes"] if name.startswith("tag_figure-")]
        code = next((block.astext().strip() for block in cell.findall(nodes.literal_block)), "")
        text = names[0].replace("-", " ") if names else code.rsplit("\n", 1)[-1]
        for image in cell.findall(nodes.image):
            image["alt"] = text


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("doctree-read", describe)
    return {"parallel_read_safe": True}
