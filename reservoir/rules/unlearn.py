"""Unlearning by missed expectation: a channel loses the weights that predicted its event at a wrong time.

A weight learned over many trials also points where features vary little, and there
an error unlearns it as slowly as it learned it. What tells that it is wrong is an
expectation that was missed: output where the delivered event was not. Over a
trial that delivers event k,

``u_k = sum_t min(s_k - y_k, 0)^2 / sum_t s_k^2``,

and at its end ``w_k <- w_k (1 - clip((u_k - above) / (all_at - above), 0, 1))``. It limits
itself, since what is unlearned cannot surprise again. The online form needs no
memory of the trial: in every readout step
``w_k <- w_k (1 - min(1, rate [y_k - s_k - error]_+))``.

Both are local to a channel: all its synapses lose in proportion to their weight
(heterosynaptic depression; Chistiakova et al. 2014, Neuroscientist 20:483), gated by
a negative prediction error (Schultz et al. 1997, Science 275:1593), in the way that
surprise gates the updating of what was learned (Nassar et al. 2010, J Neurosci
30:12366). That a sum of squared misses is the gate, and its thresholds, is our choice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba as nb

from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.spec import Spec, param


@dataclass(frozen=True)
class Unlearn(Spec):
    """How much a missed expectation unlearns."""

    above: float = param(0.2, "surprise u of a trial above which the channel loses weights", ge=0)
    all_at: float = param(0.0, "surprise u at which it loses all of them; 0 = nothing at a trial's end", ge=0)
    after: int = param(3, "deliveries of an event before its channel may be surprised", "trials", ge=0)
    rate: float = param(
        0.0, "online: share of the weights lost per readout step and per unit of error; 0 = off", ge=0
    )
    error: float = param(0.4, "online: output minus target above which weights are lost", ge=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if 0 < self.all_at <= self.above:
            raise InputError("all_at", self.all_at, f"above {self.above:g} (= above), or 0 for none")

    @property
    def at_trial_ends(self) -> bool:
        """Whether weights are lost at the ends of trials."""
        return self.all_at > 0

    def constants(self) -> tuple[float, ...]:
        """Return (above, all_at - above, after, rate, error)."""
        return self.above, self.all_at - self.above, float(self.after), self.rate, self.error


def kept_reference(above: Any, width: Any, after: Any, missed: Any, expected: Any, came: Any, k: int) -> Any:
    """Return the share of its weights that channel k keeps at the end of a trial. This is the definition.

    Parameters
    ----------
    above, width, after : float
        Of `Unlearn.constants`.
    missed, expected : (K,) ndarray
        ``sum min(s - y, 0)^2`` and ``sum s^2`` over the trial; ``expected[k]`` above 0.
    came : (K,) ndarray
        Earlier deliveries of each event.
    k : int
    """
    one, none = missed.dtype.type(1), missed.dtype.type(0)
    if came[k] < after:
        return one
    return one - min(one, max(none, (missed[k] / expected[k] - above) / width))


kept: Any = nb.njit(nogil=True, error_model="numpy", _nrt=False)(kept_reference)
