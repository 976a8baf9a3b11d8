"""Training rules on the spikes of a finished run instead of simulating them again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from spikewhen.experiments.config import SECTIONS, Experiment, load_config
from spikewhen.experiments.jobs import Job, make_jobs
from spikewhen.experiments.run import Parts, Progress, software, write_file, write_memory
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.recording import Recording, open_recording, read_run, run_id
from spikewhen.reservoir.files.schema import read_network, write_static
from spikewhen.reservoir.files.sinks import MemorySink
from spikewhen.reservoir.replay_engine import RecordedEngine
from spikewhen.reservoir.time_grid import make_grid
from spikewhen.reservoir.training import Trainer

FREE = ("rules", "trace", "record", "health")
"""Sections of a config that no spike depends on while the loop is open."""

SMALL = (schema.CONFIG, schema.SOFTWARE, *schema.DRAWN)
"""What is loaded of a recording; its spikes are read by slices."""


def train(
    recording: str | Path, experiment: Experiment, *, out: str | Path | None = None, progress: Progress = None
) -> Recording:
    """Train the rules of an experiment on the spikes of a finished run.

    Parameters
    ----------
    recording : path
        A result file of an open loop (``network.feedback_pa = 0``) with all
        spikes (``record.spikes = "all"``).
    experiment : Experiment
        As `recorded_experiment` gives it, with other rules (or trace, record, health).
    out : path, optional
        Folder for ``<run_id>.h5``; without it the result stays in memory.
    progress : callable, optional
        Called with the number of trials and probes just finished.

    Returns
    -------
    Recording
        What `experiments.run` of that experiment and the recording's seed gives,
        bit for bit.

    Raises
    ------
    InputError
        If the recording does not hold what is needed, or the experiment would
        have made other spikes.
    """
    if out is not None:
        return read_run(train_to_file(recording, experiment, out, progress=progress))
    with _opened(recording, experiment) as (config, parts):
        return write_memory(experiment, config, parts, progress)


def train_to_file(
    recording: str | Path, experiment: Experiment, out: str | Path, *, progress: Progress = None
) -> Path:
    """Train into ``<run_id>.h5``; a finished one is left as it is. Parameters as in `train`."""
    with _opened(recording, experiment) as (config, parts):
        path = Path(out) / f"{run_id(config)}.h5"
        return path if path.exists() else write_file(path, experiment, config, parts, progress)


def recorded_experiment(recording: Recording, overrides: tuple[str, ...] = ()) -> Experiment:
    """Rebuild the experiment that a run was of.

    Parameters
    ----------
    recording : Recording
    overrides : tuple of str
        Changes to what no spike depends on, e.g. ``"rules.local.eta=0.05"``.

    Raises
    ------
    InputError
    """
    for item in overrides:
        if item.partition("=")[0].strip().partition(".")[0] not in FREE:
            raise InputError("--set", item, f"only {', '.join(FREE)}: all else decided the spikes")
    config = recording.config
    table = {name: config[name] for name in (*SECTIONS, "paradigm", "rules")}
    # The code of a rule of a user's is not in the file.
    table["rules"] = {k: r for k, r in table["rules"].items() if "code" not in r}
    return load_config(table, overrides)


def trained_config(recording: Recording, experiment: Experiment) -> dict:
    """Return the resolved config of an experiment on a recording's spikes; its hash is the run's id."""
    old = recording.config
    new = experiment.resolved(old["seed"])
    if "arrays" in old:  # a network or a current of the user's own
        new["arrays"] = old["arrays"]
    for name in old | new:
        if name not in FREE:
            _refuse_other(name, new.get(name), old.get(name))
    return new


def _refuse_other(where: str, new: Any, old: Any) -> None:
    """Name the first value that differs from the recording's."""
    if isinstance(new, dict) and isinstance(old, dict):
        for key in old | new:
            _refuse_other(f"{where}.{key}", new.get(key), old.get(key))
    elif json.dumps(new) != json.dumps(old):
        raise InputError(where, new, f"as in the recording, {old!r}")


@contextmanager
def _opened(path: str | Path, experiment: Experiment) -> Iterator[tuple[dict, Parts]]:
    """Everything a training needs; spikes are read while the block lasts."""
    with open_recording(path, SMALL) as recording:
        with _one_line(path):
            config = trained_config(recording, experiment)
            seeds = experiment.seeds.resolve(config["seed"])
            grid = make_grid(experiment.simulation, experiment.trace, seeds.noise)
            session = experiment.paradigm.plan(seeds.task, grid.readout_step_ms)
            engine = RecordedEngine(recording, grid, session)
            parts = Parts(
                grid,
                session,
                read_network(recording),
                engine,
                health=schema.health(recording),
                ceiling=_ceiling(recording, config),
            )
            _check_tables(recording, experiment, parts)
        yield config, parts


@contextmanager
def _one_line(path: str | Path) -> Iterator[None]:
    """Name the file in what is refused about it."""
    try:
        yield
    except KeyError as error:
        raise InputError(str(path), f"no {error.args[0]}", "a whole result file") from error
    except InputError as error:
        if error.where.startswith(("--", str(path))):  # about the command, or named already
            raise
        raise InputError(f"{path}: {error.where}", error.value, error.allowed) from error


def _ceiling(recording: Recording, config: dict) -> np.ndarray | None:
    """Take over the score that no readout has a part in, where this very code has computed it.

    It is half the cost of scoring.
    """
    same = all(json.dumps(config[k]) == json.dumps(recording.config[k]) for k in ("trace", "record"))
    known = software()["commit"] != "unknown" and not software()["commit"].endswith("-modified")
    if not (same and known and recording.software == software()):
        return None
    found = [path for path in recording.arrays if path.endswith("/error_ridge")]
    return recording[found[0]][()] if found else None


def _check_tables(recording: Recording, experiment: Experiment, parts: Parts) -> None:
    """Lessons are drawn again from the config: refuse a file in which they were others."""
    drawn = MemorySink()
    settle = experiment.simulation.settle_ms
    trainer = Trainer(parts.engine, parts.network, parts.grid, parts.session, {}, drawn, settle_ms=settle)
    write_static(drawn, parts.network, parts.session, trainer.onsets_ms())
    for name, array in drawn.recording.arrays.items():
        if not np.array_equal(array, recording[name], equal_nan=array.dtype.kind == "f"):
            raise InputError(name, "differs", "what this version draws from the recording's config")


def training_jobs(
    files: Sequence[Path],
    labels: list[str] | None,
    config: str | None,
    overrides: tuple[str, ...],
    out: Path | None,
) -> list[Job]:
    """List and check the trainings of a command, one per recording.

    Parameters
    ----------
    files : sequence of Path
        Recordings.
    labels : list of str, optional
        Which rules; all by default.
    config : str, optional
        A config whose rules to train in place of the recording's own.
    overrides : tuple of str
        See `recorded_experiment`.
    out : Path, optional
        Folder of the results; by default that of each recording.

    Raises
    ------
    InputError
    """
    jobs: dict[Path, Job] = {}  # the same spikes may stand in several files
    of_rules = tuple(o for o in overrides if config and o.partition("=")[0].strip().startswith("rules."))
    others = tuple(o for o in overrides if o not in of_rules)
    rules = load_config(config, of_rules).rules if config else None
    for path in files:
        with _one_line(path):
            recording = read_run(path, (schema.CONFIG,))
            experiment = recorded_experiment(recording, others)
            if rules is not None:
                experiment = replace(experiment, rules=rules)
            if labels:
                experiment = experiment.with_rules(labels, "--rule")
            (job,) = make_jobs(path.stem, experiment, [recording.config["seed"]], out or path.parent, path)
        with _opened(path, experiment) as (resolved, _):
            name = run_id(resolved)
        job = replace(job, path=job.path.with_stem(name))  # own arrays are part of the name
        jobs.setdefault(job.path, job)
    return list(jobs.values())
