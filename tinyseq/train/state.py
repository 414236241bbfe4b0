"""What a run depends on besides its arguments: the random numbers, and whatever its parts carry from step to step."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from tinyseq.random import generator


@runtime_checkable
class Stateful(Protocol):
    """Something whose state can be taken and put back: a model, an optimiser, a task, a callback."""

    def state_dict(self) -> Mapping[str, Any]:
        """The state: arrays, and what JSON can hold, by name."""

    def load_state_dict(self, state: dict[str, Any]) -> object:
        """Put back what `state_dict` gave; an error for a state that does not fit leaves the old one."""


def random_state() -> dict[str, Any]:
    """The state of the numbers that initialisers and dropout draw, as JSON can hold it."""
    return dict(generator().bit_generator.state)


def set_random_state(state: dict[str, Any]) -> None:
    """Go back to a state that `random_state` gave."""
    generator().bit_generator.state = state


class Snapshot:
    """The random numbers and the states of some parts, to come back to."""

    def __init__(self, *parts: object) -> None:
        self.random = random_state()
        self.states = [(part, dict(part.state_dict())) for part in parts if isinstance(part, Stateful)]

    def restore(self) -> None:
        """Put everything back as it was."""
        set_random_state(self.random)
        for part, state in self.states:
            part.load_state_dict(dict(state))
