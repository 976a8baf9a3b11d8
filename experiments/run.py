"""Running an experiment for a seed: into memory, or into a file."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from spikewhen.experiments.checks import remarks
from spikewhen.experiments.config import Experiment
from spikewhen.experiments.jobs import threads_each
from spikewhen.experiments.limits import Limits
from spikewhen.experiments.progress import Progress, shown
from spikewhen.experiments.provenance import software
from spikewhen.experiments.result import ReadLater, Result
from spikewhen.experiments.reuse import is_there, open_finished_run, read_finished_run
from spikewhen.experiments.setup import Setup, prepare
from spikewhen.experiments.unscored import reason_of_failure, unscored, why_no_scores
from spikewhen.reservoir.backends import get_backend
from spikewhen.reservoir.engine import Backend, Engine
from spikewhen.reservoir.errors import ActivityError, InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.checkpoint import Checkpoint, keeping
from spikewhen.reservoir.files.dropping import drop_parts
from spikewhen.reservoir.files.recording import Recording
from spikewhen.reservoir.files.sinks import FileSink, MemorySink, Sink
from spikewhen.reservoir.files.static import write_declared, write_static
from spikewhen.reservoir.health import health_line, warnings
from spikewhen.reservoir.replay import Replay
from spikewhen.reservoir.types import Network

if TYPE_CHECKING:
    from spikewhen.analysis.score_run import Scored

log = logging.getLogger(__name__)

Tick = Callable[[int], None] | None
"""Called with the number of trials and probes just finished."""
AllScores = dict[str, dict[str, np.ndarray]]
"""By label and name."""


class Source(NamedTuple):
    """Where the spikes of a run come from, and what is known of them before."""

    network: Network
    engine: Engine
    health: dict[str, float] | None = None  # the report that must come out
    ceiling: np.ndarray | None = None  # the score error_ridge


class Outcome(NamedTuple):
    """What a finished run has to say, beside its file."""

    scores: AllScores
    health: dict[str, float]
    lines: list[str]  # the health line, then the warnings
    main: str = "error"  # the score that the task is judged by
    scoring_failed: str = ""  # why the run has no scores though its task has some


def run(
    experiment: Experiment,
    seed: int = 0,
    *,
    out: str | Path | None = None,
    backend: str | Backend = "cpu",
    network: Network | None = None,
    current: np.ndarray | None = None,
    scores: bool = True,
    progress: Progress = True,
    limits: Limits | None = None,
    threads: int | None = None,
) -> Result:
    """Run one experiment for one seed.

    Parameters
    ----------
    experiment : Experiment
        With feedback, exactly one rule (see `Experiment.split`).
    seed : int
    out : path, optional
        Folder for ``<run_id>.h5``; without it the run stays in memory. A finished run is
        opened, not repeated.
    backend : {"cpu", "gpu", "reference"} or Backend
    network : Network, optional
        Own connectivity and cell parameters in place of ``experiment.network``.
    current : (T, N) ndarray, optional
        Own input current in every trial and probe, pA, one row per readout step.
    scores : bool
        False leaves them out: they can take longer than the simulation. Only for a run in
        memory, since a file is the same whoever writes it; `spikewhen.score` gives them later.
    progress : bool or callable
        Show a bar, where stderr is a terminal or a notebook; or a function to be called with the number of
        trials and probes just finished.
    limits : Limits, optional
        What the run may take by its estimate; by default the memory of this machine and 30 days.
    threads : int, optional
        That the run may use on the CPU; by default one per core. A large network is shared by them; beside a
        smaller one they are for its readouts. Changes no result.

    Returns
    -------
    Result
        Where a rule diverges, of a run without it, as in the command: a warning says so, and
        ``failed`` of the result names the rule and the reason.

    Raises
    ------
    InputError, DeviceError
    ActivityError
        If the network's own activity does not stay finite, or no rule is left.
    """
    if out is not None and not scores:
        raise InputError("scores", scores, "True where a file is written: the same run is the same file")
    backend = get_backend("cpu", threads_each(threads, 1)) if backend == "cpu" else backend
    try:
        return _run_all(experiment, seed, out, backend, network, current, scores, progress, limits)
    except ActivityError as error:
        rest = without_diverged(experiment, error)
        options: dict[str, Any] = dict(out=out, backend=backend, network=network, current=current)
        result = run(rest, seed, **options, scores=scores, progress=progress, limits=limits)
        result.failed[error.rule] = str(error)
        return result


def without_diverged(experiment: Experiment, error: ActivityError) -> Experiment:
    """Return the experiment without the rule that diverged, and say so.

    Raises
    ------
    ActivityError
        If it was not a rule, or no other is left.
    """
    rest = experiment.without(error.rule)
    if rest is None:
        raise error
    log.warning("%s is left out: %s", error.rule, error)
    return rest


def _run_all(
    experiment: Experiment,
    seed: int,
    out: str | Path | None,
    backend: str | Backend,
    network: Network | None,
    current: np.ndarray | None,
    scores: bool,
    progress: Progress,
    limits: Limits | None,
) -> Result:
    setup = prepare(experiment, seed, network=network, current=current, limits=limits)
    if out is None:
        with shown(progress, setup.steps) as tick:
            return write_memory(setup, simulated(setup, backend), tick, scores)
    path = Path(out) / f"{setup.run_id}.h5"
    if not is_there(path):
        with shown(progress, setup.steps) as tick:
            tell(write_file(path, setup, simulated(setup, backend), tick))
    return open_finished_run(path, setup.run_id)


def run_to_file(
    experiment: Experiment,
    seed: int,
    out: str | Path,
    *,
    backend: str | Backend = "cpu",
    network: Network | None = None,
    current: np.ndarray | None = None,
    progress: Tick = None,
) -> Path:
    """Run into ``<run_id>.h5``, without holding the run in memory; a finished run is left as it is.

    Parameters as in `run`.

    Returns
    -------
    Path
        Of the result file.

    Raises
    ------
    ActivityError
        Also where one rule of several diverges, since the path would be another's.
    """
    setup = prepare(experiment, seed, network=network, current=current)
    path = Path(out) / f"{setup.run_id}.h5"
    if is_there(path):
        read_finished_run(path, setup.run_id, (schema.CONFIG,))
    else:
        tell(write_file(path, setup, simulated(setup, backend), progress))
    return path


def tell(outcome: Outcome) -> None:
    """Log in one line why a run that is kept has no scores."""
    if outcome.scoring_failed:
        log.warning(f"{outcome.scoring_failed}; spikewhen.score(run) makes them again")


def simulated(setup: Setup, backend: str | Backend = "cpu") -> Source:
    """Build and load a run's network, before a file is opened."""
    network = setup.build()
    return Source(network, setup.load(network, backend))


def write_memory(setup: Setup, source: Source, tick: Tick = None, scores: bool = True) -> Result:
    """Run and score in memory."""
    sink = MemorySink()
    outcome = _run(setup, source, sink, tick)
    missing = unscored(setup)
    if scores and not missing:
        tell(_score(sink, sink.recording, setup, source, outcome))
    elif scores:
        log.warning(missing)
    return Result(sink.recording.arrays, sink.recording.attrs)


def write_file(
    path: Path,
    setup: Setup,
    source: Source,
    tick: Tick = None,
    scratch: Path | None = None,
    checkpoint: Checkpoint | None = None,
    drop: Collection[str] = (),
) -> Outcome:
    """Run and score into a file that is whole or absent; a run that cannot be scored is kept.

    With a folder `scratch` the file is written there, and copied to its place when it is complete. With a
    checkpoint the run goes on where an interrupted one ended, and keeps where it is for the next. What is to
    be dropped (`spikewhen.reservoir.files.dropping`) is dropped once it is scored.
    """
    file = FileSink(path, scratch)
    try:
        with keeping(checkpoint):
            outcome = _run(setup, source, file, tick, checkpoint)
        if not unscored(setup):
            outcome = _score(file, _open_recording(file), setup, source, outcome)
        if drop and not outcome.scoring_failed:
            drop_parts(file, drop)
        file.commit()
    except BaseException:
        with suppress(OSError, RuntimeError):  # on a full disk closing fails as well
            file.abort()
        raise
    return outcome


def _run(
    setup: Setup, source: Source, sink: Sink, tick: Tick, checkpoint: Checkpoint | None = None
) -> Outcome:
    """Simulate and learn; returns the health report, its line and the warnings, without scores."""
    schema.write_head(sink, setup.config, software(), setup.run_id)
    trainer = setup.trainer(source.network, source.engine, sink, progress=tick, checkpoint=checkpoint)
    write_static(sink, source.network, setup.session, trainer.onsets_ms())
    write_declared(sink, setup.experiment.paradigm)
    report = trainer.run()
    line, found = health_line(report), warnings(report, setup.experiment.health)
    found += filter(None, [unscored(setup)])
    found += remarks(setup.experiment, setup.session, setup.grid.readout_step_ms)
    if source.health is not None and repr(sorted(report.items())) != repr(sorted(source.health.items())):
        raise InputError(schema.SPIKES, line, "all the spikes that the file's health line is of")
    schema.write_health(sink, report, line, found)
    sink.annotate(schema.spikes("reservoir"), duration_ms=trainer.duration_ms)
    return Outcome({}, report, [line, *found])


def _score(sink: Sink, recording: Recording, setup: Setup, source: Source, outcome: Outcome) -> Outcome:
    """Score what was written, and write that too, or why it failed: the simulation is safe by then."""
    from spikewhen.analysis.score_run import write_scores

    log.info("scoring")
    try:
        scored = find_scores(recording, source.ceiling, setup.experiment.record.geometry)
    except (Exception, SystemExit) as error:  # of the user's own function too: nothing is worth losing a run
        failed = f"scoring failed: {reason_of_failure(error)}"
        schema.write_failure(sink, failed)
        return outcome._replace(lines=[*outcome.lines, failed], scoring_failed=failed)
    write_scores(sink, scored)
    lines = [*outcome.lines, *schema.undefined_lines(scored.undefined)]
    found = {label: dict(table) for label, table in scored.found.items()}
    return outcome._replace(scores=found, lines=lines, main=scored.main)


def find_scores(
    recording: Recording,
    ceiling: np.ndarray | None = None,
    geometry: bool | None = None,
    beside: Path | None = None,
) -> Scored:
    """Score every readout as the task declares.

    Parameters
    ----------
    recording : Recording
    ceiling : ndarray, optional
        The score ``error_ridge``, if it is known.
    geometry : bool, optional
        Compare the weights with refits to the activity; by default as the run's config says.
    beside : path, optional
        Folder in which a function of the user's is looked for first.

    Raises
    ------
    InputError
        If the task declares no scores, or the run has no probes.
    """
    task, declared = recording.config["paradigm"]["name"], recording.attrs[schema.block()]["scores"]
    if missing := why_no_scores(task, declared, recording[schema.probe("block")].size):
        raise InputError("scores", "none", missing)
    from spikewhen.analysis.score_run import scored  # here: it loads SciPy, and no run should wait for it

    if geometry is None:
        geometry = recording.config["record"]["geometry"]
    replay = Replay(recording) if recording.holds_all_spikes else None
    return scored(recording, replay, beside, ceiling=ceiling, geometry=geometry)


def _open_recording(sink: FileSink) -> Recording:
    """The run so far, without loading it whole."""
    file, attrs = sink._file, {}
    attrs["/"] = dict(file.attrs)
    file.visititems(lambda name, node: attrs.update({f"/{name}": dict(node.attrs)}))
    return Recording(ReadLater.of(file), attrs)  # type: ignore[arg-type]
