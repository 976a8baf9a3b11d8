"""Arguments and options that several commands share, and what they ask for.

Imports stay inside: `--help` should not wait for Numba.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from spikewhen.experiments.cli.output import check_folder
from spikewhen.reservoir.errors import InputError

if TYPE_CHECKING:
    from spikewhen.experiments.config import Experiment
    from spikewhen.experiments.engines import Engine
    from spikewhen.experiments.jobs import Job
    from spikewhen.experiments.limits import Limits
    from spikewhen.experiments.shards import Shard

AnyJob = TypeVar("AnyJob", bound="Job")

Config = Annotated[str, typer.Argument(metavar="CONFIG", help="A TOML file, or the name of a shipped one.")]
Seed = Annotated[
    int | None, typer.Option(metavar="S", help="The seed; short for --seeds with one number.  [default: 0]")
]
Seeds = Annotated[str | None, typer.Option(metavar="LIST", help="Seeds, such as 0-19 or 0,3,7-9.")]
Out = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Folder to write into.  [default: results/ and the config's name]"),
]
BackendName = Annotated[
    str, typer.Option(metavar="cpu|gpu", help="Where to simulate; what is asked for is never replaced.")
]
Threads = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="How many runs go on at once; changes no result. The command run shares out among its runs "
        "what is left over.  [default: one per core, 256 on a GPU]",
    ),
]
Precision = Annotated[
    str | None,
    typer.Option(metavar="float32|float64", help="Short for --set simulation.precision=..."),
]
Record = Annotated[
    str | None,
    typer.Option(
        metavar="none|subset|all", help="Cells whose spikes are kept; short for --set record.spikes=..."
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="A.B=VALUE", help="Change one value of the config; may be given several times."
    ),
]
LimitMemory = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE", help="Refuse a plan that needs more, e.g. 8GB.  [default: the memory of this machine]"
    ),
]
LimitDisk = Annotated[
    str | None,
    typer.Option(metavar="SIZE", help="Refuse a plan that writes more.  [default: what is free there]"),
]
LimitTime = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Refuse a run that takes longer, e.g. 12h.  [default: 30d]"),
]
ShardText = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="I/N",
        help="Do part I of N: runs are dealt out in turn, the longest first, so each is in exactly one "
        "part. auto: as the job array of SLURM, LSF or SGE says; auto/N: I is the task's number, PBS too.",
    ),
]
EngineName = Annotated[
    str,
    typer.Option(
        "--engine",
        metavar="local|slurm|dask",
        help="Who carries out the runs: this machine, job arrays of SLURM, or the workers of a Dask "
        "scheduler. The command waits for them.",
    ),
]
EngineSet = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY=VALUE",
        help="Of slurm: time=1h of a task, its memory, tasks=100 at most, at_once, partition, account. "
        "Of dask: scheduler=tcp://HOST:8786. Of both: scratch=DIR of a machine, to write in first.",
    ),
]
CheckpointEvery = Annotated[
    str | None,
    typer.Option(
        "--checkpoint-every",
        metavar="TIME",
        help="Keep every so often where a run is, e.g. 5min, and when it is ended by a signal: the same "
        "command then goes on inside the run, and leaves the same bytes.",
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be done and what it costs; write nothing.")
]
DryRunOfEngine = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Say what would be done and what it costs, of a job array also its script; write nothing.",
    ),
]
FailFast = Annotated[
    bool, typer.Option("--fail-fast", help="Stop at the first run that fails, instead of doing the others.")
]
Json = Annotated[
    bool, typer.Option("--json", help="Print JSON on the standard output, and nothing else there.")
]


def overrides(set_: list[str] | None, precision: str | None, record: str | None = None) -> tuple[str, ...]:
    """Return the changes to the config, in the order in which they apply."""
    given = [*(set_ or ())]
    if precision:
        given.append(f'simulation.precision="{precision}"')
    if record:  # "spikes" was the name of "all" once
        given.append(f'record.spikes="{"all" if record == "spikes" else record}"')
    return tuple(given)


def asked_seeds(seed: int | None, seeds: str | None) -> tuple[int, ...] | None:
    """Return the seeds that were asked for, if any were.

    Raises
    ------
    InputError
    """
    from spikewhen.experiments.tables import parse_seeds

    if seeds is not None and seed is not None:
        raise InputError("--seeds", seeds, "either --seed or --seeds")
    chosen = parse_seeds(seeds) if seeds is not None else () if seed is None else (seed,)
    for s in chosen:
        if not 0 <= s < 2**63:
            raise InputError("--seed" if seeds is None else "--seeds", s, "numbers from 0 to 2^63 - 1")
    return chosen or None


def asked_shard(shard: str | None) -> Shard | None:
    """Return which part of the runs was asked for, if one was.

    Raises
    ------
    InputError
    """
    from spikewhen.experiments.shards import parse_shard

    return None if shard is None else parse_shard(shard)


def asked_engine(
    name: str, settings: list[str] | None, threads: int | None, backend: str
) -> tuple[Engine, int | None]:
    """Return who is to carry out the runs, and how many of them at once on one machine.

    Raises
    ------
    InputError
    """
    from spikewhen.experiments.engines import make_engine

    pairs = [text.partition("=") for text in settings or ()]
    for key, equals, value in pairs:
        if not (key and equals and value):
            raise InputError("--engine-set", f"{key}{equals}{value}", "KEY=VALUE, such as time=4h")
    given = {key: value for key, _, value in pairs}
    elsewhere = name == "slurm" or (name == "dask" and "scheduler" in given)
    if elsewhere and threads is not None:
        instead = "--engine-set at_once=N" if name == "slurm" else "as many workers as the scheduler has"
        raise InputError("--threads", threads, f"{instead}, with --engine {name}")
    if name in ("slurm", "dask") and backend != "cpu":
        raise InputError("--backend", backend, f"cpu with --engine {name}")
    return make_engine(name, given), 1 if elsewhere else threads


def asked_limits(
    folder: Path, memory: str | None = None, disk: str | None = None, time: str | None = None
) -> Limits:
    """Return what a command's plan may take: what was asked for, else what there is.

    Raises
    ------
    InputError
    """
    from spikewhen.experiments.limits import Limits, of_machine, parse_size, parse_time

    there = of_machine(folder)
    return Limits(
        there.memory_bytes if memory is None else parse_size(memory, "--limit-memory"),
        there.disk_bytes if disk is None else parse_size(disk, "--limit-disk"),
        there.seconds if time is None else parse_time(time, "--limit-time"),
    )


def asked_jobs(
    config: str,
    experiment: Experiment,
    seeds: tuple[int, ...],
    folder: Path,
    backend: str,
    limits: Limits | None = None,
) -> list[Job]:
    """List the runs of a config, and check everything that can be checked before anything is written.

    Raises
    ------
    InputError, DeviceError
    """
    from spikewhen.experiments.jobs import make_jobs
    from spikewhen.reservoir.backends import get_backend

    check_folder(folder)
    get_backend(backend)
    with naming_config(config):
        return make_jobs(Path(config).stem, experiment, seeds, folder, limits)


@contextmanager
def naming_config(config: str) -> Iterator[None]:
    """Name the config in what is refused about it."""
    from spikewhen.experiments.config import find_config

    try:
        yield
    except InputError as error:
        if error.where.startswith(("--", "planned ")):  # about the command
            raise
        raise InputError(f"{find_config(config)}: {error.where}", error.value, error.allowed) from error


def with_checkpoints(jobs: list[AnyJob], every: str | None) -> list[AnyJob]:
    """Return runs that keep where they are, if it was asked for.

    Raises
    ------
    InputError
    """
    if every is None:
        return jobs
    from dataclasses import replace

    from spikewhen.experiments.limits import parse_time

    seconds = parse_time(every, "--checkpoint-every")
    return [replace(job, checkpoint_s=seconds) for job in jobs]
