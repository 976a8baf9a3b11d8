"""Trials run again from kept states: the same cue after other histories, silences and noise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from spikewhen.experiments.setup import Setup
from spikewhen.reservoir.engine import Activity, Engine, Readout
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.replay import Tracer
from spikewhen.reservoir.types import (
    ProbeTable,
    Session,
    State,
    Teaching,
    Trials,
    TrialTable,
    padded,
    record_steps,
)

OWN_CLOCK = 2**32
"""Readout steps after which re-runs begin, so that they share their draws of noise with no trial."""


class Branch(NamedTuple):
    """What a probe was given, with a copy of the state that it branched from."""

    state: State
    trials: Trials
    readouts: list[Readout]
    teaching: list[Teaching]


class Tap:
    """An engine that keeps what every probe branches from."""

    def __init__(self, engine: Engine):
        self.engine = engine
        self.branches: list[Branch] = []

    def start(self) -> State:
        """Return the state at time zero."""
        return self.engine.start()

    def run(
        self, state: State, trials: Trials, readouts: list[Readout], teaching: list[Teaching]
    ) -> Activity:
        """Run a segment, and keep its beginning if it is a probe."""
        if not trials.learn:
            self.branches.append(Branch(state.copy(), trials, readouts, teaching))
        return self.engine.run(state, trials, readouts, teaching)


class Part(Session):
    """A session up to the end of a block, probed at the ends of its last trials.

    One probe stands at the end of each history but the last, then one of every condition at the last.

    Raises
    ------
    InputError
        If there is no such block, it has no probes, or fewer trials than histories are asked for.
    """

    def __init__(self, session: Session, block: int, histories: int):
        here = np.flatnonzero(session.trials.block == block)
        probed = np.flatnonzero(session.probes.block == block)
        if not here.size:
            raise InputError("block", block + 1, f"1 to {int(session.trials.block.max()) + 1}")
        if not probed.size:
            raise InputError("paradigm", f"no probes in block {block + 1}", "probes there, to be run again")
        if here.size < histories:
            raise InputError("histories", histories, f"at most {here.size}, the trials of the block")
        self._session, end = session, int(here[-1]) + 1
        self.kinds, first = np.unique(session.probes.condition[probed], return_index=True)
        self._of = np.concatenate([np.full(histories - 1, probed[0]), probed[first]])
        after = np.concatenate([np.arange(end - histories + 1, end), np.full(first.size, end)])
        trial_steps, probe_steps = record_steps(session)
        self.trials = TrialTable(*(column[:end] for column in session.trials))
        self.probes = ProbeTable(*(column[self._of] for column in session.probes))._replace(
            after_trial=after.astype(np.int64)
        )
        self.lengths = probe_steps[self._of]
        self.trial_steps, self.probe_steps = trial_steps[:end], self.lengths
        self.time_ms, self.sigma_ms, self.blocks = session.time_ms, session.sigma_ms, session.blocks
        self.cues, self.events, self.conditions = session.cues, session.events, session.conditions
        self.channels, self.driven = session.channels, getattr(session, "driven", None)

    def inputs(self, trial: int) -> np.ndarray:
        """Return the inputs of a trial."""
        return self._session.inputs(trial)

    def probe_inputs(self, probe: int) -> np.ndarray:
        """Return the inputs of the probe that a probe stands for."""
        return self._session.probe_inputs(int(self._of[probe]))

    def teaching(self, trial: int) -> Any:
        """Return what is taught in a trial."""
        return self._session.teaching(trial)


class Rerun(NamedTuple):
    """A trial run again."""

    features: np.ndarray  # (T, N+1)
    spikes: np.ndarray  # (N,) from time 0 on
    y: list[np.ndarray]  # per readout (T, K), in the order of the channels
    p_hat: list[np.ndarray]  # per readout (1, K)


class Reruns:
    """Trials run again; made of what `Tap` kept of a run of `Part`.

    Parameters
    ----------
    setup : Setup
        Its grid may be without noise.
    engine : Engine
        Of that grid.
    tap : Tap
    part : Part
    every : int
        Readout steps between two kept ones.
    """

    def __init__(self, setup: Setup, engine: Engine, tap: Tap, part: Part, every: int):
        self.grid, self.engine, self.every = setup.grid, engine, every
        self.m, n = setup.grid.steps_per_readout, tap.branches[0].state.v.size
        self.tracer = Tracer(setup.grid, n)
        kinds = part.kinds.size
        self.cases = tap.branches[-kinds:]
        self.starts = tap.branches[: len(tap.branches) - kinds + 1]
        self.steps = part.lengths[-kinds:]
        self.before = int(np.count_nonzero(part.time_ms <= 1e-9))
        self.streams = 1 + setup.session.probes.block.size  # those of the probes come before

    def after(self, start: Branch, gaps: np.ndarray) -> Iterator[tuple[State, int]]:
        """Go on from a history through the longest silence; yields a state after each, with its dt step.

        The noise is that of the training run, which would have gone on so.

        Parameters
        ----------
        gaps : (G,) int ndarray
            Silences in readout steps, ascending.
        """
        state, step, done = start.state.copy(), start.trials.first_step, 0
        for gap in gaps:
            length = int(gap) - done
            if length:
                silence = _part_of(start, slice(0, 0), length)
                self.engine.run(
                    state,
                    silence.trials._replace(first_step=step, stream=0),
                    [r.frozen() for r in start.readouts],
                    silence.teaching,
                )
            step, done = step + length * self.m, int(gap)
            yield state.copy(), step

    def run(self, case: int, state: State, step: int, noise: int) -> Rerun:
        """Run a condition's probe from a state; the same `noise` gives the same draws after every history."""
        n = int(self.steps[case])
        given = _part_of(self.cases[case], slice(-n, None), n)
        readouts = [r.frozen() for r in self.cases[case].readouts]
        first = OWN_CLOCK * self.m
        mine = state.copy()
        if len(mine.pending):  # slots of spikes on their way go by the clock
            mine.pending[:] = np.roll(state.pending, first - step, axis=0)
        trials = given.trials._replace(first_step=first, stream=self.streams + noise)
        activity = self.engine.run(mine, trials, readouts, given.teaching)
        counted = activity.spike_neuron[activity.spike_step >= first + self.before * self.m]
        rows = slice(self.every - 1, None, self.every)
        return Rerun(
            self._features(state, activity, first, n)[rows],
            np.bincount(counted, minlength=state.v.size),
            [y[rows] for y in activity.y],
            activity.p_hat,
        )

    def _features(self, state: State, activity: Activity, first: int, n: int) -> np.ndarray:
        """Return the features of every readout step, (n, N+1)."""
        cells = state.v.size
        known = ("trace", "trace_inflow", "trace_mean", "trace_variance")
        rows = {k: np.pad(getattr(state, k), (0, padded(cells) - cells)) for k in known}
        traces = self.tracer.start()._replace(**rows, readouts=state.readouts.copy())
        out = np.empty((n, cells + 1), self.grid.dtype)
        spikes = activity.spike_step, activity.spike_neuron
        for part, x in self.tracer.chunks(traces, *spikes, first, n):
            out[part] = x[:, : cells + 1]
        return out


def _part_of(branch: Branch, rows: slice, length: int) -> Branch:
    """Return some rows of what a probe was given, or so many of silence where there are none."""

    def cut(array: np.ndarray, fill: float = 0) -> np.ndarray:
        kept = array[rows]
        return kept if len(kept) else np.full((length, *array.shape[1:]), fill, array.dtype)

    t = branch.trials
    current = cut(t.current) if len(t.current) else t.current
    trials = t._replace(inputs=cut(t.inputs), current=current, trial_end=cut(t.trial_end, -1))
    return Branch(branch.state, trials, branch.readouts, [Teaching(*map(cut, x)) for x in branch.teaching])
