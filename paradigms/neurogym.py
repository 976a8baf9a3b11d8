"""Trials of a neurogym environment: its observations are the input, its ground truth is taught.

neurogym (Molano-Mazon et al., doi 10.31234/osf.io/aqc9n) has the tasks of systems neuroscience as trials
of observations (S, n) and a ground truth (S,), the right action in every step. Here each observation is an
input channel, each action a readout channel; the right action is taught as 1, the others as 0, through the
whole trial. A test set of trials, drawn apart from those of training, is shown at every probe.
"""

from __future__ import annotations

import hashlib
import importlib
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from spikewhen.paradigms.base import Size, Task, trial_table
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.rules.gate import CONTINUOUS, TeachingSignal
from spikewhen.reservoir.spec import param, steps
from spikewhen.reservoir.types import ProbeTable, Session

TEST = 10_000
"""Added to a seed for the trials of the test set."""
INSTALL = "pip install 'spikewhen[neurogym]', in an environment of its own (docs/how_to/neurogym.md)"


@dataclass(frozen=True)
class NeuroGym(Task):
    """The parameters of the task: which environment, how many trials, and how fast they go by."""

    name: ClassVar[str] = "neurogym"
    scores: ClassVar[str] = "choices"
    figures: ClassVar[tuple[str, ...]] = ("target", "learning")

    environment: str = param(
        "PerceptualDecisionMaking-v0",
        "id of an environment of neurogym, package:id of another package, or module:Class of one's own",
    )
    options: dict[str, Any] = param(
        factory=dict, help="arguments of the environment, such as dt, timing or sigma"
    )
    version: str = param("", "of what has the environment; filled in, and refused where it is another one")
    scale: float = param(1.0, "of all times of the environment", gt=0, le=100)
    trials: int = param(300, "training trials", ge=1)
    interval_ms: float = param(300.0, "silence before a trial", "ms", ge=0)
    probes_every: int = param(100, "training trials between two showings of the test set", ge=1)
    test_trials: int = param(30, "trials of the test set", ge=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        found = version_of(self.environment)
        if self.version not in ("", found):
            raise InputError("version", self.version, f"{found or 'nothing'}, which is installed here")
        object.__setattr__(self, "version", found)

    def size(self, readout_step_ms: float) -> Size | None:
        """Return nothing: only the environment knows how long its trials are."""
        return None

    def plan(self, seed: int, readout_step_ms: float) -> NeuroGymSession:
        """Draw the trials; the same seed gives the same ones."""
        return NeuroGymSession(self, seed, readout_step_ms)


class Drawn(NamedTuple):
    """Trials of an environment."""

    shown: list[np.ndarray]  # (S, n) each, S steps of the environment
    taught: list[np.ndarray]  # (S, K) each
    choice: np.ndarray  # (trials,) the action that is right where a choice is due; 0 without actions
    due: np.ndarray  # (trials, longest) bool, the steps in which it is


def version_of(environment: str) -> str:
    """Return the version of the package that has an environment, of one's own module a hash; "" without."""
    package, _, name = environment.rpartition(":")
    if name.isidentifier() and package:  # a class of one's own
        try:
            source = importlib.import_module(package).__file__
        except ImportError:
            return ""
        return hashlib.sha256(Path(source).read_bytes()).hexdigest()[:16] if source else ""
    try:
        return metadata.version(package or "neurogym")
    except metadata.PackageNotFoundError:
        return ""


def make(environment: str, options: dict[str, Any]) -> Any:
    """Make an environment that has `new_trial`, `seed`, `dt` and `action_space`.

    Raises
    ------
    InputError
        If there is none of that name, or it has no trials.
    """
    where = "paradigm.environment"
    package, _, name = environment.rpartition(":")
    try:
        if name.isidentifier() and package:
            found = getattr(importlib.import_module(package), name)(**options)
        else:
            import gymnasium

            importlib.import_module(package or "neurogym")
            found = gymnasium.make(name, disable_env_checker=True, **options).unwrapped
    except ImportError as error:
        raise InputError(where, environment, f"an installed environment ({error}); {INSTALL}") from error
    except Exception as error:  # gymnasium's own, and whatever a class raises
        said = " ".join(str(error).split())
        raise InputError(where, environment, f"an environment that can be made ({said})") from error
    missing = [part for part in ("new_trial", "seed", "dt", "action_space") if not hasattr(found, part)]
    if missing:
        raise InputError(where, environment, f"a trial environment of neurogym; it has no {missing[0]}")
    return found


def draw(environment: Any, name: str, seed: int, n: int) -> Drawn:
    """Draw `n` trials of an environment.

    Raises
    ------
    InputError
        If its trials have no ground truth, or observations that are no rows of numbers.
    """
    environment.seed(seed)
    actions = getattr(environment.action_space, "n", None)
    shown, truth = [], []
    for _ in range(n):
        environment.gt = None  # one that does not set it must not leave that of another trial
        environment.new_trial()
        if environment.gt is None:
            allowed = "an environment whose trials have a ground truth (gt), which is what is taught"
            raise InputError("paradigm.environment", name, allowed)
        shown.append(np.array(environment.ob, float))
        truth.append(np.array(environment.gt))
        if shown[-1].ndim != 2 or len(truth[-1]) != len(shown[-1]) or not len(shown[-1]):
            allowed = f"observations (steps, n) and a ground truth a step, not {shown[-1].shape}"
            raise InputError("paradigm.environment", name, allowed)
    longest = max(map(len, shown))
    choice, due = np.zeros(n, np.int64), np.zeros((n, longest), bool)
    if actions is None:
        due[:] = [np.arange(longest) < len(one) for one in shown]
        return Drawn(shown, [np.reshape(one, (len(one), -1)).astype(float) for one in truth], choice, due)
    for i, one in enumerate(truth):
        if one.ndim != 1 or not np.isin(one, np.arange(actions)).all():
            allowed = f"an environment whose ground truth is one of its {actions} actions in every step"
            raise InputError("paradigm.environment", name, allowed)
        due[i, : len(one)] = one != 0
    anywhere = np.asarray(due.any(axis=0))
    for i, one in enumerate(truth):
        if not due[i].any():  # nothing but waiting is right: it counts where others choose
            due[i, : len(one)] = anywhere[: len(one)] if anywhere[: len(one)].any() else True
        choice[i] = np.bincount(one[due[i, : len(one)]].astype(np.int64)).argmax()
    taught = [(one[:, None] == np.arange(int(actions))).astype(float) for one in truth]
    return Drawn(shown, taught, choice, due)


@dataclass
class NeuroGymSession(Session):
    """A session of drawn trials; a condition is the choice that is right."""

    spec: NeuroGym
    seed: int
    step_ms: float
    sigma_ms: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        spec, name = self.spec, self.spec.environment
        environment = make(name, dict(spec.options))
        self.every = steps("paradigm.scale", spec.scale * float(environment.dt), self.step_ms, "a step")
        if self.every < 1:
            raise InputError("paradigm.scale", spec.scale, "steps of the environment of at least one step")
        self.train = draw(environment, name, self.seed, spec.trials)
        self.test = draw(environment, name, self.seed + TEST, spec.test_trials)
        n, k = self.train.shown[0].shape[1], self.train.taught[0].shape[1]
        lengths = [
            np.array([len(one) for one in drawn.shown]) * self.every for drawn in (self.train, self.test)
        ]
        self.trial_steps, steps_of_test = lengths
        longest = int(max(map(np.max, lengths)))
        self.time_ms = self.step_ms * (np.arange(longest) + 1)
        self.cues = tuple(f"observation {i}" for i in range(n))
        self.events = tuple(f"action {i}" for i in range(k))
        self.channels = np.arange(k)
        self.choices = np.union1d(self.train.choice, self.test.choice)  # those that are ever right
        self.conditions = tuple(f"choice {i}" for i in self.choices)
        block = np.zeros(spec.trials, np.int64)
        condition, of_test = (np.searchsorted(self.choices, d.choice) for d in (self.train, self.test))
        self.trials = trial_table(block, condition, spec.interval_ms)
        moments = [m for m in range(0, spec.trials + 1, spec.probes_every)]
        if moments[-1] != spec.trials:
            moments.append(spec.trials)
        after = np.repeat(np.array(moments, np.int64), spec.test_trials)
        which = np.tile(np.arange(spec.test_trials), len(moments))
        zeros = np.zeros(after.size, np.int64)
        silence = np.full(after.size, float(spec.interval_ms))
        self.probes = ProbeTable(after, which, zeros, zeros - 1, of_test[which], silence)
        self.probe_steps = steps_of_test[which]
        self.blocks = {
            "first_trial": (np.zeros(1, np.int64), "1"),
            "target": (self._mean_target(), "1"),
            "test_target": (_padded(self.test.taught, longest // self.every)[None], "1"),
            "test_due": (_padded(list(self.test.due[..., None]), longest // self.every)[None, ..., 0], "1"),
            "step_ms": (np.array([self.every * self.step_ms]), "ms"),
        }

    def inputs(self, trial: int) -> np.ndarray:
        """Return the observations of a trial, each held for its step, ``(T, C)``; actions are no input."""
        return self._inputs(self.train.shown[trial])

    def probe_inputs(self, probe: int) -> np.ndarray:
        """Return the observations of a trial of the test set."""
        return self._inputs(self.test.shown[self.probes.repeat[probe]])

    def teaching(self, trial: int) -> TeachingSignal:
        """Return the ground truth, which is taught at all times."""
        nothing = np.zeros(len(self.events))
        return TeachingSignal(self.time_ms, self._held(self.train.taught[trial]), CONTINUOUS, nothing)

    def _inputs(self, shown: np.ndarray) -> np.ndarray:
        return np.hstack((self._held(shown), np.zeros((self.time_ms.size, len(self.events)))))

    def _held(self, rows: np.ndarray) -> np.ndarray:
        out = np.zeros((self.time_ms.size, rows.shape[1]))
        out[: len(rows) * self.every] = np.repeat(rows, self.every, axis=0)
        return out

    def _mean_target(self) -> np.ndarray:
        """Return the mean of what is taught where each choice is right, (1, G, T, K); NaN past its trials."""
        out = np.full((1, len(self.conditions), self.time_ms.size, len(self.events)), np.nan)
        longest = max(map(len, self.train.taught))
        for g, choice in enumerate(self.choices):
            mine = [t for t, c in zip(self.train.taught, self.train.choice, strict=True) if c == choice]
            if mine:
                total, n = np.zeros((longest, len(self.events))), np.zeros((longest, 1))
                for one in mine:
                    total[: len(one)] += one
                    n[: len(one)] += 1
                mean = np.where(n > 0, total / np.maximum(n, 1), np.nan)
                out[0, g, : longest * self.every] = np.repeat(mean, self.every, axis=0)
        return out


def _padded(rows: list[np.ndarray], longest: int) -> np.ndarray:
    """Return arrays of different length as one, NaN past their ends."""
    out = np.full((len(rows), longest, rows[0].shape[1]), np.nan)
    for i, one in enumerate(rows):
        out[i, : len(one)] = one
    return out
