"""The state of a run: the random state, and the states of its parts."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from tinyseq.random import generator


@runtime_checkable
class Stateful(Protocol):
    """Anything whose state can be saved and restored: a model, an optimiser, a task, a callback."""

    def state_dict(self) -> Mapping[str, Any]:
        """The state by name: arrays and JSON values."""

    def load_state_dict(self, state: dict[str, Any]) -> object:
        """Restore the result of `state_dict`; if it does not match, an error leaves the old state unchanged."""


def random_state() -> dict[str, Any]:
    """The state of the random generator of initialisers and dropout, as a JSON value."""
    return dict(generator().bit_generator.state)


def set_random_state(state: dict[str, Any]) -> None:
    """Restore a state from `random_state`."""
    generator().bit_generator.state = state


class Snapshot:
    """A copy of the random state and of the states of some parts, to restore later."""

    def __init__(self, *parts: object) -> None:
        self.random = random_state()
        self.states = [(part, dict(part.state_dict())) for part in parts if isinstance(part, Stateful)]

    def restore(self) -> None:
        """Restore everything."""
        set_random_state(self.random)
        for part, state in self.states:
            part.load_state_dict(dict(state))
