"""The one training loop: a session runs on a network, readouts learn, and a sink keeps the results.

Trials run in segments that end where something has to happen: a probe, a
switch of block, or after `SEGMENT` trials so that memory stays flat. A probe
branches from a copy of the whole state, with noise of its own, and leaves the
run untouched.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from spikewhen.reservoir.arrays import check_label, checked
from spikewhen.reservoir.cell_states import CellStates, chosen_cells
from spikewhen.reservoir.engine import Activity, Engine, Readout, check_outputs
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.checkpoint import Checkpoint, LoggingSink
from spikewhen.reservoir.files.sinks import Sink
from spikewhen.reservoir.health import HealthMonitor
from spikewhen.reservoir.moments import changing, restore
from spikewhen.reservoir.network_check import check_encoders
from spikewhen.reservoir.record import RecordSpec
from spikewhen.reservoir.sessions import check_session, lesson, shown
from spikewhen.reservoir.spec import steps
from spikewhen.reservoir.types import (
    Network,
    Session,
    State,
    Teaching,
    TimeGrid,
    Trials,
    drive_course,
    record_steps,
)

SEGMENT = 25
ROOM = 2**34
"""Bytes that the arrays over time of one segment may take."""


class Trainer:
    """Runs one session on one network.

    Parameters
    ----------
    engine : Engine
        A network loaded on a backend.
    network, grid
        What was loaded.
    session : Session
    rules : dict of str to spikewhen.reservoir.rules.Rule
        By label; more than one only in an open loop.
    sink : Sink
        Where everything goes.
    record : RecordSpec
    settle_ms : float
        Silence before the first trial.
    current : (T, N) ndarray, optional
        Extra input current in every trial and probe, pA.
    progress : callable, optional
        Called with the number of trials and probes just finished.
    checkpoint : Checkpoint, optional
        Where moments between segments are kept, and the last one of an interrupted run is found.
    """

    def __init__(
        self,
        engine: Engine,
        network: Network,
        grid: TimeGrid,
        session: Session,
        rules: dict[str, Any],
        sink: Sink,
        record: RecordSpec | None = None,
        settle_ms: float = 0.0,
        current: np.ndarray | None = None,
        progress: Callable[[int], None] | None = None,
        checkpoint: Checkpoint | None = None,
    ):
        check_session(session, grid.readout_step_ms)
        check_encoders(network.encoders, network.n_neurons, session.n_cues, session.n_channels)
        self.engine, self.network, self.grid, self.session = engine, network, grid, session
        self.sink: Sink = LoggingSink(sink, checkpoint) if checkpoint else sink
        self.record, self._checkpoint, self._below = record or RecordSpec(), checkpoint, sink
        self.progress = progress or (lambda n: None)
        self.n_features = network.n_neurons + 1
        self.readouts = {
            check_label(k): Readout(r, session.n_channels, self.n_features, grid, k) for k, r in rules.items()
        }
        self.state: State = engine.start()
        self.health = HealthMonitor(network, grid.dt_ms)
        self.current = np.zeros((0, network.n_neurons), grid.dtype)
        if current is not None:  # +Inf would make a cell fire without a trace of it in the state
            shape = session.time_ms.size, network.n_neurons
            self.current = checked("current", current, shape, grid.dtype)
        self._driven = drive_course(session, grid.dtype)
        self._n_inputs = session.n_cues + session.n_channels
        self._every = steps("record.readouts_every_ms", self.record.readouts_every_ms, grid.readout_step_ms)
        self._kept = np.zeros(network.n_neurons, bool)
        self._kept[self.record.spiking(network.n_neurons)] = True
        self._steps, self._probe_steps = record_steps(session)
        self._states = None
        if self.record.keeps_states:
            chosen = chosen_cells(self.record.cells, self.record.cells_per_type, network.cell_type)
            every = self.record.check_states(network.n_neurons, grid.readout_step_ms, session.time_ms.size)
            self._states = CellStates(chosen, self.record.variables, every, grid)
        gap = session.trials.interval_ms.copy()
        gap[0] += settle_ms
        self._gap = np.round(gap / grid.readout_step_ms).astype(np.int64)
        self._ends = np.cumsum(self._gap + self._steps)
        self._starts = self._ends - self._steps  # readout step at which each trial's record begins
        self._probe_points = np.unique(session.probes.after_trial)
        self._settle_steps, self._settled = round(settle_ms / grid.readout_step_ms), 0
        self._check_room()

    @property
    def duration_ms(self) -> float:
        """The length of the training run, ms."""
        return float(self._ends[-1] * self.grid.readout_step_ms)

    def run(self) -> dict[str, float]:
        """Run the session; returns the health report."""
        self._create()
        first, stops = self._first_of_blocks(), self._stops()
        done = self._resume(stops)
        if not done:
            self._settle()
            self._probe(0)
        for i, (begin, end) in enumerate(pairwise(stops), 1):
            if i <= done:
                continue
            if begin in first and begin > 0:
                for readout in self.readouts.values():
                    readout.switch()
            self._train(int(begin), int(end))
            self._probe(int(end))
            if self._checkpoint:
                self._checkpoint.offer(i, self._changing())
        return self._finish()

    def _changing(self) -> dict[str, np.ndarray]:
        return changing(self.state, self.readouts, self.health, self._settled)

    def _resume(self, stops: np.ndarray) -> int:
        """Take up an interrupted run; returns the segments that it had finished."""
        moment = self._checkpoint.resume(self._below) if self._checkpoint else None
        if moment is None:
            return 0
        self._settled, end = restore(self._changing(), moment.arrays), int(stops[moment.done])
        self.progress(end + int(np.sum(self.session.probes.after_trial <= end)))
        return moment.done

    def _first_of_blocks(self) -> np.ndarray:
        block = self.session.trials.block
        return np.flatnonzero(np.diff(block, prepend=block[0] - 1))

    def _stops(self) -> np.ndarray:
        """Return where segments begin and end, in trials."""
        n = self.session.trials.block.size
        often = np.arange(0, n, SEGMENT)
        return np.unique(np.concatenate([self._first_of_blocks(), self._probe_points, often, [n]]))

    def _check_room(self) -> None:
        """Refuse a silence so long that the arrays of its segment would not fit."""
        k, inputs = self.session.n_channels, self._n_inputs + len(self.network.encoders.drive)
        extra = self.network.n_neurons if len(self.current) else 0
        each = np.dtype(self.grid.dtype).itemsize * (inputs + extra + 3 * k * len(self.readouts)) + 16
        most, step = ROOM // each, self.grid.readout_step_ms
        stops = self._stops()
        length = np.add.reduceat(self._gap + self._steps, stops[:-1])
        probes = np.round(self.session.probes.interval_ms / step).astype(np.int64) + self._probe_steps
        for what, sizes in (("trials", length), ("probes", probes)):
            if sizes.size and sizes.max() > most:
                at = int(np.argmax(sizes))
                if what == "trials":
                    at = int(stops[at] + np.argmax(self._gap[stops[at] : stops[at + 1]]))
                where, table = f"session.{what}.interval_ms[{at}]", getattr(self.session, what)
                allowed = f"silences and trials that fit into {ROOM >> 30} GiB, {most * step:.6g} ms at once"
                raise InputError(where, float(table.interval_ms[at]), allowed)

    def _settle(self) -> None:
        """Let the network settle on its own where a probe comes before the first trial."""
        if self._settle_steps and 0 in self._probe_points:
            trials = self._empty(self._settle_steps, 1, stream=0)._replace(learn=True)
            teaching = [self._teaching(r, self._settle_steps, [], []) for r in self.readouts.values()]
            activity = self.engine.run(self.state, trials, list(self.readouts.values()), teaching)
            self.health.add(activity.spike_step, activity.spike_neuron)
            self._keep_spikes("reservoir", activity, 0)
            self._settled = self._settle_steps

    def _begins(self, trial: int) -> int:
        """Return the readout step at which the silence before a trial begins, or what is left of it."""
        return int(self._ends[trial - 1]) if trial else self._settled

    def _train(self, begin: int, end: int) -> None:
        rows = range(begin, end)
        offset = self._begins(begin)
        length = int(self._ends[end - 1]) - offset
        at = [slice(int(self._starts[i]) - offset, int(self._ends[i]) - offset) for i in rows]
        trials = self._empty(length, len(rows), stream=0)._replace(
            first_step=offset * self.grid.steps_per_readout, learn=True
        )
        lessons = [lesson(self.session, i, int(self._steps[i]), self.grid.dtype) for i in rows]
        for j, (i, where) in enumerate(zip(rows, at, strict=True)):
            self._show(trials, where, "inputs", i)
            trials.trial_end[where.stop - 1] = j
            if lessons[j].event >= 0:
                trials.outcome[j, lessons[j].event] = 1
        teaching = [self._teaching(r, length, lessons, at) for r in self.readouts.values()]
        readouts = list(self.readouts.values())
        kept = ("trials", begin, at) if self.record.trials else None
        activity = self._advance(self.state, trials, readouts, teaching, kept)
        check_outputs(activity, trials.first_step, self.readouts, self.grid)
        self.health.add(activity.spike_step, activity.spike_neuron)
        self._keep_spikes("reservoir", activity, 0)
        if self.record.trials:
            self._keep_readouts("trials", begin, activity, at)
        self.progress(len(rows))

    def _advance(self, state: State, trials: Trials, readouts: list, teaching: list, where: Any) -> Activity:
        if self._states is None or where is None:
            return self.engine.run(state, trials, readouts, teaching)
        return self._states.run(self.engine, state, trials, readouts, teaching, where)

    def _probe(self, after: int) -> None:
        probes = self.session.probes
        if (here := np.flatnonzero(probes.after_trial == after)).size == 0:
            return
        self._keep_weights(after)
        before = float(self.session.time_ms[0]) - self.grid.readout_step_ms
        for q in map(int, here):
            gap = round(probes.interval_ms[q] / self.grid.readout_step_ms)
            n = int(self._probe_steps[q])
            length, where = gap + n, slice(gap, gap + n)
            # The clock runs on, so that spikes under way keep their slots; the noise stream is its own.
            start = self._begins(after)
            trials = self._empty(length, 1, stream=1 + q)._replace(
                first_step=start * self.grid.steps_per_readout
            )
            self._show(trials, where, "probe_inputs", q)
            trials.trial_end[-1] = 0
            teaching = [self._teaching(r, length, [None], [where]) for r in self.readouts.values()]
            frozen = [r.frozen() for r in self.readouts.values()]
            activity = self._advance(self.state.copy(), trials, frozen, teaching, ("probes", q, [where]))
            onset = start + gap - round(before / self.grid.readout_step_ms)  # of the cue, in readout steps
            self._keep_spikes("probes", activity, onset * self.grid.steps_per_readout, probe=q)
            self._keep_readouts("probes", q, activity, [where])
            self.progress(1)

    def _empty(self, length: int, n_trials: int, stream: int) -> Trials:
        real, n_channels = self.grid.dtype, self.session.n_channels
        n_inputs = self._n_inputs + len(self.network.encoders.drive)
        return Trials(
            first_step=0,
            stream=stream,
            inputs=np.zeros((length, n_inputs), real),
            current=np.zeros((length if len(self.current) else 0, self.network.n_neurons), real),
            trial_end=np.full(length, -1, np.int64),
            outcome=np.zeros((n_trials, n_channels), real),
            learn=False,
        )

    def _show(self, trials: Trials, where: slice, method: str, row: int) -> None:
        """Write what flows into the network during a trial or probe: inputs, drive, extra current."""
        n = where.stop - where.start
        trials.inputs[where, : self._n_inputs] = shown(self.session, method, row, n, self.grid.dtype)
        trials.inputs[where, self._n_inputs :] = self._driven[:n, None]
        if len(self.current):
            trials.current[where] = self.current[:n]

    def _teaching(self, readout: Readout, length: int, lessons: list, at: list[slice]) -> Teaching:
        real, shape = self.grid.dtype, (length, self.session.n_channels)
        teaching = Teaching(np.zeros(shape, real), np.zeros(shape, real), np.zeros(length, np.int8))
        if any(taught is not None for taught in lessons):
            teaching.gate[:] = getattr(readout.rule.gate, "between", 0.0)
        time = self.session.time_ms
        what = readout.rule.what
        for taught, where in zip(lessons, at, strict=True):
            n = where.stop - where.start
            if taught is not None:
                target, gate = readout.teach(taught)
                teaching.target[where], teaching.gate[where] = target[:n], gate[:n]
            if what is not None:
                # A readout at time t has seen everything up to t.
                inside = (time > what.window_start_ms) & (time <= what.window_end_ms)
                teaching.window[where] = inside[:n]
        return teaching

    # what is kept

    def _create(self) -> None:
        s, sink, real = self.session, self.sink, self.grid.dtype
        k, time_ms = s.n_channels, s.time_ms[self._every - 1 :: self._every]
        rows = {"trials": s.trials.block.size if self.record.trials else 0, "probes": s.probes.block.size}
        for label, readout in self.readouts.items():
            schema.create_readout(sink, label, readout.rule, s.sigma_ms, time_ms, rows, (k, real))
            schema.create_weights(sink, label, self._probe_points, (k, self.n_features, real))
        if self._states is not None:
            self._states.create(sink, s.time_ms, rows)
        schema.create_spikes(sink, np.flatnonzero(self._kept), self.record.spikes, self.grid.dt_ms)

    def _keep_spikes(self, which: str, activity: Activity, zero: int, probe: int | None = None) -> None:
        kept = self._kept[activity.spike_neuron]
        step = activity.spike_step[kept] - zero
        self.sink.append(schema.spikes(which, "step"), step)
        self.sink.append(schema.spikes(which, "node_ids"), activity.spike_neuron[kept])
        if probe is not None:
            self.sink.append(schema.spikes(which, "probe"), np.full(step.size, probe, np.int32))

    def _keep_readouts(self, which: str, first: int, activity: Activity, at: list[slice]) -> None:
        for r, label in enumerate(self.readouts):
            y = self._by_event(self._records(activity.y[r], at))
            p_hat = self._by_event(activity.p_hat[r])
            self.sink.write(schema.readout(label, which, "y"), first, y)
            self.sink.write(schema.readout(label, which, "p_hat"), first, p_hat)

    def _keep_weights(self, after: int) -> None:
        row = int(np.searchsorted(self._probe_points, after))
        for label, readout in self.readouts.items():
            for name, rows in (("w", readout.state[0]), ("v", readout.v)):
                kept = rows[self.session.channels, : self.n_features]
                self.sink.write(schema.weights(label, name), row, kept[None])

    def _by_event(self, of_channels: np.ndarray) -> np.ndarray:
        """Put a last axis over channels in the order of the session's events."""
        return of_channels[..., self.session.channels]

    def _records(self, y: np.ndarray, at: list[slice]) -> np.ndarray:
        """Kept steps of each trial (n, T, K), NaN past the end of a shorter one."""
        last = slice(self._every - 1, None, self._every)
        out = np.full((len(at), self.session.time_ms[last].size, y.shape[1]), np.nan, y.dtype)
        for row, where in zip(out, at, strict=True):
            row[: len(y[where][last])] = y[where][last]
        return out

    def _finish(self) -> dict[str, float]:
        for label, readout in self.readouts.items():
            schema.write_rule_state(self.sink, label, readout, self.record.whole_rule_states)
        return self.health.report(self.duration_ms)

    def onsets_ms(self) -> np.ndarray:
        """Return the cue onset of every trial on the run's clock, ``(n,)`` in ms."""
        before = self.session.time_ms[0] - self.grid.readout_step_ms
        return self._starts * self.grid.readout_step_ms - before
