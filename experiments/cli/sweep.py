"""The commands `spikewhen sweep` and `spikewhen table`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from spikewhen.experiments.cli.errors import examples
from spikewhen.experiments.cli.options import (
    BackendName,
    CheckpointEvery,
    DryRunOfEngine,
    EngineName,
    EngineSet,
    FailFast,
    Json,
    LimitDisk,
    LimitMemory,
    LimitTime,
    Seeds,
    ShardText,
    Threads,
    asked_engine,
    asked_limits,
    asked_seeds,
    asked_shard,
    with_checkpoints,
)
from spikewhen.experiments.cli.output import check_folder, echo, leaving_no_empty
from spikewhen.experiments.cli.part import tell_missing, tell_plan
from spikewhen.reservoir.errors import InputError


def add_to(app: typer.Typer) -> None:
    """Add both commands."""
    app.command(
        epilog=examples(
            "spikewhen sweep weight.toml --dry-run       a shipped sweep: 6 points, 3 seeds",
            "spikewhen sweep mine.toml --seeds 0-9 --out results/mine",
            "spikewhen sweep mine.toml --seeds 0-9 --out results/mine --shard 2/8",
            "spikewhen sweep mine.toml --engine slurm --engine-set time=4h --dry-run",
        )
    )(sweep)
    app.command(
        epilog=examples(
            "spikewhen table results/weight --out weight.csv",
            "spikewhen table results/weight --scores error,p_hat > some.csv",
        )
    )(table)


def sweep(
    source: Annotated[
        str, typer.Argument(metavar="SWEEP", help="A TOML file with axes, or the name of a shipped one.")
    ],
    seeds: Seeds = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder to write into.  [default: results/ and the sweep's name]"),
    ] = None,
    backend: BackendName = "cpu",
    threads: Threads = None,
    limit_memory: LimitMemory = None,
    limit_disk: LimitDisk = None,
    limit_time: LimitTime = None,
    drop: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="What goes of a run once it is scored: spikes, trials and probes (of readouts), cells "
            "(states), or none.  [default: all that the file does not ask for]",
        ),
    ] = None,
    checkpoint_every: CheckpointEvery = None,
    shard: ShardText = None,
    engine: EngineName = "local",
    engine_set: EngineSet = None,
    fail_fast: FailFast = False,
    dry_run: DryRunOfEngine = False,
    as_json: Json = False,
) -> None:
    """Run an experiment at many settings.

    The file names a config and what varies: [grid] every value with every other, [zip]
    first with first, [random] and [latin] drawn points. Any value of the config can be an
    axis. Every point is a plain run, named by the hash of what decides it. So finished
    runs are skipped, and a new value or seed runs only what is new.

    A run that fails stops no other: it is a row of the table, with the reason, and the
    exit code is 2. Once a run is scored, what it could compute again is dropped (--drop), as
    "spikewhen prune" does. Writes RUN_ID.h5 and RUN_ID.json for each run, and first sweep.json,
    the points; "spikewhen status DIR" says how far it is, and "spikewhen table DIR" makes
    one table of it all.
    """
    from spikewhen.experiments.axes import find_sweep, load_sweep
    from spikewhen.experiments.jobs import pick_threads
    from spikewhen.experiments.sweep import plan_sweep
    from spikewhen.reservoir.backends import get_backend

    path = find_sweep(source)
    parts = None if drop is None else [part.strip() for part in drop.split(",") if part.strip() != "none"]
    spec = load_sweep(path).dropping(parts)
    chosen, part = asked_seeds(None, seeds), asked_shard(shard)
    if chosen:
        spec = spec.model_copy(update={"seeds": list(chosen)})
    folder = out or Path("results") / path.stem
    check_folder(folder)
    get_backend(backend)
    by, threads = asked_engine(engine, engine_set, threads, backend)
    limits = asked_limits(folder, limit_memory, limit_disk, limit_time)
    plan = plan_sweep(path.stem, spec, folder, path.parent, limits)
    plan = plan._replace(of_point=[with_checkpoints(jobs, checkpoint_every) for jobs in plan.of_point])
    mine = plan if part is None else plan.part(part)
    threads = pick_threads(threads, mine.jobs, backend, limits)
    if dry_run:
        todo = sum(not job.finished for job in mine.jobs)
        return tell_plan(by, threads, todo, folder, mine.describe, mine.estimates, as_json)
    with leaving_no_empty(folder):
        plan.write()
        found = mine.carry_out(backend, threads, fail_fast=fail_fast, engine=by)
    if part is not None:
        ours, every = ([job.run_id for job in one.jobs] for one in (mine, plan))
        if missing := [job.run_id for job in plan.jobs if not job.finished]:
            tell_missing(part, ours, missing, len(every), folder, "the overview of points is", as_json)
            return found.refuse_failures()
        found = plan.carry_out(backend, threads)  # reads what all parts did
    if as_json:
        echo(json.dumps(plan.facts() | {"failures": found.failures}))
    else:
        echo(f"{found.overview().text()}\n\nwritten to {folder}; all scores: spikewhen table {folder}")
    found.refuse_failures()


def table(
    places: Annotated[
        list[Path], typer.Argument(metavar="DIR|RUN.h5", help="Folders of finished runs, or result files.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="runs.csv or runs.parquet.  [default: CSV on standard output]"),
    ] = None,
    scores: Annotated[
        str, typer.Option(metavar="A,B,...", help="Only these scores, as docs/scores.md names them.")
    ] = "",
) -> None:
    """Make one table of the runs of any folder.

    A row for every run, rule, block, probed point and score. Values of the config in which
    the runs differ are columns, named by their dotted path. A rule that failed has a row
    with the score "failed" and the reason as its note.

    Scores are read from RUN_ID.json where that is of the very file beside it, by its
    checksum; else RUN_ID.h5 is read and checked whole. Parquet needs pandas and pyarrow
    (pip install 'spikewhen[table]'), CSV needs neither.
    """
    from spikewhen.experiments.long_form import long_table
    from spikewhen.experiments.progress import say
    from spikewhen.reservoir.files.integrity import write_whole

    kind = ".csv" if out is None else out.suffix
    if kind not in (".csv", ".parquet"):
        raise InputError("--out", str(out), "a name that ends in .csv or .parquet")
    found = long_table(places, [name.strip() for name in scores.split(",") if name.strip()])
    others = found.runs - found.from_sidecars
    say(
        f"{found.runs} runs, {len(found)} rows, {len(found.keys)} varied values; read from "
        f"{found.from_sidecars} sidecars and {others} result files"
        + (f"; {found.failures} failures" if found.failures else "")
    )
    if out is None:
        return echo(found.csv(), nl=False)
    check_folder(out.parent)
    if kind == ".csv":
        write_whole(out, found.csv())
    else:
        found.to_parquet(out)
    echo(f"written to {out}")
