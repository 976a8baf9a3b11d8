"""Running an experiment for a seed: into memory, or into a file."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from spikewhen.experiments.config import Experiment
from spikewhen.reservoir.backends import get_backend
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.recording import Recording, read_run, run_id
from spikewhen.reservoir.files.schema import write_static
from spikewhen.reservoir.files.sinks import FileSink, MemorySink, Sink
from spikewhen.reservoir.health import health_line, warnings
from spikewhen.reservoir.network import build_network, check_network
from spikewhen.reservoir.replay import features
from spikewhen.reservoir.time_grid import make_grid
from spikewhen.reservoir.training import Trainer
from spikewhen.reservoir.types import (
    Backend,
    Engine,
    Network,
    Session,
    TimeGrid,
)

Progress = Callable[[int], None] | None
"""Called with the number of trials and probes just finished."""

PACKAGES = ("numpy", "numba", "h5py", "scipy")
"""Whose versions can decide a bit of a result file."""


@cache
def software() -> dict[str, str]:
    """Versions of what made a file, and the commit where the checkout is clean or dirty."""
    found = {name: metadata.version(name) for name in PACKAGES}
    try:
        found["spikewhen"] = metadata.version("spikewhen")
    except metadata.PackageNotFoundError:  # run from the checkout without installing it
        found["spikewhen"] = "not installed"
    found["commit"] = _git("rev-parse", "HEAD") or "unknown"
    if found["commit"] != "unknown" and _git("status", "--porcelain", "--untracked-files=no"):
        found["commit"] += "-modified"
    return found


def _git(*arguments: str) -> str:
    root = Path(__file__).resolve().parent.parent
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def run(
    experiment: Experiment,
    seed: int = 0,
    *,
    out: str | Path | None = None,
    backend: str | Backend = "cpu",
    network: Network | None = None,
    current: np.ndarray | None = None,
    progress: Callable[[int], None] | None = None,
) -> Recording:
    """Run one experiment for one seed.

    Parameters
    ----------
    experiment : Experiment
        With feedback, exactly one rule (see `Experiment.split`).
    seed : int
    out : path, optional
        Folder for ``<run_id>.h5``; without it the run stays in memory.
    backend : {"cpu", "gpu", "reference"} or Backend
    network : Network, optional
        Own connectivity and cell parameters in place of ``experiment.network``.
    current : (T, N) ndarray, optional
        Own input current in every trial and probe, pA, one row per readout step.
    progress : callable, optional
        Called with the number of trials and probes just finished.

    Returns
    -------
    Recording

    Raises
    ------
    InputError, ActivityError, DeviceError
    """
    if out is not None:
        return read_run(
            run_to_file(
                experiment, seed, out, backend=backend, network=network, current=current, progress=progress
            )
        )
    config = _identity(experiment, seed, network, current)
    return write_memory(experiment, config, _prepare(experiment, seed, backend, network, current), progress)


def run_to_file(
    experiment: Experiment,
    seed: int,
    out: str | Path,
    *,
    backend: str | Backend = "cpu",
    network: Network | None = None,
    current: np.ndarray | None = None,
    progress: Callable[[int], None] | None = None,
) -> Path:
    """Run into ``<run_id>.h5``, without holding the run in memory; a finished run is left as it is.

    Parameters as in `run`.

    Returns
    -------
    Path
        Of the result file.
    """
    config = _identity(experiment, seed, network, current)
    path = Path(out) / f"{run_id(config)}.h5"
    if path.exists():
        return path
    return write_file(
        path, experiment, config, _prepare(experiment, seed, backend, network, current), progress
    )


def write_memory(experiment: Experiment, config: dict, parts: Parts, progress: Progress = None) -> Recording:
    """Run and score in memory."""
    sink = MemorySink()
    _run(experiment, config, sink, parts, progress)
    _score(sink, sink.recording, parts.ceiling, experiment.record.geometry)
    return sink.recording


def write_file(
    path: Path, experiment: Experiment, config: dict, parts: Parts, progress: Progress = None
) -> Path:
    """Run and score into a file that is whole or absent."""
    file = FileSink(path)
    try:
        _run(experiment, config, file, parts, progress)
        _score(file, _open_recording(file), parts.ceiling, experiment.record.geometry)
        file.commit()
    except BaseException:
        with suppress(OSError, RuntimeError):  # on a full disk closing fails as well
            file.abort()
        raise
    return path


def _identity(experiment: Experiment, seed: int, network: Network | None, current: np.ndarray | None) -> dict:
    """Everything that decides the run, its own arrays by their hash."""
    if not isinstance(seed, (int, np.integer)) or seed < 0:
        raise InputError("seed", seed, "a whole number >= 0")
    config = experiment.resolved(int(seed))
    if network is not None or current is not None:
        config["arrays"] = _hash_arrays(network, current)
    return config


class Parts(NamedTuple):
    """What a run is made of, checked and loaded."""

    grid: TimeGrid
    session: Session
    network: Network
    engine: Engine
    current: np.ndarray | None = None  # own input current
    health: dict[str, float] | None = None  # the report that must come out, if it is known
    ceiling: np.ndarray | None = None  # the score error_ridge, if it is known


def _prepare(
    experiment: Experiment,
    seed: int,
    backend: str | Backend,
    network: Network | None,
    current: np.ndarray | None,
) -> Parts:
    """Build everything that can refuse a value, before a file is opened."""
    seeds = experiment.seeds.resolve(seed)
    grid = make_grid(experiment.simulation, experiment.trace, seeds.noise)
    session = experiment.paradigm.plan(seeds.task, grid.readout_step_ms)
    if network is None:
        network = build_network(
            experiment.network, seeds.network, session.n_cues, session.n_channels, grid.dt_ms
        )
    else:
        check_network(network, session.n_cues, session.n_channels)
    if current is not None and current.shape != (session.time_ms.size, network.n_neurons):
        raise InputError("current", current.shape, f"shape ({session.time_ms.size}, {network.n_neurons})")
    chosen = get_backend(backend) if isinstance(backend, str) else backend
    return Parts(grid, session, network, chosen.load(network, grid), current)


def _run(experiment: Experiment, config: dict, sink: Sink, parts: Parts, progress: Progress) -> None:
    grid, session, network, engine = parts[:4]
    schema.write_head(sink, config, software(), run_id(config))
    trainer = Trainer(
        engine,
        network,
        grid,
        session,
        experiment.rules,
        sink,
        experiment.record,
        experiment.simulation.settle_ms,
        parts.current,
        progress,
    )
    write_static(sink, network, session, trainer.onsets_ms())
    report = trainer.run()
    if parts.health is not None and repr(sorted(report.items())) != repr(sorted(parts.health.items())):
        raise InputError(
            schema.SPIKES, health_line(report), "all the spikes that the file's health line is of"
        )
    schema.write_health(sink, report, health_line(report), warnings(report, experiment.health))


def _score(sink: Sink, recording: Recording, ceiling: np.ndarray | None, geometry: bool) -> None:
    """Score what was written, where the analysis knows the task."""
    known = schema.block("probability") in recording or schema.block("frequency_hz") in recording
    probed = all(schema.readout(label, "probes", "prediction") in recording for label in recording.labels)
    if not (known and probed):
        return
    from spikewhen.analysis.score_names import (
        SCORES,  # here: they load SciPy, and a run should not wait for it
    )
    from spikewhen.analysis.score_run import score_run

    replay = features if recording.attrs[schema.spikes("reservoir")]["subset"] == "all" else None
    for label, found in score_run(recording, replay, ceiling=ceiling, geometry=geometry).items():
        for name, values in found.items():
            sink.put(schema.scores(label, name), values, SCORES[name].unit)


class _OnDisk(Mapping):
    """The arrays of a file that is still open: each is read when asked for."""

    def __init__(self, file: h5py.File):
        self._file = file
        self._names: list[str] = []
        file.visititems(lambda name, node: self._names.append(f"/{name}") if hasattr(node, "shape") else None)

    def __getitem__(self, path: str) -> np.ndarray:
        return self._file[path][()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, path: object) -> bool:
        return path in self._names


def _open_recording(sink: FileSink) -> Recording:
    """The run so far, without loading it whole."""
    file = sink._file
    attrs: dict[str, dict] = {"/": dict(file.attrs)}
    file.visititems(lambda name, node: attrs.update({f"/{name}": dict(node.attrs)}))
    return Recording(_OnDisk(file), attrs)  # type: ignore[arg-type]


def _hash_arrays(network: Network | None, current: np.ndarray | None) -> dict[str, str]:
    import hashlib

    digest = hashlib.sha256()
    if network is not None:
        for part in (
            *network.cells,
            *network.synapses[:5],
            *network.encoders,
            network.cell_type,
            network.v_start,
        ):
            digest.update(np.ascontiguousarray(part).tobytes())
        digest.update(repr((network.synapses.rise_ms, network.type_names)).encode())
    if current is not None:
        digest.update(np.ascontiguousarray(current, np.float64).tobytes())
    return {"sha256": digest.hexdigest()}
