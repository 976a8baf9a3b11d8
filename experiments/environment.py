"""A task as an environment of gymnasium: an agent sees what the network is shown, and predicts.

One episode is a whole session, trial after trial with the silences between. In every step the agent says
how much it expects each event now; its reward is minus the squared distance to what a readout would be
taught, which stands in ``info["gt"]`` as in neurogym.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import gymnasium
import numpy as np

from spikewhen.experiments.config import Experiment, load_config
from spikewhen.paradigms.base import Task
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.sessions import check_session, lesson, shown
from spikewhen.reservoir.spec import steps
from spikewhen.reservoir.types import Session, record_steps


class Moment(NamedTuple):
    """One step of an episode."""

    shown: np.ndarray  # (C,) amplitude of each input channel
    taught: np.ndarray  # (K,)
    trial: int
    block: int
    time_ms: float  # of the step's end on the clock of its trial, which goes back into the silence before it
    counts: bool  # False once the event has ended the trial: nothing is taught from there on


class TaskEnvironment(gymnasium.Env[np.ndarray, np.ndarray]):
    """Any task of the project, for agents that gymnasium's libraries train.

    Parameters
    ----------
    source : str, Experiment or Task
        A config's name or path, such as ``"set_go.toml"``, or what it holds; the network and the rules of a
        config are not used.
    step_ms : float
        Length of a step; observations and ground truth are means over it.
    readout_step_ms : float
        The task's own clock, which has to divide `step_ms`.

    Attributes
    ----------
    observation_space : gymnasium.spaces.Box
        (C,) amplitudes: one channel a cue, then one an event.
    action_space : gymnasium.spaces.Box
        (K,) how much each event is expected.
    channels, events : tuple of str
        Names of both.

    Raises
    ------
    InputError
    """

    def __init__(
        self,
        source: str | Experiment | Task,
        step_ms: float = 10.0,
        readout_step_ms: float = 1.0,
    ):
        experiment = load_config(source) if isinstance(source, str) else source
        self.task: Task = experiment.paradigm if isinstance(experiment, Experiment) else experiment
        if not callable(getattr(self.task, "plan", None)):
            raise InputError("source", type(source).__name__, "a config's name, an Experiment or a task")
        self.every = steps("step_ms", step_ms, readout_step_ms)
        if self.every < 1:
            raise InputError("step_ms", step_ms, f"at least readout_step_ms = {readout_step_ms:g}")
        self.readout_step_ms = readout_step_ms
        session = self._plan(0)
        self.channels, self.events = (*session.cues, *session.events), tuple(session.events)
        self.observation_space = _unbounded(len(self.channels))
        self.action_space = _unbounded(len(self.events))
        self._moments: Iterator[Moment] = iter(())
        self._now: Moment | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin the session of a seed; without one, of a number that the environment's generator draws."""
        super().reset(seed=seed)
        drawn = int(self.np_random.integers(1000, 2**31)) if seed is None else seed
        self._moments = _walk(self._plan(drawn), self.every, self.readout_step_ms)
        self._now = next(self._moments)
        return _observed(self._now), {"seed": drawn, **_said(self._now)}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Take the prediction of this step, and go on to the next; the session's end terminates.

        ``info`` is of the step that was predicted: ``gt``, its trial, block and time, and whether it
        ``counts`` (the reward is 0 where it does not); ``new_trial`` says whether the next step belongs to
        another trial.

        Raises
        ------
        gymnasium.error.ResetNeeded
        """
        if self._now is None:
            raise gymnasium.error.ResetNeeded("reset() begins a session; step() goes on in it")
        now, said = self._now, np.asarray(action, float).reshape(self.action_space.shape)
        reward = -float(np.mean((said - now.taught) ** 2)) if now.counts else 0.0
        self._now = next(self._moments, None)
        over = self._now is None
        new = over or (self._now is not None and self._now.trial != now.trial)
        after = np.zeros(len(self.channels), np.float32) if self._now is None else _observed(self._now)
        return after, reward, over, False, {**_said(now), "new_trial": new}

    def _plan(self, seed: int) -> Session:
        session = self.task.plan(seed, self.readout_step_ms)
        check_session(session, self.readout_step_ms)
        return session


def _unbounded(n: int) -> gymnasium.spaces.Box:
    return gymnasium.spaces.Box(-np.inf, np.inf, (n,), np.float32)


def _observed(moment: Moment) -> np.ndarray:
    return moment.shown.astype(np.float32)


def _said(moment: Moment) -> dict[str, Any]:
    return {
        "gt": moment.taught.copy(),
        "trial": moment.trial,
        "block": moment.block,
        "time_ms": moment.time_ms,
        "counts": moment.counts,
    }


def _walk(session: Session, every: int, step_ms: float) -> Iterator[Moment]:
    """Go through a session step by step; events are in the order of their names, as in a result file."""
    lengths, _ = record_steps(session)
    order = [*range(session.n_cues), *(session.n_cues + np.asarray(session.channels))]
    nothing = np.zeros(len(order)), np.zeros(session.n_channels)
    for trial, length in enumerate(lengths.tolist()):
        block = int(session.trials.block[trial])
        silence = round(float(session.trials.interval_ms[trial]) / (every * step_ms))
        begins = float(session.time_ms[0]) - step_ms
        for left in range(silence - 1, -1, -1):
            yield Moment(*nothing, trial, block, begins - left * every * step_ms, True)
        said = lesson(session, trial, length)
        seen = shown(session, "inputs", trial, length)[:, order]
        taught = said.signal[:length][:, session.channels]
        for begin in range(0, length, every):
            end = min(begin + every, length)
            means, time = (
                (seen[begin:end].mean(axis=0), taught[begin:end].mean(axis=0)),
                session.time_ms[end - 1],
            )
            yield Moment(*means, trial, block, float(time), bool(time < said.stop_ms))
