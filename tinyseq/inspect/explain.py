"""The chain rule of one graph, written out: every step from the loss back to a weight."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from tinyseq.autograd.calls.tensors import one_tensor
from tinyseq.autograd.graph import Leaf, Node, Parent, Shape, owner
from tinyseq.autograd.record.formula import (
    Group,
    Part,
    Parts,
    Rule,
    Scripted,
    Symbol,
    is_sum,
    named,
    read,
    rewritten,
    rule_for,
)
from tinyseq.autograd.record.op import Op
from tinyseq.autograd.tensor import Tensor, as_node
from tinyseq.inspect.naming import Names
from tinyseq.structure.paths import edges_in, leading_to, made_of, scalar_root
from tinyseq.torch_names.settings import explained

NEWEST, OLDEST, OUTSIDE = 2, 1, 6  # steps written out at both ends of a long sequence; lines outside of loops
BROADCASTING = {"elementwise", "choice", "product"}  # kinds of ops


@dataclass(frozen=True)
class Line:
    """One use of the chain rule.

    Attributes:
        step: its time step, None outside of the loops.
        forward: what was computed, ``"h_3 = tanh(b_3)"``.
        text, tex: the rule that carries the gradient one edge back, ``"∇b_3 = ∇h_3 (1 - h_3²)"``.

    Example:
        >>> import tinyseq as ts
        >>> w, h = ts.tensor(0.5, requires_grad=True), ts.tensor(1.0)
        >>> for t in range(2):
        ...     with ts.step(t):
        ...         h = ts.tanh(w * h)
        >>> line = ts.inspect.explain(h, w).lines[0]
        >>> line.step, line.forward, line.text
        (1, 'L = tanh(a_1)', '∇a_1 = ∇L (1 - L²)')
    """

    step: int | None
    forward: str
    text: str
    tex: str


@dataclass(frozen=True, eq=False)
class Explanation:
    """The chain rule from a loss back to W; notebooks show ``tex``, a terminal shows ``text``.

    Attributes:
        headline, headline_tex: the sum over the uses of W.
        lines: every use of the chain rule, newest first; texts leave out the middle of a long sequence.

    Example:
        >>> import tinyseq as ts
        >>> w, h = ts.tensor(0.5, requires_grad=True), ts.tensor(1.0)
        >>> for t in range(2):
        ...     with ts.step(t):
        ...         h = ts.tanh(w * h)
        >>> ts.inspect.explain(h, w).headline
        'dL/dW = the sum of 2 uses of W, shape (): multiply at steps 0, 1'
    """

    headline: str
    headline_tex: str
    lines: tuple[Line, ...] = field(repr=False)

    @property
    def text(self) -> str:
        """In plain text; ∇x is the gradient of the loss with respect to x."""
        width = max((len(line.forward) for line in _elided(self.lines) if line is not None), default=0)

        def row(line: Line) -> str:
            place = "" if line.step is None else f"step {line.step}"
            return f"  {place:<10} {line.forward:<{width}}    {line.text}"

        rows = ("             ⋮" if line is None else row(line) for line in _elided(self.lines))
        return "\n".join([self.headline, "", *rows])

    @property
    def tex(self) -> str:
        r"""As a TeX display (``aligned``); $\bar x$ is the gradient of the loss with respect to x."""

        def row(line: Line) -> str:
            return line.tex if line.step is None else rf"{line.tex} && t = {line.step}"

        rows = (r"\;\vdots" if line is None else row(line) for line in _elided(self.lines))
        return (
            "\\begin{aligned}\n" + " \\\\\n".join(f"&{row}" for row in [self.headline_tex, *rows]) + "\n\\end{aligned}"
        )

    def _repr_latex_(self) -> str:
        return f"$${self.tex}$$"

    def __repr__(self) -> str:
        return self.text


@explained
def explain(loss: Tensor, W: Tensor) -> Explanation:
    """Write out the chain rule of this graph, from the loss back to W.

    The rules come from the ops' declarations. States and gates have their usual names with the step they belong to
    (h_3, c_3, i_3), other values of a step have letters (a_3, b_3), and values outside of the loops are u_1, u_2, ...

    Args:
        loss: a single number.
        W: a parameter or any other tensor that the loss was made of.

    Returns:
        The rules in text and in TeX.

    Raises:
        ValueError: if the loss is not a single number, or does not depend on W.

    Example:
        >>> import tinyseq as ts
        >>> w, h = ts.tensor(0.5, requires_grad=True), ts.tensor(1.0)
        >>> for t in range(2):
        ...     with ts.step(t):
        ...         h = ts.tanh(w * h)
        >>> explain(h, w)
        dL/dW = the sum of 2 uses of W, shape (): multiply at steps 0, 1
        <BLANKLINE>
          step 1     L = tanh(a_1)               ∇a_1 = ∇L (1 - L²)
          step 1     a_1 = multiply(W, b_0)      ∇W += ∇a_1 b_0
          step 1     a_1 = multiply(W, b_0)      ∇b_0 = ∇a_1 W
          step 0     b_0 = tanh(a_0)             ∇a_0 = ∇b_0 (1 - b_0²)
          step 0     a_0 = multiply(W, 1)        ∇W += ∇a_0 1
    """
    root, target = scalar_root(loss), as_node(one_tensor(W, "W"))
    nodes = made_of(loss)
    between = leading_to(target, nodes)
    if owner(root) not in between:
        raise ValueError(f"loss does not depend on W (shape {W.shape}), so there is no chain rule to write out")
    names = Names(nodes, target, root)
    way = [node for node in nodes if node in between and node is not target]
    uses_of = Counter(edge for node in way for edge in node.edges)
    lines = [_line(node, i, edge, names, uses_of[edge] > 1) for node in way for i, edge in edges_in(between, node)]
    uses = [node for node in way for edge in node.edges if edge is target]
    return Explanation(_headline(uses, target), _headline_tex(uses), tuple(lines))


def rule_sent(op: Op, i: int, arguments: Sequence[Part], result: Part, shape: Shape, argument_shape: Shape) -> Parts:
    """What an op sends back to one of its arguments, as a formula.

    Args:
        op: the op.
        i: the argument's position.
        arguments, result: the names of all arguments, and of the result.
        shape, argument_shape: those of the result and of the argument.

    Returns:
        The right side of the rule; empty if the op declares none.

    Example:
        >>> from tinyseq.autograd.declare import OPS
        >>> from tinyseq.autograd.record.formula import Name, text
        >>> text(rule_sent(OPS["tanh"], 0, [Name("a", "a")], Name("h", "h"), (5,), (5,)))
        '∇h (1 - h²)'
    """
    return _rule(op, i, arguments, result, 1, shape, argument_shape).right if op.tex else ()


def _line(node: Node, i: int, edge: Parent, names: Names, several: bool) -> Line:
    given = names.arguments(node)
    rule = _rule(node.op, i, given, names[node], len(node.shape), node.shape, edge.shape)
    rule = replace(rule, adds=rule.adds or several)
    arguments = ", ".join(name.text for name in given[:3]) + (", …" if len(given) > 3 else "")
    return Line(node.label.step, f"{names[node].text} = {node.op.name}({arguments})", rule.text, rule.tex)


def _rule(
    op: Op, i: int, arguments: Sequence[Part], result: Part, outputs: int, shape: Shape, argument_shape: Shape
) -> Rule:
    """The rule for one argument, with names in the place of the letters of the op's declaration."""
    rule = rule_for(op.tex, i, op.inputs)
    left, right = rule.left, rule.right
    if op.variadic:
        left = tuple(part.base if isinstance(part, Scripted) else part for part in left)  # x is the i-th argument
        right = named(right, {"i": Symbol(str(i))})
    if op.outputs:
        right = _counted_from_0(right, outputs)
    # the letters under a hat and those of any number of arguments are not the arguments
    barred_only = r"\hat" in op.tex or op.variadic
    letters = _letters(op, i, arguments, result)
    right = _summed(named(right, letters, barred_only), op, shape, argument_shape)
    return Rule(named(left, letters, barred_only), right, rule.adds)


def _counted_from_0(parts: Parts, outputs: int) -> Parts:
    """Outputs y_1, ..., y_n with the indices that Python gives them."""

    def change(part: Part) -> Part | None:
        if not isinstance(part, Scripted) or part.base not in read(r"y\bar y"):
            return None
        (mark, index), *others = part.scripts
        digit = index.tex if isinstance(index, Symbol) else ""
        number = outputs if digit == "n" else int(digit) if digit.isdecimal() else 0
        return Scripted(part.base, ((mark, Group(read(f"[{number - 1}]"))), *others)) if number else part

    return rewritten(parts, change)


def _summed(parts: Parts, op: Op, shape: Shape, argument: Shape) -> Parts:
    """The right side, with the sum over the axes along which the argument was broadcast."""
    product = op.kind == "product"
    full = shape[:-2] + argument[-2:] if product else shape
    extra = len(full) - len(argument)
    if op.kind not in BROADCASTING or extra < 0 or (product and len(argument) < 2):
        return parts
    axes = [i for i, side in enumerate(full) if i < extra or argument[i - extra] == 1 != side]
    if not axes:
        return parts
    word = "axis" if len(axes) == 1 else "axes"
    over = read(rf"\sum_{{\operatorname{{{word}}} {', '.join(map(str, axes))}}} ")
    return (*over, Symbol("("), *parts, Symbol(")")) if is_sum(parts) else over + parts


def _letters(op: Op, i: int, arguments: Sequence[Part], result: Part) -> dict[str, Part]:
    """What the letters of a rule denote: x and y for arguments and z for the result, or x and y for one of each."""
    if len(op.inputs) == 1:
        return {"x": arguments[i], "v": arguments[i], "y": result}
    found = {"x": arguments[-2], "y": arguments[-1], "z": result}
    return found | {"c": arguments[0]} if len(arguments) == 3 else found


def _headline(uses: list[Node], target: Parent) -> str:
    name = f" = {target.name}" if isinstance(target, Leaf) and target.name else ""
    places = []
    for op in dict.fromkeys(node.op.name for node in uses):
        steps = sorted({node.label.step for node in uses if node.op.name == op and node.label.step is not None})
        places.append(f"{op} {_ranges(steps)}" if steps else f"{op} outside of the loops")
    count = "1 use" if len(uses) == 1 else f"{len(uses)} uses"
    return f"dL/dW = the sum of {count} of W{name}, shape {target.shape}: {', '.join(places)}"


def _headline_tex(uses: list[Node]) -> str:
    steps = sorted({node.label.step for node in uses if node.label.step is not None})
    whole = r"\frac{\partial L}{\partial W}"
    if len(steps) < 2:
        return rf"{whole} = \bar W"
    return rf"{whole} = \sum_{{t={steps[0]}}}^{{{steps[-1]}}} \left.{whole}\right|_{{(t)}}"


def _ranges(steps: list[int]) -> str:
    if len(steps) > 2 and steps == list(range(steps[0], steps[-1] + 1)):
        return f"at steps {steps[0]} to {steps[-1]}"
    return f"at step{'s' * (len(steps) > 1)} {', '.join(map(str, steps))}"


def _elided(lines: tuple[Line, ...]) -> Iterator[Line | None]:
    """The lines to show, and None once for each gap."""
    steps = sorted({line.step for line in lines if line.step is not None})
    if len(steps) > NEWEST + OLDEST + 1:
        steps = steps[:OLDEST] + steps[-NEWEST:]
    outside = [line for line in lines if line.step is None]
    if len(outside) > 2 * OUTSIDE:
        outside = outside[:OUTSIDE] + outside[-OUTSIDE:]
    kept = set(map(id, outside))
    gap = False
    for line in lines:
        if line.step in steps or id(line) in kept:
            yield line
            gap = False
        elif not gap:
            yield None
            gap = True
