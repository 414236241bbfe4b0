"""Reports of gradient checks, as text and as HTML."""

import html
from typing import NamedTuple

import numpy as np

from tinyseq.html_tables import TableCell, html_table
from tinyseq.testing.diagnosis import Diagnosis, Quotients
from tinyseq.testing.numerical import Values
from tinyseq.testing.subject import Subject

SHOWN = 5  # the number of differing derivatives that are listed
PRINTABLE = 60  # the largest number of elements of an array that is written out


class Derivative(NamedTuple):
    """One element of a Jacobian, by the rule and by the difference quotient."""

    output: int
    output_index: tuple[int, ...]
    input: int
    input_index: tuple[int, ...]
    rule: float
    numerical: float

    def __str__(self) -> str:
        above = _element("output" if self.output == 0 else f"outputs[{self.output}]", self.output_index)
        return f"d {above} / d {_element(f'inputs[{self.input}]', self.input_index)}"


class GradcheckReport(NamedTuple):
    """The result of a gradient check; truthy if all derivatives agree.

    Attributes:
        name: the name of the function.
        order: 1 for first derivatives, 2 for second.
        inputs: the inputs at which it was checked.
        checked: the number of derivatives compared.
        largest: the largest difference among them.
        differing: those that differ, the worst first.
        diagnosis: why the worst of them differs; None if all agree.
        snippet: code that shows the worst difference.

    Example:
        >>> import tinyseq as ts
        >>> report = ts.testing.gradcheck(ts.tanh, ts.tensor([0.5, -1.0]))
        >>> report.verdict, report.checked, bool(report)
        ('agree', 4, True)
    """

    name: str
    order: int
    inputs: tuple[Values, ...]
    checked: int
    largest: float
    differing: tuple[Derivative, ...] = ()
    diagnosis: Diagnosis | None = None
    snippet: str = ""

    def __bool__(self) -> bool:
        return not self.differing

    @property
    def verdict(self) -> str:
        """``"agree"``, ``"wrong rule"``, ``"kink"`` or ``"ill-conditioned"``."""
        return self.diagnosis.verdict if self.diagnosis else "agree"

    @property
    def title(self) -> str:
        """The result in one line."""
        kind = "first" if self.order == 1 else "second"
        if self:
            return f"{self.name}: {self.checked} {kind} derivatives agree (largest difference {self.largest:.1e})"
        return f"{self.name}: {len(self.differing)} of {self.checked} {kind} derivatives differ: {self.verdict}"

    def __str__(self) -> str:
        if self.diagnosis is None:
            return self.title
        rows = [f"  {d!s:<44} {d.rule:>16.9g} {d.numerical:>16.9g}" for d in self.differing[:SHOWN]]
        steps = [f"  {q.eps:<8.0e} {q.central:>16.9g} {q.left:>16.9g} {q.right:>16.9g}" for q in self.diagnosis.sweep]
        return "\n".join(
            [
                self.title,
                "",
                f"  {'the worst':<44} {'the rule':>16} {'numerically':>16}",
                *rows,
                "",
                f"  {'eps':<8} {'central':>16} {'left':>16} {'right':>16}",
                *steps,
                "",
                f"{self.diagnosis.verdict}: {self.diagnosis.reason}",
                "",
                "To reproduce:",
                "",
                *(f"    {line}" for line in self.snippet.splitlines()),
            ]
        )

    def _repr_html_(self) -> str:
        """For notebooks: the tables, and the difference for each size of step as a curve."""
        title = f"<p><b>{html.escape(self.title)}</b></p>"
        if self.diagnosis is None:
            return title
        rows = [(TableCell(str(d)), f"{d.rule:.9g}", f"{d.numerical:.9g}") for d in self.differing[:SHOWN]]
        return (
            f"{title}{html_table('', rows, ('the worst', 'the rule', 'numerically'))}"
            f"{_curve(self.diagnosis.sweep, self.differing[0].rule)}"
            f"<p>{html.escape(self.diagnosis.verdict)}: {html.escape(self.diagnosis.reason)}</p>"
            f"<pre>{html.escape(self.snippet)}</pre>"
        )


class GradcheckError(AssertionError):
    """Raised if derivatives differ; ``report`` is the `GradcheckReport`, and the message is its text.

    Args:
        report: the result of the check.

    Example:
        >>> import tinyseq as ts
        >>> try:
        ...     ts.testing.gradcheck(lambda x: x * x.detach(), [ts.tensor(3.0, requires_grad=True)])
        ... except ts.testing.GradcheckError as error:
        ...     print(error.report.verdict)
        wrong rule
    """

    def __init__(self, report: GradcheckReport) -> None:
        super().__init__(report)  # the argument that pickle passes again; its text is the message
        self.report = report


def snippet(subject: Subject, worst: Derivative) -> str:
    """Code that reproduces the worst derivative."""
    shown = subject if subject.inner is None else subject.inner
    arrays = ",\n    ".join(_literal(array, i) for i, array in enumerate(shown.arrays))
    lines = ["import numpy as np", "import tinyseq as ts", "", f"inputs = [\n    {arrays},\n]"]
    if subject.inner is None:
        target = _element("output", worst.output_index)
        gradient = _element(f"ts.grad({target}, inputs[{worst.input}])", worst.input_index)
        lines += [
            "inputs = [ts.tensor(x, requires_grad=x.dtype.kind == 'f') for x in inputs]",
            f"output = {subject.name}(*inputs)" + (f"[{worst.output}]" if worst.output else ""),
            f"print({gradient})",
        ]
    else:
        lines.append(f"ts.testing.gradgradcheck({subject.name}, inputs)")
    return "\n".join([*lines, f"# the rule gives {worst.rule:.12g}, the quotient {worst.numerical:.12g}"])


def _element(name: str, index: tuple[int, ...]) -> str:
    return f"{name}[{', '.join(map(str, index))}]" if index else name


def _literal(array: Values, i: int) -> str:
    """An array as code, every digit of it."""
    if array.size > PRINTABLE:
        return f"error.report.inputs[{i}]"
    with np.printoptions(floatmode="unique", threshold=PRINTABLE):
        values = np.array2string(array, separator=", ", max_line_width=10_000).replace("\n", "")
    made = f"np.array({values}" if array.size else f"np.zeros({array.shape}"
    return f"{made}, dtype='{array.dtype}')"


def _curve(sweep: tuple[Quotients, ...], rule: float) -> str:
    """The difference between quotient and rule for each size of step, both axes logarithmic."""
    width, height, low, high = 300, 120, -16.0, 4.0
    points = []
    for q in sweep:
        size = np.clip(np.log10(max(abs(q.central - rule), 10.0**low)), low, high) if np.isfinite(q.central) else high
        x = -np.log10(q.eps) / (len(sweep) + 1) * width
        points.append(f"{x:.0f},{(high - size) / (high - low) * height:.0f}")
    return (
        f'<svg width="{width}" height="{height + 15}" role="img" aria-label="difference for each size of step">'
        f'<polyline points="{" ".join(points)}" fill="none" stroke="currentColor"/>'
        f'<text x="0" y="{height + 12}" font-size="11">difference of quotient and rule, eps = 1e-1 to 1e-10</text>'
        "</svg>"
    )
