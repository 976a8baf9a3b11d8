"""The noise budget of a network: a block is learned, then its last trials are run again and again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from spikewhen.analysis.algebra import one_thread
from spikewhen.analysis.baselines import combine
from spikewhen.analysis.geometry.activity import block_activity
from spikewhen.analysis.noise_budget import (
    Budget,
    error_budget,
    mean_of_budgets,
    participation_ratio,
    reliability,
    shared_reliability,
)
from spikewhen.analysis.ridge import fit_ridge
from spikewhen.analysis.score_targets import fit_block, targets
from spikewhen.analysis.targets import marginal_target
from spikewhen.analysis.views import read_clock, read_readout, read_task
from spikewhen.experiments.config import Experiment, load_config
from spikewhen.experiments.display import Facts, Shown, count
from spikewhen.experiments.progress import Progress, shown
from spikewhen.experiments.reruns import Part, Rerun, Reruns, Tap
from spikewhen.experiments.result import Result
from spikewhen.experiments.run import Source, write_memory
from spikewhen.experiments.setup import prepare
from spikewhen.reservoir.arrays import whole
from spikewhen.reservoir.engine import Backend
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.derived import predict
from spikewhen.reservoir.record import RecordSpec
from spikewhen.reservoir.replay import Replay
from spikewhen.reservoir.types import Network

RIDGE = "ridge"
"""The best linear readout of the block, fitted to its trials, with the true p."""


@dataclass(frozen=True, repr=False)
class NoiseBudget(Shown):
    """Where the error of every readout comes from, and what of the activity is the same in all runs.

    Attributes
    ----------
    budgets : dict of str to Budget
        By label, and of "ridge", the best linear readout: squared errors over the mean square of the target.
    quiet : dict of str to float
        Squared error where the trial itself runs without noise, from the same states.
    conditions : tuple of str
        Budgets are their mean; the arrays below have a first axis over them.
    time_ms : (T,) ndarray
        Times after cue onset at which features are taken.
    mean, variance : (C, T, N) ndarray
        Of the features over the runs.
    reliability : (C, N) ndarray
        Share of each feature's variance after cue onset that is the same in every run.
    signal : (C,) ndarray
        The same of all features together.
    dimension : (C,) ndarray
        Participation ratio of the mean trajectory after cue onset.
    rate_hz : (C, N) ndarray
        Of every cell from cue onset to the trial's end.
    """

    budgets: dict[str, Budget]
    quiet: dict[str, float]
    conditions: tuple[str, ...]
    time_ms: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    reliability: np.ndarray
    signal: np.ndarray
    dimension: np.ndarray
    rate_hz: np.ndarray

    def _title(self) -> str:
        return f"noise budget of {count(len(self.conditions), 'condition')}: squared error by its cause"

    def _facts(self) -> Facts:
        facts = [
            (label, ", ".join(f"{part} {value:.3f}" for part, value in budget._asdict().items()))
            for label, budget in self.budgets.items()
        ]
        facts.append(
            ("signal", " ".join(f"{x:.2f}" for x in self.signal) + " of the variance is alike in all runs")
        )
        facts.append(("dimension", " ".join(f"{x:.1f}" for x in self.dimension)))
        return [*facts, ("ask", ".budgets .quiet .mean .variance .reliability .rate_hz .time_ms")]


def noise_budget(
    experiment: Experiment | str | Path,
    seed: int = 0,
    *,
    block: int = 1,
    histories: int = 6,
    intervals: int = 3,
    noises: int = 6,
    every_ms: float = 10.0,
    network: Network | None = None,
    current: np.ndarray | None = None,
    backend: str | Backend = "cpu",
    progress: Progress = True,
) -> NoiseBudget:
    """Split the error of every readout into private noise, carried-over state, interval and bias.

    The experiment runs to the end of a block. Then a probe of each condition is run from the ends of the
    block's last trials, after several silences and with several streams of noise, each with each.
    Readouts do not learn meanwhile. `spikewhen.analysis.noise_budget` defines the parts.

    Parameters
    ----------
    experiment : Experiment, or a config's path or name
    seed : int
    block : int
        Counted from 1.
    histories, intervals, noises : int
        Numbers of each. Silences are drawn from those of the session's trials, a silence of one
        length only counts once; noise has streams of its own.
    every_ms : float
        Time between the features and outputs that are compared.
    network, current, backend, progress
        As `spikewhen.run` has them.

    Returns
    -------
    NoiseBudget

    Raises
    ------
    InputError
        If the block has no probes or too few trials, or the task is not scored against an expectation.
    """
    if not isinstance(experiment, Experiment):
        experiment = load_config(experiment)
    sizes = {"block": block, "histories": histories, "intervals": intervals, "noises": noises}
    for where, size in sizes.items():
        whole(where, size, 1)
    setup = prepare(experiment, seed, network=network, current=current)
    declared = getattr(experiment.paradigm, "scores", "none")
    if declared not in ("events", "target"):
        raise InputError(
            "paradigm.scores", declared, '"events" or "target", whose error is of an expectation'
        )
    part, step = Part(setup.session, block - 1, histories), setup.grid.readout_step_ms
    every = max(1, round(every_ms / step))
    record = RecordSpec(spikes="all", trials=False, readouts_every_ms=step)
    shorter = replace(setup, session=part, experiment=replace(experiment, record=record))
    drawn = setup.build()
    tap = Tap(setup.load(drawn, backend))
    gaps = _silences(part, intervals, step, seed)
    runs = part.kinds.size * histories * gaps.size * (noises + 1)
    with shown(progress, shorter.steps + runs) as tick:
        result = write_memory(shorter, Source(drawn, tap), tick, scores=False)
        noisy = Reruns(setup, tap.engine, tap, part, every)
        still = replace(setup, grid=setup.grid._replace(noise=0.0))
        quiet = Reruns(still, still.load(drawn, backend), tap, part, every)
        with one_thread():
            reader = _Reader(result, part, every * step, block - 1)
            return _gather(reader, noisy, quiet, gaps, noises, tick or (lambda n: None))


def _silences(part: Part, intervals: int, step_ms: float, seed: int) -> np.ndarray:
    """Draw silences from those of the session, in readout steps, ascending."""
    drawn = np.random.default_rng([seed, 9]).choice(part.trials.interval_ms, intervals)
    gaps = np.sort(np.round(drawn / step_ms).astype(np.int64))
    return gaps[:1] if gaps[0] == gaps[-1] else gaps


class _Reader:
    """What every readout says of features, and what it should say."""

    def __init__(self, result: Result, part: Part, every_ms: float, block: int):
        self.result, self.part = result, part
        readout, replay = read_readout(result, result.labels[0]), Replay(result)
        clock = read_clock(result, readout.time_ms)
        self.time_ms = clock.times(int(part.time_ms.size // round(every_ms / clock.step_ms)), every_ms)
        rows = np.arange(part.probes.block.size)[-part.kinds.size :]
        self.factored = [bool(result.attrs[schema.readout(k)]["factored"]) for k in result.labels]
        self.p: np.ndarray | None = None
        if schema.block("probability") in result:
            task = read_task(result)
            self.target = task.expected(marginal_target, self.time_ms, readout.sigma_ms, rows)
            self.p = task.of_probes(task.probability)[rows]
            counts = np.broadcast_to(self.time_ms >= 0, self.target.shape[:2])
            activity = block_activity(result, readout, task, replay, every_ms, block, after_cue=True)
            self.weights = fit_ridge(*activity.after_cue).weights
        else:
            target, counts = targets(result, self.time_ms)
            self.target, counts = target[block, part.kinds], counts[block, part.kinds]
            self.weights = fit_block(result, clock, replay, every_ms, block).weights
        self.counts = counts[..., None]
        self.target = np.where(self.counts, self.target, 0)

    def said(self, case: int, rerun: Rerun) -> dict[str, np.ndarray]:
        """Return what every readout said in a re-run, (T, K) each; 0 where it does not count."""
        order = self.part.channels
        out = {}
        for r, label in enumerate(self.result.labels):
            y, p_hat = rerun.y[r][:, order], rerun.p_hat[r][:, order]
            out[label] = predict(y[None], p_hat, self.factored[r])[0]
        y = rerun.features @ self.weights.T
        out[RIDGE] = y if self.p is None else combine(self.p[case], y)
        counts, rows = self.counts[case], len(self.time_ms)
        filled = {k: np.pad(z, ((0, rows - len(z)), (0, 0))) for k, z in out.items()}  # a shorter trial
        return {k: np.where(counts, z, 0) for k, z in filled.items()}


class _Moments:
    """Mean and variance over runs, without holding them all."""

    def __init__(self) -> None:
        self.n = 0
        self.total, self.squares, self.spikes = np.zeros((3, 1))

    def add(self, rerun: Rerun) -> None:
        x = np.asarray(rerun.features[:, :-1], float)
        self.n += 1
        self.total, self.squares, self.spikes = (
            self.total + x,
            self.squares + x**2,
            self.spikes + rerun.spikes,
        )

    def result(self) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and variance, the latter with n - 1 (zeros of one run)."""
        mean = self.total / self.n
        return mean, np.maximum(self.squares - self.n * mean**2, 0) / max(self.n - 1, 1)


class _Case(NamedTuple):
    """One condition."""

    budgets: dict[str, Budget]
    quiet: dict[str, float]
    moments: _Moments


def _case(reader: _Reader, noisy: Reruns, quiet: Reruns, case: int, states: list, noises: int, tick) -> _Case:
    target, moments = reader.target[case], _Moments()
    said: dict[str, list] = {}
    without: dict[str, list] = {}
    for of_history in states:
        for state, step in of_history:
            for noise in range(noises):
                rerun = noisy.run(case, state, step, noise)
                moments.add(rerun)
                for label, z in reader.said(case, rerun).items():
                    said.setdefault(label, []).append(z)
                tick(1)
            for label, z in reader.said(case, quiet.run(case, state, step, 0)).items():
                without.setdefault(label, []).append(((z - target) ** 2).sum() / (target**2).sum())
            tick(1)
    shape = len(states), len(states[0]), noises, *target.shape
    budgets = {label: error_budget(np.reshape(z, shape), target) for label, z in said.items()}
    return _Case(budgets, {label: float(np.mean(e)) for label, e in without.items()}, moments)


def _gather(
    reader: _Reader, noisy: Reruns, quiet: Reruns, gaps: np.ndarray, noises: int, tick
) -> NoiseBudget:
    states = [list(noisy.after(start, gaps)) for start in noisy.starts]
    cases = [_case(reader, noisy, quiet, c, states, noises, tick) for c in range(len(noisy.cases))]
    labels, time = cases[0].budgets, reader.time_ms
    mean, variance = map(list, zip(*(c.moments.result() for c in cases), strict=True))
    after = [
        (m[time[: len(m)] > 0], v[time[: len(m)] > 0], c.moments.n)
        for m, v, c in zip(mean, variance, cases, strict=True)
    ]
    seconds = [(n - noisy.before) * noisy.grid.readout_step_ms / 1000 for n in noisy.steps]

    def whole_trial(array: np.ndarray) -> np.ndarray:
        return np.pad(array, ((0, time.size - len(array)), (0, 0)), constant_values=np.nan)

    return NoiseBudget(
        {label: mean_of_budgets([c.budgets[label] for c in cases]) for label in labels},
        {label: float(np.mean([c.quiet[label] for c in cases])) for label in labels},
        tuple(reader.part.conditions[int(c)] for c in reader.part.kinds),
        time,
        np.array([whole_trial(m) for m in mean]),
        np.array([whole_trial(v) for v in variance]),
        np.array([reliability(*x) for x in after]),
        np.array([shared_reliability(*x) for x in after]),
        np.array([participation_ratio(x[0]) for x in after]),
        np.array([c.moments.spikes / c.moments.n / s for c, s in zip(cases, seconds, strict=True)]),
    )
