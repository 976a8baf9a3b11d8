"""The GPU engine, for one network or for R replicates at once, behind the interface of all engines."""

from __future__ import annotations

import copy
import logging
from dataclasses import replace

from spikewhen.gpu.batch import Batch, Request
from spikewhen.gpu.device import CudaDevice, Device
from spikewhen.gpu.rule_text import RuleText, rule_text
from spikewhen.gpu.source import Variant
from spikewhen.gpu.upload import Loaded, arrange, loaded_bytes, pick_dense
from spikewhen.reservoir.engine import Activity, Readout
from spikewhen.reservoir.errors import ActivityError, DeviceError, InputError
from spikewhen.reservoir.step_constants import derive, start_state
from spikewhen.reservoir.types import Network, State, Teaching, TimeGrid, Trials

USABLE = 0.95
"""Share of the free memory that a batch may take; allocations are rounded up."""
ROOM = 4
"""A launch has room for the spikes of so many readout steps in which every cell fires in every step."""

WIDE_THREADS = 256
"""Threads of a block of a network over many blocks."""

log = logging.getLogger("spikewhen.gpu")


class GpuBackend:
    """The backend that runs CUDA kernels, one block per network.

    Parameters
    ----------
    device : Device, optional
        Without it the current GPU of CuPy.

    Raises
    ------
    DeviceError
        If there is no GPU: never a CPU run instead.
    """

    name = "gpu"

    def __init__(self, device: Device | None = None) -> None:
        self.device = CudaDevice() if device is None else device

    def load(self, network: Network, grid: TimeGrid) -> GpuEngine:
        """Return an engine for a network, with the constants of its loop derived."""
        return GpuEngine(self.device, network, grid)


class GpuEngine:
    """One network on a device.

    Parameters
    ----------
    device : Device
    network : Network
    grid : TimeGrid
    threads : int
        Of the block; 0 = as suits the size. Changes no result.
    dense : bool, optional
        Whether rows of weights are kept in full. Changes no result.
    wide : bool
        Whether the network goes over many blocks even if one could hold it. Changes no result.
    """

    def __init__(
        self,
        device: Device,
        network: Network,
        grid: TimeGrid,
        threads: int = 0,
        dense: bool | None = None,
        wide: bool = False,
    ):
        self.device, self.network, self.grid = device, network, grid
        self.derived = derive(network, grid)
        self.dense = pick_dense(self.derived) if dense is None else dense
        self.threads, self.wide = threads, wide
        self._loaded: dict[tuple, Loaded] = {}

    def with_noise(self, seed: int) -> GpuEngine:
        """Return the same network with noise of its own; its arrays are shared."""
        other = copy.copy(self)
        other.grid = self.grid._replace(noise_seed=seed)
        return other

    def start(self) -> State:
        """Return the state at time zero."""
        return start_state(self.network, self.grid, self.derived.n_slots)

    def run(
        self, state: State, trials: Trials, readouts: list[Readout], teaching: list[Teaching]
    ) -> Activity:
        """Advance state and readouts in place; see `spikewhen.reservoir.engine.Engine`."""
        (found,) = run_batch([self], [Request(state, trials, readouts, teaching)])
        if isinstance(found, ActivityError):
            raise found
        return found

    def variant(self, rules: list[RuleText], extra_current: bool) -> Variant:
        """Return the variant of the kernel that runs a segment with these rules."""
        heavy = any(r.needs_workspace for r in rules)
        found = Variant.of(self.derived, self.grid, self.dense, extra_current, heavy, self.threads)
        if self.wide or found.shared_bytes(rules) > self.device.shared_bytes():
            return replace(found, wide=True, dense=False, threads=self.threads or WIDE_THREADS)
        return found

    def loaded(self, variant: Variant) -> Loaded:
        """Return the network's arrays on the device, uploaded once for each number of threads."""
        key = variant.dense, variant.threads, variant.blocks
        if key not in self._loaded:
            self._loaded[key] = Loaded(self.device, arrange(variant, self.derived))
        return self._loaded[key]

    def bytes_to_load(self, variant: Variant) -> int:
        """Return the bytes that `loaded` would still take on the device."""
        there = (variant.dense, variant.threads, variant.blocks) in self._loaded
        return 0 if there else loaded_bytes(variant, self.derived)

    def unload(self) -> None:
        """Free the network's arrays on the device."""
        self._loaded.clear()


class _Counter:
    """A stand-in for a device that counts the bytes it is given and keeps none."""

    name = "none"

    def __init__(self) -> None:
        self.bytes, self.pointer = 0, 0

    def upload(self, array) -> _Counter:
        self.bytes += array.nbytes
        return self


def run_batch(engines: list[GpuEngine], requests: list[Request]) -> list[Activity | ActivityError]:
    """Carry R networks through their segments at once.

    Parameters
    ----------
    engines : list of GpuEngine
        On one device; networks and grids of one kind. `GpuEngine.with_noise` makes replicates
        that share weights.
    requests : list of Request
        Each with the same rules in the same order, their parameters free.

    Returns
    -------
    list of Activity or ActivityError
        In the order of `requests`; an error concerns its own replicate alone.

    Raises
    ------
    InputError
        If the replicates do not go together, or a rule has no device text.
    DeviceError
        If the device has no room for even one.
    """
    first, rules = engines[0], [rule_text(r) for r in requests[0].readouts]
    variant = first.variant(rules, any(len(q.trials.current) for q in requests))
    if variant.feeds_back and len(rules) != 1:
        raise InputError("rules", len(rules), "exactly one readout when its output is fed back")
    for i, (engine, request) in enumerate(zip(engines, requests, strict=True)):
        if [rule_text(r) for r in request.readouts] != rules or engine.variant(
            rules, variant.extra_current
        ) != variant:
            raise InputError(f"batch[{i}]", "another variant", "networks, grids and rules of one kind")
    shared = variant.shared_bytes(rules), first.device.shared_bytes()
    if shared[0] > shared[1]:
        raise DeviceError(
            f"a network of N = {variant.n} cells needs {shared[0]} bytes of shared memory, a block of this "
            f"GPU has {shared[1]}; fewer cells, float32, or --backend cpu"
        )
    results: list[Activity | ActivityError] = []
    sizes = _part_sizes(engines, requests, variant, rules)
    if len(sizes) > 1 and not variant.wide:
        log.warning(
            "GPU memory: %d networks of %d cells do not fit at once; run in %d parts of at most %d",
            len(requests),
            variant.n,
            len(sizes),
            max(sizes),
        )
    for size in sizes:
        part = slice(len(results), len(results) + size)
        try:
            results += _run_part(engines[part], requests[part], variant, rules)
        except MemoryError as error:
            raise _no_room(first.device, len(requests), variant, size // 2) from error
        if len(sizes) > 1:
            for engine in engines[part]:
                engine.unload()
    return results


def _run_part(
    engines: list[GpuEngine], requests: list[Request], variant: Variant, rules: list[RuleText]
) -> list[Activity | ActivityError]:
    """Run one part of a batch, which fits into memory, and free the memory again."""
    loaded = [e.loaded(variant) for e in engines]
    grids = [e.grid for e in engines]
    return Batch(engines[0].device, variant, rules, loaded, grids, requests, _capacity(variant)).run()


def _capacity(variant: Variant) -> int:
    return ROOM * variant.sub_steps * variant.n


def _part_sizes(
    engines: list[GpuEngine], requests: list[Request], variant: Variant, rules: list[RuleText]
) -> list[int]:
    """Split R replicates into parts that fit into the free memory."""
    longest = max(len(q.trials.inputs) for q in requests), max(len(q.trials.outcome) for q in requests)
    each = bytes_of_replicate(engines[0], variant, rules, requests[0], longest)
    free = USABLE * engines[0].device.free_bytes()
    sizes, left, met = [0], free, set()
    for engine in engines:
        need = each + (0 if id(engine._loaded) in met else engine.bytes_to_load(variant))
        if sizes[-1] and (need > left or variant.wide):
            sizes.append(0)
            left, met = free, set[int]()
            need = each + engine.bytes_to_load(variant)
        if need > left:
            raise _no_room(engine.device, len(requests), variant, 0, need)
        met.add(id(engine._loaded))
        sizes[-1] += 1
        left -= need
    return sizes


def bytes_of_replicate(
    engine: GpuEngine,
    variant: Variant,
    rules: list[RuleText],
    request: Request,
    longest: tuple[int, int] | None = None,
) -> int:
    """Return the bytes that one replicate of a batch takes, without its network's arrays."""
    counter = _Counter()
    one = Batch(counter, variant, rules, [], [engine.grid], [request], _capacity(variant), longest)  # type: ignore[arg-type]
    return counter.bytes + one.jobs.nbytes


def _no_room(device: Device, r: int, variant: Variant, fit: int, need: int = 0) -> DeviceError:
    wanted = f"one of them needs {need / 1e9:.3g} GB" if need else f"at most {fit} at once might fit"
    free = device.free_bytes() / 1e9
    return DeviceError(
        f"GPU memory: no room for R = {r} networks of N = {variant.n} cells ({free:.3g} GB free; {wanted}); "
        "run fewer seeds at once, shorter segments, or float32"
    )
