"""The command `spikewhen compare`."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spikewhen.experiments.cli.errors import examples
from spikewhen.experiments.cli.grid import compare_tasks
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
    Precision,
    Record,
    Seed,
    Seeds,
    Set,
    ShardText,
    Threads,
    asked_engine,
    asked_limits,
    asked_seeds,
    asked_shard,
    naming_config,
    overrides,
    with_checkpoints,
)
from spikewhen.experiments.cli.output import check_folder, echo, leaving_no_empty
from spikewhen.experiments.cli.part import note_failures, tell_missing, tell_plan
from spikewhen.reservoir.errors import InputError

if TYPE_CHECKING:
    from spikewhen.experiments.compare import Plan
    from spikewhen.experiments.limits import Limits
    from spikewhen.experiments.shards import Shard
    from spikewhen.experiments.tuning.winners import Winners


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "spikewhen compare results/meet                  the rules that its runs hold",
            "spikewhen compare results/meet --rules local,rls_never_reset",
            "spikewhen compare meet.toml --rules local,rls_never_reset --seeds 0-19",
            "spikewhen compare --tuned results/mine          each rule as it was tuned",
            "spikewhen compare --tasks meet.toml,set_go.toml --rules local,local_merged",
        )
    )(compare)


def compare(
    source: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="CONFIG|DIR|RUN.h5",
            help="A config, or folders of finished runs, or files.",
            show_default=False,
        ),
    ] = None,
    tuned: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="In place of a config: the winners that spikewhen tune left there, on the report's seeds.",
        ),
    ] = None,
    tasks: Annotated[
        str,
        typer.Option(
            metavar="A.toml,B.toml,...",
            help="In place of a config: several; on each, all --rules are tuned alike, then compared.",
        ),
    ] = "",
    tuning: Annotated[
        Path | None,
        typer.Option(
            metavar="TUNE",
            help="With --tasks: a tuning file with budget, seeds and ranges.  [default: what rules declare]",
        ),
    ] = None,
    rules: Annotated[
        str,
        typer.Option(metavar="A,B,...", help="Labels of rules; the first is the reference.  [default: all]"),
    ] = "",
    seed: Seed = None,
    seeds: Seeds = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder to write into.  [default: where the runs are]"),
    ] = None,
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
    """Compare learning rules, seed by seed.

    Every rule meets the same networks, trials and noise, and in an open loop the very
    same spikes. From finished runs nothing is simulated; they have to agree in all but
    rules and seed. From a config, the output folder (results/ and its name) is searched
    first. What is missing there learns from the spikes of these runs, if they kept all,
    and is simulated otherwise.

    The command writes compare.md, compare.csv and compare.json: the scores of each
    rule, and the differences to the first one, paired by seed, with 95 % intervals. A
    rule that diverges is left out and named, with exit code 2; the others are compared.

    With --tuned, each rule has the values that won, seeds are those that were kept for the
    report, and beside the scores stands what an update of each rule costs. With --tasks,
    the same is done for each of several tasks, and grid.md, grid.csv and figures/grid.pdf
    hold all of it.
    """
    from spikewhen.experiments import batch
    from spikewhen.experiments.compare import compare_finished, is_finished, split_labels
    from spikewhen.experiments.jobs import pick_threads
    from spikewhen.experiments.results import refuse_failures
    from spikewhen.experiments.tuning.winners import read_winners

    changes, chosen, labels = (
        overrides(set_, precision, record),
        asked_seeds(seed, seeds),
        split_labels(rules),
    )
    by, threads = asked_engine(engine, engine_set, threads, backend)
    if tasks:
        if source or tuned is not None or shard or backend != "cpu" or checkpoint_every:
            without = "no config, --tuned, --shard, --backend or --checkpoint-every beside it"
            raise InputError("--tasks", tasks, without)
        folder = out or Path("results") / "grid"
        limits = asked_limits(folder, limit_memory, limit_disk, limit_time)
        return compare_tasks(
            tasks, labels, tuning, changes, chosen, folder, limits, threads, by, dry_run, as_json
        )
    if (tuned is None) == (not source):
        word = "nothing" if tuned is None else f"{source[0]} --tuned {tuned}"  # type: ignore[index]
        raise InputError("CONFIG", word, "either a config or finished runs, or --tuned DIR, or --tasks")
    winners = None if tuned is None else read_winners(tuned, chosen, changes)
    if winners is None and source and all(map(is_finished, source)):
        options = (
            ("--set", changes[0] if changes else ""),
            ("--backend", "" if backend == "cpu" else backend),
            ("--shard", shard),
            ("--checkpoint-every", checkpoint_every),
            ("--engine", "" if engine == "local" else engine),
        )
        for option, value in options:
            if value:
                raise InputError(option, value, "only with a config: finished runs stay as they are")
        place = Path(source[0])
        folder = out or (place if place.is_dir() else place.parent)
        check_folder(folder)
        comparison = compare_finished(source, labels, chosen)
        if dry_run:
            found = [{"run_id": r.run_id, "seed": r.seed, "rules": r.labels} for r in comparison.runs]
            return echo(
                json.dumps({"found": found, "runs": []})
                if as_json
                else f"{comparison!r}\nnothing to simulate"
            )
    else:
        if source and len(source) > 1:
            raise InputError("CONFIG", " ".join(source), "one config, or only folders and result files")
        what = winners or source[0]  # type: ignore[index]
        folder = out or (winners.folder if winners else Path("results") / Path(what).stem)  # type: ignore[arg-type]
        limits, part = asked_limits(folder, limit_memory, limit_disk, limit_time), asked_shard(shard)
        asked = what, changes, labels, chosen or (0,), folder, backend, limits, checkpoint_every
        make_plan = partial(_plan, *asked)
        plan = make_plan(part)
        threads = pick_threads(threads, plan.jobs, backend, limits)
        if dry_run:
            todo = len(plan.jobs)
            return tell_plan(by, threads, todo, folder, plan.describe, plan.estimates, as_json)
        with leaving_no_empty(folder):
            if part is not None:
                results = batch.carry_out(plan.jobs, backend, threads, fail_fast=fail_fast, engine=by)
                note_failures(plan.jobs, results)
                ours, plan = [job.run_id for job in plan.jobs], make_plan()
                if missing := [job.run_id for job in plan.jobs]:
                    total = len(missing) + len(plan.files)
                    tell_missing(part, ours, missing, total, folder, "the comparison is", as_json)
                    return refuse_failures(results)
            comparison = plan.carry_out(backend, threads, fail_fast=fail_fast, engine=by)
        if winners is not None:
            winners.describe(comparison)
    written = ", ".join(path.name for path in comparison.save(folder))
    text = f"{comparison.text()}\n\nwritten to {folder}: {written}"
    echo(comparison.json() if as_json else text, nl=not as_json)
    comparison.refuse_failures()


def _plan(
    source: str | Winners,
    changes: tuple[str, ...],
    labels: list[str] | None,
    seeds: tuple[int, ...],
    folder: Path,
    backend: str,
    limits: Limits,
    every: str | None,
    shard: Shard | None = None,
) -> Plan:
    from spikewhen.experiments.compare import plan_comparison
    from spikewhen.experiments.config import folder_of, load_config
    from spikewhen.reservoir.backends import get_backend

    check_folder(folder)
    get_backend(backend)
    if not isinstance(source, str):
        own = source.name, source.experiment, labels, source.seeds, folder, source.beside
        plan = plan_comparison(*own, limits, shard)
    else:
        experiment = load_config(source, changes)
        name, beside = Path(source).stem, folder_of(source)
        with naming_config(source):
            plan = plan_comparison(name, experiment, labels, seeds, folder, beside, limits, shard)
    return plan._replace(jobs=with_checkpoints(plan.jobs, every))
