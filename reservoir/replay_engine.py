"""An engine that takes its spikes from a recording: rules train on it without a simulation.

In an open loop the network does not know who reads it. What a rule would have
seen in the run is therefore in the run's spikes: traces and features are
recomputed from them by the functions of the simulation, and the same learning
kernels train on them. The result equals that of a run in which the rule took part.
"""

from __future__ import annotations

import numpy as np

from spikewhen.reservoir.cpu.readout import learn_from
from spikewhen.reservoir.engine import Activity, Readout
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.recording import Recording
from spikewhen.reservoir.replay import KeptSpikes, Tracer
from spikewhen.reservoir.types import Session, State, Teaching, TimeGrid, Trials


class RecordedEngine:
    """An engine that replays the activity of one recording in place of a network.

    Parameters
    ----------
    recording : Recording
        Of an open loop, with all spikes; its spikes may stay in an open file.
    grid : TimeGrid
    session : Session
        The recording's own.
    chunk : int, optional
        Readout steps whose features are held at once; changes no result.

    Raises
    ------
    InputError
        If spikes are missing, or a readout took part in making them.
    """

    def __init__(self, recording: Recording, grid: TimeGrid, session: Session, chunk: int | None = None):
        check_recording(recording)
        self.grid = grid
        self._tracer = Tracer(grid, recording[schema.CELL_TYPE].size, chunk)
        self._spikes, self._probes = KeptSpikes(recording), KeptSpikes(recording, probes=True)
        steps = session.probe_steps
        last = session.time_ms[-1] if steps is None else session.time_ms[np.asarray(steps, np.int64) - 1]
        after = np.round(last / grid.readout_step_ms).astype(np.int64)  # from the onset to a probe's end
        self._after = np.broadcast_to(after, session.probes.block.shape)

    def start(self) -> State:
        """Return the traces at time zero. What spikes do not tell is left empty."""
        return self._tracer.start()

    def run(
        self, state: State, trials: Trials, readouts: list[Readout], teaching: list[Teaching]
    ) -> Activity:
        """Advance traces and readouts in place; see `spikewhen.reservoir.engine.Engine`."""
        real, n_steps = self.grid.dtype, len(trials.trial_end)
        ys = [np.zeros((n_steps, r.v.shape[0]), real) for r in readouts]
        p_hats = [np.zeros((len(trials.outcome), r.v.shape[0]), real) for r in readouts]
        step, cell = self._spikes_of(trials, n_steps)
        first = trials.first_step // self.grid.steps_per_readout
        for part, x in self._tracer.chunks(state, step, cell, trials.first_step, n_steps):
            for r, (readout, taught) in enumerate(zip(readouts, teaching, strict=True)):
                learn_from(
                    readout,
                    x,
                    ys[r][part],
                    taught.target[part],
                    taught.gate[part],
                    taught.window[part],
                    trials.trial_end[part],
                    trials.outcome,
                    p_hats[r],
                    first + part.start,
                    trials.learn,
                )
        return Activity(step, cell, ys, p_hats)

    def _spikes_of(self, trials: Trials, n_steps: int) -> tuple[np.ndarray, np.ndarray]:
        m, first = self.grid.steps_per_readout, trials.first_step
        if trials.stream == 0:
            return self._spikes.between(first, first + n_steps * m)
        q = trials.stream - 1
        step, cell = self._probes.between(q, q + 1)
        step = step + (first + (n_steps - int(self._after[q])) * m)  # a probe's own clock is 0 at cue onset
        if step.size and not first <= step[0] <= step[-1] < first + n_steps * m:
            raise InputError(
                schema.spikes("probes", "step"), int(step[0] - first), f"spikes within probe {q}"
            )
        return step, cell


def check_recording(recording: Recording) -> None:
    """Refuse a recording from which no other rule can be trained.

    Raises
    ------
    InputError
        If spikes are missing, or a readout took part in making them.
    """
    feedback = schema.encoder("feedback")
    if feedback in recording and np.any(recording[feedback]):
        raise InputError(
            "network.feedback_pa",
            recording.config["network"]["feedback_pa"],
            "0, an open loop: with feedback a rule shapes the spikes, and another has to simulate its own",
        )
    KeptSpikes(recording)
