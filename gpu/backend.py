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
        self.dense = pick_dense(self.derived) if dense is None else dense
        self.threads = threads
        self._loaded: dict[int, Loaded] = {}

    def variant(self, rules: list[RuleText], extra_current: bool) -> Variant:
        """What decides the compiled code of a stretch with these rules."""
        heavy = any(r.needs_workspace for r in rules)
        return Variant.of(self.derived, self.grid, self.dense, extra_current, heavy, self.threads)

    def loaded(self, variant: Variant) -> Loaded:
        """Return the network's arrays on the device, uploaded once; sparse rows depend on the threads."""
        key = 0 if self.dense else variant.threads
        if key not in self._loaded:
            self._loaded[key] = Loaded(self.device, variant, self.derived, self.grid)
        return self._loaded[key]

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
    first, rules = engines[0], [RuleText(r) for r in requests[0].readouts]
    variant = first.variant(rules, any(len(q.trials.current) for q in requests))
    if variant.feeds_back and len(rules) != 1:
        raise InputError("rules", len(rules), "exactly one readout when its output is fed back")
    capacity = 4 * variant.sub_steps * variant.n
    loaded = [e.loaded(variant) for e in engines]
    return Batch(first.device, variant, rules, loaded, requests, capacity).run()
