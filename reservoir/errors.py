"""The errors a user can cause, each of which fits on one line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """A value the user gave is not allowed.

    Parameters
    ----------
    where : str
        The field, file or option, e.g. ``paradigm.blocks[0].probability``.
    value : object
        What was given there.
    allowed : str
        What is allowed instead.
    """

    def __init__(self, where: str, value: object, allowed: str):
        super().__init__(where, value, allowed)
        self.where, self.value, self.allowed = where, value, allowed

    def __str__(self) -> str:
        return f"{self.where} = {self.value!r}: {self.allowed}"

    def within(self, place: str) -> InputError:
        """Return the same error with `place` put in front of the field."""
        return InputError(f"{place}.{self.where}" if self.where else place, self.value, self.allowed)


class ActivityError(ArithmeticError):
    """The network's state, or a readout's output, is no longer finite.

    Parameters
    ----------
    array : str
        Name of the state array, or of the readout's output, that holds the value.
    neuron : int
        Index of the first neuron, or output channel, found affected.
    time_ms : float
        Time on the simulation's clock, to the nearest checked step.
    value : float
        The value found.
    rule : str
        Label of the rule whose readout it is, or "" where it is the network's own state.
    """

    def __init__(self, array: str, neuron: int, time_ms: float, value: float, rule: str = ""):
        super().__init__(array, neuron, time_ms, value, rule)
        self.array, self.neuron, self.time_ms, self.value, self.rule = array, neuron, time_ms, value, rule

    def __str__(self) -> str:
        found = f"{self.array}[{self.neuron}] = {self.value} at {self.time_ms:.1f} ms"
        if self.rule:
            return f"the rule diverged: {found}; lower its learning rate"
        return (
            f"activity blew up: {found}; "
            "lower the input currents, weights or learning rate, or take a smaller dt_ms"
        )


class DeviceError(RuntimeError):
    """The backend that was asked for cannot run on this machine."""


def nearest(word: str, known: Iterable[str]) -> str:
    """Suggest the known name that a mistaken one is closest to, or nothing."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else ""
