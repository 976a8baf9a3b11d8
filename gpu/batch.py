"""A segment of trials for R networks at once: arrays up, launches, arrays down.

Networks are replicates: their own weights or shared ones, their own noise, their
own trials, their own parameters of the same rules. All arrays of one kind stand
in one buffer with the replicate as the leading axis, and each replicate's `Job`
points to its own part.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from spikewhen.gpu.device import Device, Kernel
from spikewhen.gpu.rule_text import RuleText
from spikewhen.gpu.source import STATES, Variant, job_dtype
from spikewhen.gpu.upload import Loaded
from spikewhen.reservoir.engine import Activity, Readout
from spikewhen.reservoir.errors import ActivityError
from spikewhen.reservoir.step_constants import check_finite
from spikewhen.reservoir.types import State, Teaching, TimeGrid, Trials

LONGEST = 4096
"""Readout steps of one launch at most, so that spikes stream out while the next one runs."""

WIDE_LONGEST = 100
"""Readout steps of one launch at most, where a network runs over many blocks."""


class Request(NamedTuple):
    """The arguments of `spikewhen.reservoir.engine.Engine.run` for one replicate."""

    state: State
    trials: Trials
    readouts: list[Readout]
    teaching: list[Teaching]


class Stack:
    """The arrays of R replicates, one after another in one buffer of the device."""

    def __init__(self, device: Device, array: np.ndarray):
        self.device, self.stride = device, array.nbytes // len(array)
        self.like = np.broadcast_to(np.zeros((), array.dtype), array.shape)
        self.memory = device.upload(array) if array.size else None

    def pointers(self) -> np.ndarray:
        """Return the address of each replicate's part, ``(R,)`` uint64."""
        start = self.memory.pointer if self.memory else 0
        return np.uint64(start) + np.uint64(self.stride) * np.arange(len(self.like), dtype=np.uint64)

    def read(self, after: Any = None) -> np.ndarray:
        """Copy the buffer back to the host; see `spikewhen.gpu.device.Device.download`."""
        return (
            self.device.download(self.memory, self.like, after) if self.memory else np.zeros_like(self.like)
        )


class Batch:
    """R replicates of one variant, on their way through a segment of trials.

    Parameters
    ----------
    device : Device
    variant : Variant
    rules : list of RuleText
    networks : list of Loaded
    grids : list of TimeGrid
        Of which the noise seed counts, and the time for messages.
    requests : list of Request
    capacity : int
        Spikes of one network that one launch has room for; at least those of one readout step.
    longest : tuple of int, optional
        Readout steps and trials to make room for; the most that any request has.
    """

    def __init__(
        self,
        device: Device,
        variant: Variant,
        rules: list[RuleText],
        networks: list[Loaded],
        grids: list[TimeGrid],
        requests: list[Request],
        capacity: int,
        longest: tuple[int, int] | None = None,
    ):
        self.device, self.variant, self.rules = device, variant, rules
        self.networks, self.grids, self.requests, self.capacity = networks, grids, requests, capacity
        self.real = np.dtype(variant.real)
        self.steps = np.array([len(q.trials.inputs) for q in requests])
        self.longest = longest or (int(self.steps.max()), max(len(q.trials.outcome) for q in requests))
        self.learns = any(q.trials.learn for q in requests)
        self.jobs = np.zeros(len(requests), job_dtype(rules))
        self.stacks: dict[str, Stack] = {}
        self._segment_arrays()
        for r, rule in enumerate(rules):
            self._readout_arrays(r, rule)

    # up

    def _put(self, name: str, array: np.ndarray, place: np.ndarray | None = None) -> None:
        stack = self.stacks[name] = Stack(self.device, array)
        (self.jobs if place is None else place)[name.rpartition("/")[2]] = stack.pointers()

    def _stack(
        self, parts: list[np.ndarray], shape: tuple[int, ...], dtype: Any, fill: Any = 0
    ) -> np.ndarray:
        """Gather arrays of different lengths into one, each filled up with zeros to the same shape."""
        out = np.full((len(parts), *shape), fill, dtype)
        for row, part in zip(out, parts, strict=True):
            row[tuple(slice(s) for s in part.shape)] = part
        return out

    def _network_arrays(self) -> None:
        for name in ("cells", "numbers", "weight", "target", "cut", "delay"):
            self.jobs[name] = [n.pointers[name] for n in self.networks]

    def _segment_arrays(self) -> None:
        v, requests, size = self.variant, self.requests, len(self.requests)
        trials, states = [q.trials for q in requests], [q.state for q in requests]
        t, n = self.longest
        self._put("inputs", self._stack([q.inputs for q in trials], (t, v.channels_in), self.real))
        if v.extra_current:
            self._put("current", self._stack([q.current for q in trials], (t, v.n_pad), self.real))
        self._put("trial_end", self._stack([q.trial_end for q in trials], (t,), np.int32, -1))
        self._put("outcome", self._stack([q.outcome for q in trials], (n, v.channels), self.real))
        rows = [np.stack([getattr(s, k) for k in STATES]) for s in states]
        self._put("state", self._stack(rows, (len(STATES), v.n_pad), self.real))
        self._put("pending", self._stack([s.pending for s in states], (v.slots, v.n_pad), self.real))
        self._put("drive", np.zeros((size, v.n_pad), self.real))
        self._put("readouts", np.stack([s.readouts for s in states]))
        self._put("output", np.stack([s.output for s in states]))
        for buffer in "01":  # one comes down while the other is written
            self._put(f"spikes{buffer}", np.zeros((size, 2, self.capacity), np.uint32))
            self._put(f"reached{buffer}", np.zeros((size, 2), np.int64))
        self._put("progress", np.zeros((size, 2), np.int64))
        if v.wide:
            self._put("x", np.zeros((size, v.m), self.real))
            self._put("mask", np.zeros((size, v.words), np.uint32))
            self._put("list", np.zeros((size, v.n), np.uint32))
            self._put("listed", np.zeros((size, 4), np.int64))
        self.jobs["first_step"] = [q.first_step for q in trials]
        self.jobs["stream"] = [q.stream for q in trials]
        self.jobs["noise_seed"] = [g.noise_seed % 2**64 for g in self.grids]
        self.jobs["n_steps"], self.jobs["capacity"] = self.steps, self.capacity
        self.jobs["learns"] = [q.learn for q in trials]

    def _readout_arrays(self, r: int, rule: RuleText) -> None:
        v, size, place = self.variant, len(self.requests), self.jobs[f"readout{r}"]
        taught = [q.teaching[r] for q in self.requests]
        readouts = [q.readouts[r] for q in self.requests]
        t, n = self.longest

        def put(name: str, array: np.ndarray) -> None:
            self._put(f"{r}/{name}", array, place)

        put("target", self._stack([x.target for x in taught], (t, v.channels), self.real))
        put("gate", self._stack([x.gate for x in taught], (t, v.channels), self.real))
        put("window", self._stack([x.window for x in taught], (t,), np.int8))
        put("y", np.zeros((size, t, v.channels), self.real))
        put("p_hat", np.zeros((size, n, v.channels), self.real))
        put("constants", np.array([tuple(x.constants) for x in readouts], rule.constants))
        put("what_constants", np.array([x.what_constants for x in readouts], self.real))
        put("v", np.stack([x.v for x in readouts]))
        put("window_sum", np.stack([x.window_sum for x in readouts]))
        put("mean", np.zeros((size, v.m), self.real))
        put("count", np.stack([x.count for x in readouts]))
        put("seen", np.stack([x.seen for x in readouts]))
        put("surprise", np.stack([x.surprise for x in readouts]))
        if rule.needs_scratch and self.learns:
            put("scratch", np.zeros((size, v.scratch_bytes), np.uint8))
        for f, (name, *_) in enumerate(rule.state):
            if f == 0 or self.learns:  # a readout that does not learn only speaks
                put(name, np.stack([x.state[f] for x in readouts]))

    # run and down

    def ready(self) -> tuple[Kernel, Any]:
        """Return the compiled kernel and the jobs on the device, for launches of one's own."""
        self._network_arrays()
        variant, rules = self.variant, self.rules
        launch = self.device.kernel(variant.source(rules), variant.threads, variant.shared_bytes(rules))
        return launch, self.device.upload(self.jobs)

    def run(self) -> list[Activity | ActivityError]:
        """Carry all networks to the end of their segment; states and readouts are written back."""
        (launch, jobs), blocks, variant = self.ready(), len(self.jobs), self.variant
        spikes: list[list[np.ndarray]] = [[] for _ in self.jobs]
        if variant.wide:
            return self._run_phases(launch, jobs, spikes)
        began: np.ndarray = np.zeros(blocks, np.int64)
        last, buffer = launch(jobs, 0, LONGEST, blocks), 0
        while True:
            following = launch(
                jobs, 1 - buffer, LONGEST, blocks
            )  # runs while the last one's spikes come down
            reached = self.stacks[f"reached{buffer}"].read(last)
            found = self.stacks[f"spikes{buffer}"].read(last)
            for r in np.flatnonzero(reached[:, 0]):
                part = found[r, :, : reached[r, 0]].astype(np.int64)
                part[0] += self.requests[r].trials.first_step + began[r] * variant.sub_steps
                spikes[r].append(part)
            if np.all(reached[:, 1] == began):  # nobody moved: all are done, or have failed
                break
            began, buffer, last = reached[:, 1], 1 - buffer, following
        return self._collect(spikes)

    def _run_phases(self, launch: Kernel, jobs: Any, spikes: list) -> list[Activity | ActivityError]:
        """Carry one network over many blocks through its segment, phase by phase; see wide.cu."""
        v, reached = self.variant, 0
        while True:
            self.queue_phases(launch, jobs, min(int(self.steps[0]) - reached, WIDE_LONGEST))
            count, now = self.stacks["reached0"].read()[0]
            part = self.stacks["spikes0"].read()[0, :, :count].astype(np.int64)
            part[0] += self.requests[0].trials.first_step + reached * v.sub_steps
            spikes[0].append(part)
            if now == reached or now == self.steps[0]:
                return self._collect(spikes)
            reached = int(now)

    def queue_phases(self, launch: Kernel, jobs: Any, steps: int) -> None:
        """Queue the launches of some readout steps of a network over many blocks."""
        begin, membranes, list_, deliver, features, readout = range(6)
        blocks = self.variant.blocks
        launch(jobs, begin, 0, 1)
        for _ in range(steps):
            for sub in range(self.variant.sub_steps):
                launch(jobs, membranes, sub, blocks)
                launch(jobs, list_, sub, 1)
                launch(jobs, deliver, sub, blocks)
            launch(jobs, features, 0, blocks)
            launch(jobs, readout, 0, 1)

    def _collect(self, spikes: list[list[np.ndarray]]) -> list[Activity | ActivityError]:
        found = {
            name: self.stacks[name].read() for name in ("state", "pending", "readouts", "output", "progress")
        }
        n, results = self.variant.n, []
        for i, request in enumerate(self.requests):
            state = request.state
            for row, name in enumerate(STATES):
                getattr(state, name)[:] = found["state"][i, row, :n]
            state.pending[:] = found["pending"][i, :, :n]
            state.readouts[:] = found["readouts"][i]
            state.output[:] = found["output"][i]
        back = [self._readout_back(r, rule) for r, rule in enumerate(self.rules)]
        for i, (request, grid) in enumerate(zip(self.requests, self.grids, strict=True)):
            done, failed = found["progress"][i]
            trials = request.trials
            y = [b[0][i, : self.steps[i]].copy() for b in back]
            p_hat = [b[1][i, : len(trials.outcome)].copy() for b in back]
            step, cell = np.concatenate([np.zeros((2, 0), np.int64), *spikes[i]], axis=1)
            activity: Activity | ActivityError = Activity(step, cell.astype(np.int32), y, p_hat)
            if failed:
                try:
                    check_finite(
                        request.state, (trials.first_step + done * grid.steps_per_readout) * grid.dt_ms
                    )
                except ActivityError as error:
                    activity = error
            results.append(activity)
        return results

    def _readout_back(self, r: int, rule: RuleText) -> tuple[np.ndarray, np.ndarray]:
        """Write a readout's arrays back; returns y and p_hat of all replicates."""
        read = {name: self.stacks[f"{r}/{name}"].read() for name in ("y", "p_hat", "window_sum", "count")}
        learned = {}
        if self.learns:
            names = ["v", "seen", "surprise", *(name for name, *_ in rule.state)]
            learned = {name: self.stacks[f"{r}/{name}"].read() for name in names}
        for i, request in enumerate(self.requests):
            readout = request.readouts[r]
            readout.window_sum[:] = read["window_sum"][i]
            readout.count[:] = read["count"][i]
            if request.trials.learn:
                readout.v[:] = learned["v"][i]
                readout.seen[:] = learned["seen"][i]
                readout.surprise[:] = learned["surprise"][i]
                for name, array in zip(readout.state._fields, readout.state, strict=True):
                    array[...] = learned[name][i]
        return read["y"], read["p_hat"]
