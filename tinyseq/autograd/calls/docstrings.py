"""The docstrings of ops: what a declaration says in words, with what follows from its record."""

import inspect

from tinyseq.autograd.record.op import Op

ONE = {"elementwise": "a tensor, an array or a number.", "reduction": "the values.", "along": "the values."}
SEVERAL = {"elementwise": "tensors, arrays or numbers, of shapes that broadcast."}
SETTINGS = {
    ("reduction", "axis"): "the axis or axes to reduce; all by default.",
    ("reduction", "keepdims"): "whether reduced axes are kept, with length 1.",
    ("reduction", "dtype"): "the type to compute in, as in NumPy.",
    ("along", "axis"): "the axis.",
}
RESULTS = {"elementwise": "A tensor of x's shape.", "along": "A tensor of x's shape."}
RESULTS |= {
    "reduction": "A tensor without the reduced axes, or with axes of length 1 in their place if ``keepdims`` is true."
}


def docstring(record: Op, doc: str, example: tuple[str, str] | None) -> str:
    """The docstring of an op's function.

    Args:
        record: the op.
        doc: a summary, which may be followed by sections; those that it lacks are added if the record tells them.
        example: a line of Python, in which the package is ``ts``, and what it prints.
    """
    parts = [inspect.cleandoc(doc) if doc else f"The op ``{record.name}({', '.join(record.inputs)})``."]
    added = [] if "Args:" in doc else _sections(record)
    if example:
        added.append("Example:\n    >>> import tinyseq as ts\n    >>> " + "\n    ".join(example))
    before, mark, shown = parts[0].partition("\n\nExample:")
    return "\n\n".join([before, *added]) + mark + shown


def _sections(record: Op) -> list[str]:
    """Arguments, result and errors; none if the kind of the op does not tell all arguments."""
    several = len(record.inputs) > 1
    inputs = (SEVERAL if several else ONE).get(record.kind)
    settings = {name: SETTINGS.get((record.kind, name)) for name in record.defaults}
    if inputs is None or None in settings.values():
        return []
    args = [f"{', '.join(record.inputs)}: {inputs}", *(f"{name}: {text}" for name, text in settings.items())]
    result = "A tensor of the shape to which they broadcast." if several else RESULTS[record.kind]
    errors = [f"TypeError: if {'one of them' if several else 'x'} is not numeric."]
    if several:
        errors.append("ValueError: if the shapes do not broadcast.")
    if settings.get("axis"):
        errors.append("ValueError: if there is no such axis.")
    sections = {"Args": args, "Returns": [result], "Raises": errors}
    return [f"{name}:\n" + "\n".join(f"    {line}" for line in lines) for name, lines in sections.items()]
