"""The directive `{exercise} NAME`: an exercise's task, the code to start from, and its solution folded away."""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from tinyseq.exercises import EXERCISES


class Exercise(SphinxDirective):
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        exercise = EXERCISES[self.arguments[0]]
        title = nodes.title("", exercise.title)
        check = f"Save it to a file and run `tinyseq check FILE`, or in a notebook `check({exercise.name})`."
        box = nodes.admonition("", title, *self.parse_text_to_nodes(exercise.task), _code(exercise.starter))
        box += self.parse_text_to_nodes(check)
        box += nodes.raw("", "<details><summary>Solution</summary>", format="html")
        box += [_code(exercise.solution), nodes.raw("", "</details>", format="html")]
        return [box]


def _code(source: str) -> nodes.literal_block:
    return nodes.literal_block("", source.strip(), language="python")


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("exercise", Exercise)
    return {"parallel_read_safe": True}
