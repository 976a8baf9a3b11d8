"""The command `spikewhen run`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import typer

from spikewhen.experiments.cli.errors import examples
from spikewhen.experiments.cli.options import (
    BackendName,
    CheckpointEvery,
    Config,
    DryRunOfEngine,
    EngineName,
    EngineSet,
    FailFast,
    Json,
    LimitDisk,
    LimitMemory,
    LimitTime,
    Out,
    Precision,
    Record,
    Seed,
    Seeds,
    Set,
    ShardText,
    Threads,
    asked_engine,
    asked_jobs,
    asked_limits,
    asked_seeds,
    asked_shard,
    overrides,
    with_checkpoints,
)
from spikewhen.experiments.cli.output import echo, leaving_no_empty
from spikewhen.experiments.cli.part import note_failures, tell_missing, tell_plan


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "spikewhen run meet.toml --seeds 0-2 --dry-run",
            "spikewhen run meet.toml --set network.n_neurons=500 --out results/small",
            "spikewhen run my.toml --seeds 0-9 --json > my.json",
            "spikewhen run my.toml --seeds 0-99 --shard auto    in a job array",
        )
    )(run)


def run(
    config: Config,
    seed: Seed = None,
    seeds: Seeds = None,
    out: Out = None,
    backend: BackendName = "cpu",
    threads: Threads = None,
    precision: Precision = None,
    record: Record = None,
    set_: Set = None,
    limit_memory: LimitMemory = None,
    limit_disk: LimitDisk = None,
    limit_time: LimitTime = None,
    checkpoint_every: CheckpointEvery = None,
    shard: ShardText = None,
    engine: EngineName = "local",
    engine_set: EngineSet = None,
    fail_fast: FailFast = False,
    dry_run: DryRunOfEngine = False,
    as_json: Json = False,
) -> None:
    """Simulate an experiment and score what its rules learn.

    Every run writes RUN_ID.h5, its result, and RUN_ID.json, facts about this machine.
    The command writes summary.json: its experiment over all runs in the folder, and the
    experiments that earlier commands ran there. In an open loop all rules of a
    config learn from one simulation. In a closed loop (network.feedback_pa above 0)
    each rule needs a simulation of its own.

    Finished runs are skipped; after Ctrl-C the same command goes on where it stopped.
    A rule that diverges is left out and named at the end, with exit code 2; the others
    keep their results. So do the others where a run fails; all that failed are named
    at the end. The very first run compiles for some seconds.

    With --shard, summary.json is written by the part that finds all runs there; the
    others say what is missing.
    """
    from spikewhen.experiments import batch
    from spikewhen.experiments.config import load_config
    from spikewhen.experiments.jobs import describe, estimates, pick_threads, threads_each
    from spikewhen.experiments.shards import part_of

    changes = overrides(set_, precision, record)
    folder = out or Path("results") / Path(config).stem
    chosen, part = asked_seeds(seed, seeds) or (0,), asked_shard(shard)
    by, threads = asked_engine(engine, engine_set, threads, backend)
    limits = asked_limits(folder, limit_memory, limit_disk, limit_time)
    every = asked_jobs(config, load_config(config, changes), chosen, folder, backend, limits)
    every = with_checkpoints(every, checkpoint_every)
    jobs = part_of(part, every)
    asked, threads = threads, pick_threads(threads, jobs, backend, limits)
    if dry_run:
        todo = sum(not job.finished for job in jobs)
        describing, telling = partial(describe, jobs), partial(estimates, jobs)
        return tell_plan(by, threads, todo, folder, describing, telling, as_json)
    with leaving_no_empty(folder):
        each = threads_each(asked, threads)
        results = batch.carry_out(jobs, backend, threads, fail_fast=fail_fast, engine=by, each=each)
        if part is None:
            batch.require_results(results)
    from spikewhen.experiments.results import describe_results, refuse_failures, summarise_results
    from spikewhen.experiments.summary import FILE, write_summary

    if part is not None:
        note_failures(jobs, results)
        if missing := [job.run_id for job in every if not job.finished]:
            tell_missing(
                part, [job.run_id for job in jobs], missing, len(every), folder, f"{FILE} is", as_json
            )
            return refuse_failures(results)
        results = batch.carry_out(every, backend, threads)  # reads what all parts did
    name = Path(config).stem
    text = write_summary(folder, [(name, results, changes)])
    entry = summarise_results(name, results, changes)
    echo(text if as_json else f"{describe_results(entry)}\nwritten to {folder}", nl=not as_json)
    refuse_failures(results)
