"""The training task of neural language models: a text in windows, with the state carried from one to the next."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from tinyseq.autograd.tensor import Tensor, tensor
from tinyseq.compiler import compiled_if
from tinyseq.data.batches import IGNORE, Windows
from tinyseq.nn import Module, cross_entropy
from tinyseq.train import Loss


class TextTask:
    """The training task: read a text in windows, repeatedly, with the state carried over but detached.

    Args:
        model: the model; called with ids (T, B) and a state, it returns logits and the next state.
        windows: the text, in windows.
        compile: see `NeuralLM.fit_steps`.
    """

    def __init__(self, model: Module, windows: Windows, compile: bool | str = False) -> None:
        self.model = model
        self.windows = windows
        self._loss = compiled_if(compile, partial(_loss_and_state, model))
        self.state: Any = None  # after the previous window; None before the first

    def __call__(self, step: int) -> Loss:
        """The loss of a window; see `tinyseq.train.Task`."""
        index = step % len(self.windows)
        inputs, targets = self.windows[index]
        loss, self.state = self._loss(inputs, targets, None if index == 0 else self.state)
        return Loss(loss, int((targets != IGNORE).sum()), f"window {index} of {len(self.windows)}")

    def state_dict(self) -> dict[str, Any]:
        """The carried state; its parts are named h and c, as for an LSTM, and any further ones by index."""
        parts = self.state if isinstance(self.state, tuple) else () if self.state is None else (self.state,)
        return {_part_name(i): part.numpy() for i, part in enumerate(parts)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        device = next(self.model.parameters()).device
        parts = tuple(tensor(state[_part_name(i)]).to(device) for i in range(len(state)))
        self.state = None if not parts else parts[0] if len(parts) == 1 else parts


def _loss_and_state(model: Module, inputs: Any, targets: Any, state: Any) -> tuple[Tensor, Any]:
    """The loss of a window, and the state after it as a constant."""
    logits, state = model(inputs, state)
    return cross_entropy(logits, targets, ignore_index=IGNORE), detached(state)


def _part_name(i: int) -> str:
    return "hc"[i] if i < 2 else f"state_{i}"


def detached(state: Any) -> Any:
    """A state as a constant: one tensor, or a pair (h, c)."""
    return tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()
