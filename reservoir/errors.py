"""The errors a user can cause, each of which fits on one line."""

from __future__ import annotations


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
    """The network's state is no longer finite.

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
    """

    def __init__(self, array: str, neuron: int, time_ms: float, value: float):
        super().__init__(array, neuron, time_ms, value)
        self.array, self.neuron, self.time_ms, self.value = array, neuron, time_ms, value

    def __str__(self) -> str:
        return (
            f"activity blew up: {self.array}[{self.neuron}] = {self.value} at {self.time_ms:.1f} ms; "
            "lower the input currents, weights or learning rate, or take a smaller dt_ms"
        )


class DeviceError(RuntimeError):
    """A backend was asked for that this machine cannot run."""
