"""The GPU engine behind the same interface as the others, for one network or for R at once."""

from __future__ import annotations

import numpy as np

from gpu.batch import Batch, Request
from gpu.device import Device
from gpu.source import RuleText, Variant
from gpu.upload import Loaded, pick_dense
from reservoir.derived import derive, start_state
from reservoir.errors import ActivityError, InputError
from reservoir.types import Activity, Grid, Network, Readout, State, Teaching, Trials


class GpuEngine:
    """One network on a device.

    Parameters
    ----------
    device : Device
    network : Network
    grid : Grid
    threads : int
        Of the block; 0 = as suits the size. Changes no result.
    dense : bool, optional
        Whether rows of weights are kept in full. Changes no result.
    """

    def __init__(self, device: Device, network: Network, grid: Grid, threads: int = 0, dense: bool | None = None):
        self.device, self.network, self.grid = device, network, grid
        self.derived = derive(network, grid)
        dense = pick_dense(self.derived) if dense is None else dense
        self.variant = Variant.of(self.derived, grid, dense, False, threads)
        self.loaded = Loaded(device, self.variant, self.derived, grid)

    def start(self) -> State:
        """Return the state at time zero."""
        return start_state(self.network, self.grid, self.derived.n_slots)

    def run(
        self, state: State, trials: Trials, readouts: list[Readout], teaching: list[Teaching]
    ) -> Activity:
        """Advance state and readouts in place; see `reservoir.types.Engine`."""
        (found,) = run_batch([self], [Request(state, trials, readouts, teaching)])
        if isinstance(found, ActivityError):
            raise found
        return found


def run_batch(engines: list[GpuEngine], requests: list[Request]) -> list[Activity | ActivityError]:
    """Run a stretch on every engine at once; they must share variant and rules."""
    first = engines[0]
    if first.variant.feeds_back and len(requests[0].readouts) != 1:
        raise InputError("rules", len(requests[0].readouts), "exactly one readout when its output is fed back")
    current = any(len(q.trials.current) for q in requests)
    variant = Variant(**{**vars(first.variant), "extra_current": current})
    rules = [RuleText(r) for r in requests[0].readouts]
    capacity = 4 * variant.sub_steps * variant.n
    batch = Batch(first.device, variant, rules, [e.loaded for e in engines], requests, capacity)
    return batch.run()
