"""The search for parameters, on search seeds only; docs/search.md tells what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)

Folder = Annotated[Path, typer.Option(help="folder of the journal; a later call goes on from it")]
Minutes = Annotated[float, typer.Option(help="no candidate is begun later")]
Worker = Annotated[int, typer.Option(help="number of this process; several may share a journal")]
DEFAULT = Path("results/search")


@app.command()
def regime(minutes: Minutes = 30, worker: Worker = 0, folder: Folder = DEFAULT) -> None:
    """Phase 1: the network, its trace and the local rule together."""
    from spikewhen.examples.yamada_chao_2026.search.regime import search_regime

    search_regime(folder, 60 * minutes, worker)


@app.command()
def regime_rls(minutes: Minutes = 30, worker: Worker = 0, folder: Folder = DEFAULT) -> None:
    """Phase 1 for the rival: network and trace together with least squares that is told of every switch."""
    from spikewhen.examples.yamada_chao_2026.search.regime import search_regime_rls

    search_regime_rls(folder, 60 * minutes, worker)


@app.command()
def refine(
    trial: Annotated[int, typer.Argument(help="number of a candidate of phase 1")],
    minutes: Minutes = 5,
    worker: Worker = 0,
    folder: Folder = DEFAULT,
) -> None:
    """Phase 1, second step: trace and rule alone, on the spikes of one candidate's network."""
    from spikewhen.examples.yamada_chao_2026.search.regime import refine

    refine(folder, trial, 60 * minutes, worker)


@app.command()
def validate(
    trials: Annotated[str, typer.Option(help="numbers of trials; empty = the best three")] = "",
    seeds: Annotated[str, typer.Option(help="seeds the search never saw")] = "1100-1111",
    workers: Annotated[int, typer.Option(help="processes")] = 2,
    folder: Folder = DEFAULT,
) -> None:
    """Compare candidates of phase 1 with the shipped parameters, paired, on fresh seeds."""
    from spikewhen.examples.yamada_chao_2026.search.validate import validate_trials
    from spikewhen.experiments.tables import parse_seeds

    numbers = [int(n) for n in trials.split(",")] if trials else []
    typer.echo(validate_trials(folder, numbers, parse_seeds(seeds), workers))


@app.command()
def rules(minutes: Minutes = 30, worker: Worker = 0, folder: Folder = DEFAULT) -> None:
    """Phase 2: every kind of rule, with the same number of candidates."""
    from spikewhen.examples.yamada_chao_2026.search.rules import search_rules

    search_rules(folder, 60 * minutes, worker)


@app.command()
def rivals(minutes: Minutes = 30, worker: Worker = 0, folder: Folder = DEFAULT) -> None:
    """Phase 2: the local rule and every kind of least squares, each searched as widely as the others."""
    from spikewhen.examples.yamada_chao_2026.search.rules import search_rivals

    search_rivals(folder, 60 * minutes, worker)


@app.command()
def causal(minutes: Minutes = 30, worker: Worker = 0, folder: Folder = DEFAULT) -> None:
    """Phase 2: the rule whose teacher does not know the future."""
    from spikewhen.examples.yamada_chao_2026.search.causal import search_causal

    search_causal(folder, 60 * minutes, worker)


@app.command()
def memories(worker: Worker = 0, folder: Folder = DEFAULT) -> None:
    """Phase 2: least squares by what it remembers."""
    from spikewhen.examples.yamada_chao_2026.search.rules import search_memories

    search_memories(folder, worker)


@app.command()
def what(folder: Folder = DEFAULT) -> None:
    """Phase 2: the rate of the "what" readout under switches of probability."""
    from spikewhen.examples.yamada_chao_2026.search.what import search_what

    typer.echo(search_what(folder))


@app.command()
def report(folder: Folder = DEFAULT) -> None:
    """Write every candidate of every study as CSV to standard output."""
    from spikewhen.examples.yamada_chao_2026.search.report import trials_csv

    typer.echo(trials_csv(folder), nl=False)
