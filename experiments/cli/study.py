"""The commands `spikewhen study` and `spikewhen claims`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

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
    asked_shard,
    with_checkpoints,
)
from spikewhen.experiments.cli.output import check_folder, echo, leaving_no_empty
from spikewhen.experiments.cli.part import tell_lacking, tell_plan

if TYPE_CHECKING:
    from spikewhen.experiments.engines import Engine

ARTICLE = "yamada_chao_2026"
"""The shipped study that `spikewhen claims` runs."""

Claims = Annotated[
    list[str] | None, typer.Argument(metavar="CLAIM", help="Some of its claims.  [default: all]")
]
Quick = Annotated[bool, typer.Option("--quick", help="Take the few seeds that the study names for it.")]
Figures = Annotated[bool, typer.Option("--figures", help="Draw the figures of the study as well.")]


class StudyCommands(TyperGroup):
    """A group in which the name of a study stands for running it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command `run` before words that name no other command and ask for no help."""
        first = args[0] if args else "--help"
        if first not in (*self.commands, "--help", "-h"):
            args = ["run", *args]
        return super().parse_args(ctx, args)


study_app = typer.Typer(
    cls=StudyCommands,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Run a study, which is a folder of claims and figures; or begin a new one.",
    epilog=examples(
        "spikewhen study new my_paper              a small working study, to begin with",
        "spikewhen study my_paper --dry-run        what it costs, claim by claim",
        "spikewhen study my_paper --quick --figures",
        "spikewhen study my_paper C1 C2 --seeds 0-19",
        "spikewhen study run --help                all options",
    ),
)


def add_to(app: typer.Typer) -> None:
    """Add both commands."""
    app.add_typer(study_app, name="study")
    app.command(
        epilog=examples(
            "spikewhen claims --dry-run                what it costs, claim by claim",
            "spikewhen claims --quick                  3 seeds",
            "spikewhen claims C1 C5 --seeds 0-19 --out results/claims",
        )
    )(claims)


@study_app.command("run")
def run_study(
    place: Annotated[str, typer.Argument(metavar="PATH", help="A folder, or the name of a shipped study.")],
    names: Claims = None,
    seeds: Seeds = None,
    quick: Quick = False,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder to write into.  [default: results/NAME]")
    ] = None,
    backend: BackendName = "cpu",
    threads: Threads = None,
    figures: Figures = False,
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
    """Run, measure, judge and report the claims of a study.

    PATH is a folder with a study.py, or the name of a study that comes with spikewhen;
    "spikewhen study PATH" means "spikewhen study run PATH". Writes claims.json, claims.md
    and claims.html: every claim with its findings over seeds, what was required, and a
    verdict. Claims share runs; a finished run is never repeated, nor is a measure of it
    unless its code has changed, so after Ctrl-C or an edit the same command goes on. A
    claim that fails is a result: the exit code is 0.
    """
    limits = limit_memory, limit_disk, limit_time
    rest = checkpoint_every, shard, fail_fast, dry_run, as_json
    by, threads = asked_engine(engine, engine_set, threads, backend)
    _carry_out(place, names, seeds, quick, out, backend, threads, figures, limits, by, *rest)


@study_app.command("new", epilog=examples("spikewhen study new my_paper", "spikewhen study my_paper --quick"))
def new_study(
    folder: Annotated[Path, typer.Argument(metavar="NAME", help="A folder that is not there yet.")],
    origin: Annotated[
        str, typer.Option("--from", metavar="STUDY", help="A shipped study to copy.")
    ] = "template",
) -> None:
    """Copy a small working study, to begin with.

    It holds a task and a learning rule of its own, two claims and a figure, runs in under
    a minute, and its README.md says what to edit. Its modules import each other under the
    new name.
    """
    from spikewhen.experiments.study.new import copy_study

    for path in copy_study(origin, folder):
        echo(path)
    echo(f"\nnow: spikewhen study {folder} --figures")


def claims(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="CLAIM", help="Some, e.g. C1 C5.  [default: all]")
    ] = None,
    seeds: Seeds = None,
    quick: Annotated[bool, typer.Option("--quick", help="The same as --seeds 0-2.")] = False,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to write into.")] = Path("results/claims"),
    backend: BackendName = "cpu",
    threads: Threads = None,
    figures: Figures = False,
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
    """Test the claims of the article, each on many seeds.

    Runs the shipped study yamada_chao_2026. Writes claims.json, claims.md and claims.html:
    every claim with the published value, ours with a 95 % interval over seeds, what was
    required, and a verdict on the interval's bound. Without --seeds it takes seeds 0-19.
    Claims share runs; a finished run is never repeated, nor is a measure of it unless its
    code has changed, so after Ctrl-C or an edit the same command goes on. A claim that
    fails is a result: the exit code is 0.
    """
    limits = limit_memory, limit_disk, limit_time
    rest = checkpoint_every, shard, fail_fast, dry_run, as_json
    by, threads = asked_engine(engine, engine_set, threads, backend)
    _carry_out(ARTICLE, names, seeds, quick, out, backend, threads, figures, limits, by, *rest)


def _carry_out(
    place: str,
    names: list[str] | None,
    seeds: str | None,
    quick: bool,
    out: Path | None,
    backend: str,
    threads: int | None,
    figures: bool,
    limits: tuple[str | None, str | None, str | None],
    engine: Engine,
    checkpoint_every: str | None,
    shard: str | None,
    fail_fast: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    from spikewhen.experiments.jobs import pick_threads
    from spikewhen.experiments.progress import say
    from spikewhen.experiments.study import estimate
    from spikewhen.experiments.study.conclude import complain, report
    from spikewhen.experiments.study.report import to_text
    from spikewhen.experiments.study.run import carry_out, make_plan
    from spikewhen.experiments.study.study import load_study
    from spikewhen.reservoir.backends import get_backend

    study = load_study(place)
    folder = Path("results", study.name) if out is None else out
    chosen, numbers = study.choose(names or ()), study.seeds_of(seeds, quick)
    check_folder(folder)
    get_backend(backend)
    may_take = asked_limits(folder, *limits)
    plan, part = make_plan(study, chosen, numbers, folder, may_take), asked_shard(shard)
    plan = plan if part is None else plan.part(part)
    plan = plan._replace(todo=with_checkpoints(plan.todo, checkpoint_every))
    threads = pick_threads(threads, plan.todo, backend, may_take, also_finished=True)
    if dry_run:
        facts = partial(estimate.table, plan)

        def describe(at_once: int) -> str:
            return estimate.describe(facts(at_once))

        return tell_plan(engine, threads, len(plan.todo), folder, describe, facts, as_json)
    if said := estimate.allows(plan):
        say(said)
    with leaving_no_empty(folder):
        failed = carry_out(plan, backend, threads, fail_fast=fail_fast, engine=engine)
        if part is not None and (lacking := plan.lacking()):
            tell_lacking(part, lacking, folder, as_json)
            return complain(failed)
        result, more = report(plan)
    if result is not None:
        written = f"written to {folder}: claims.json, .md, .html"
        echo(to_text(result.table) if as_json else f"{result}\n\n{written}", nl=not as_json)
        for path in result.draw() if figures else ():
            echo(path, err=as_json)
    complain([*failed, *more])
