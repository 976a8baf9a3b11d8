"""Training rules on the spikes of a finished run instead of simulating them again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from spikewhen.experiments.config import Experiment, folder_of, load_config
from spikewhen.experiments.jobs import Job, make_job
from spikewhen.experiments.limits import Limits
from spikewhen.experiments.progress import Progress, shown
from spikewhen.experiments.provenance import software
from spikewhen.experiments.recorded import FREE, recorded_experiment
from spikewhen.experiments.result import Result
from spikewhen.experiments.reuse import check_identity, is_there, open_finished_run, read_finished_run
from spikewhen.experiments.run import Outcome, Source, Tick, tell, without_diverged, write_file, write_memory
from spikewhen.experiments.setup import Setup, prepare
from spikewhen.reservoir.errors import ActivityError, InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.recording import Recording, open_recording
from spikewhen.reservoir.files.sinks import MemorySink
from spikewhen.reservoir.files.static import read_network, write_static
from spikewhen.reservoir.replay_engine import RecordedEngine
from spikewhen.reservoir.types import NUMERICS_VERSION

SMALL = (schema.CONFIG, schema.SOFTWARE, *schema.DRAWN)
"""What is loaded of a recording; its spikes are read by slices."""


def train(
    recording: str | Path | Recording,
    experiment: Experiment | None = None,
    *,
    rules: dict[str, Any] | None = None,
    out: str | Path | None = None,
    scores: bool = True,
    progress: Progress = True,
) -> Result:
    """Train rules on the spikes of a finished run.

    Parameters
    ----------
    recording : path or Recording
        A run of an open loop (``network.feedback_pa = 0``) with all spikes
        (``record.spikes = "all"``): its file, or what `run` or `open_run` returned.
    experiment : Experiment, optional
        That of the recording, with other rules (or trace, record, health); by default
        the recording's own.
    rules : dict of str to Rule, optional
        By label, in place of the experiment's rules.
    out : path, optional
        Folder for ``<run_id>.h5``; without it the result stays in memory.
    scores, progress
        As `spikewhen.run` takes them.

    Returns
    -------
    Result
        What `spikewhen.run` of that experiment and the recording's seed gives, bit for bit.

    Raises
    ------
    InputError
        If the recording does not hold what is needed, or the experiment would
        have made other spikes.
    """
    if out is not None and not scores:
        raise InputError("scores", scores, "True where a file is written: the same run is the same file")
    with _opened(recording) as (name, opened), _one_line(name):
        if experiment is None:
            experiment = recorded_experiment(opened, keep_rules=rules is None)
        if rules is not None:
            experiment = replace(experiment, rules=rules)
        setup = trained_setup(opened, experiment)
        source = _source(opened, setup)
        path = None if out is None else Path(out) / f"{setup.run_id}.h5"
        if path is not None and is_there(path):
            return open_finished_run(path, setup.run_id)
        try:
            with shown(progress, setup.steps) as tick:
                if path is None:
                    return write_memory(setup, source, tick, scores)
                tell(write_file(path, setup, source, tick))
        except ActivityError as error:
            rest = without_diverged(experiment, error)
            result = train(recording, rest, out=out, scores=scores, progress=progress)
            result.failed[error.rule] = str(error)
            return result
    return open_finished_run(path, setup.run_id)


def train_to_file(
    recording: str | Path, experiment: Experiment, out: str | Path, *, progress: Tick = None
) -> Path:
    """Train into ``<run_id>.h5``; a finished one is left as it is. Parameters as in `train`."""
    with open_recording(recording, SMALL) as opened:
        with _one_line(recording):
            setup = trained_setup(opened, experiment)
            source = _source(opened, setup)
        path = Path(out) / f"{setup.run_id}.h5"
        if is_there(path):
            read_finished_run(path, setup.run_id, (schema.CONFIG,))
        else:
            tell(write_file(path, setup, source, progress))
    return path


def train_job(job: Job, recording: Path, tick: Tick) -> Outcome:
    """Carry out a training that is set up, into its file."""
    with open_recording(recording, SMALL) as opened:
        with _one_line(recording):
            source = _source(opened, job.setup)
        return write_file(job.path, job.setup, source, tick, job.scratch, job.checkpoint())


def trained_setup(recording: Recording, experiment: Experiment, limits: Limits | None = None) -> Setup:
    """Prepare the run of an experiment on a recording's spikes, with the recording's seed.

    Raises
    ------
    InputError
        If the experiment would have made other spikes.
    """
    old = recording.config
    experiment.record.refuse_states()
    setup = prepare(experiment, old["seed"], arrays=old.get("arrays"), limits=limits)
    if (made := old.get("numerics_version")) != NUMERICS_VERSION:
        raise InputError("numerics_version", made, f"{NUMERICS_VERSION}, or the run simulated again")
    for name in old | setup.config:
        if name not in FREE:
            _refuse_other(name, setup.config.get(name), old.get(name))
    return setup


def _refuse_other(where: str, new: Any, old: Any) -> None:
    """Name the first value that differs from the recording's."""
    if isinstance(new, dict) and isinstance(old, dict):
        for key in old | new:
            _refuse_other(f"{where}.{key}", new.get(key), old.get(key))
    elif json.dumps(new) != json.dumps(old):
        raise InputError(where, new, f"as in the recording, {old!r}")


@contextmanager
def _opened(recording: str | Path | Recording) -> Iterator[tuple[str, Recording]]:
    """Return a name for messages, and the recording, its spikes to be read while the block lasts."""
    path = getattr(recording, "path", None) if isinstance(recording, Recording) else recording
    if isinstance(recording, Recording) and path is None:
        yield "the run", recording
    else:
        with open_recording(path, SMALL) as opened:  # type: ignore[arg-type]
            check_identity(opened, Path(path))  # type: ignore[arg-type]
            yield str(path), opened


def _source(recording: Recording, setup: Setup) -> Source:
    """Everything a training needs beside its set-up."""
    engine = RecordedEngine(recording, setup.grid, setup.session)
    ceiling = _ceiling(recording, setup.config)
    source = Source(read_network(recording), engine, schema.health(recording), ceiling)
    _check_tables(recording, setup, source)
    return source


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
    """Take over the score that no readout has a part in, half the cost, where this very code computed it."""
    same = all(json.dumps(config[k]) == json.dumps(recording.config[k]) for k in ("trace", "record"))
    known = software()["commit"] != "unknown" and not software()["commit"].endswith("-modified")
    if not (same and known and recording.software == software()):
        return None
    if any("error_ridge" in names for names in schema.undefined_scores(recording).values()):
        return None  # the reason is found again with it
    found = [path for path in recording.arrays if path.endswith("/error_ridge")]
    return recording[found[0]][()] if found else None


def _check_tables(recording: Recording, setup: Setup, source: Source) -> None:
    """Teaching is drawn again from the config: refuse a file in which it was another."""
    drawn = MemorySink()
    trainer = setup.trainer(source.network, source.engine, drawn, rules={})
    write_static(drawn, source.network, setup.session, trainer.onsets_ms())
    for name, array in drawn.recording.arrays.items():
        if not np.array_equal(array, recording[name], equal_nan=array.dtype.kind == "f"):
            raise InputError(name, "differs", "what this version draws from the recording's config")


def training_jobs(
    files: Sequence[Path],
    labels: list[str] | None,
    config: str | None,
    overrides: tuple[str, ...],
    out: Path | None,
    limits: Limits | None = None,
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
    limits : Limits, optional
        What one training may take.

    Raises
    ------
    InputError
    """
    jobs: dict[Path, Job] = {}  # the same spikes may stand in several files
    of_rules = tuple(o for o in overrides if config and o.partition("=")[0].strip().startswith("rules."))
    others = tuple(o for o in overrides if o not in of_rules)
    rules = load_config(config, of_rules).rules if config else None
    beside = folder_of(config) if config else Path.cwd()
    for path in files:
        with open_recording(path, SMALL) as recording, _one_line(path):
            check_identity(recording, path)
            experiment = recorded_experiment(recording, others, keep_rules=rules is None)
            if rules is not None:
                experiment = replace(experiment, rules=rules)
            if labels:
                experiment = experiment.with_rules(labels, "--rule", beside)
            setup = trained_setup(recording, experiment, limits)
            _source(recording, setup)  # refuses what could not be trained on
            job = make_job(path.stem, setup, out or path.parent, path)
        jobs.setdefault(job.path, job)
    return list(jobs.values())
