"""The command `spikewhen budget`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from spikewhen.experiments.cli.errors import examples
from spikewhen.experiments.cli.options import (
    BackendName,
    Config,
    Json,
    Precision,
    Set,
    naming_config,
    overrides,
)
from spikewhen.experiments.cli.output import echo

if TYPE_CHECKING:
    from spikewhen.experiments.noise_budget import NoiseBudget


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "spikewhen budget meet.toml --rules local",
            "spikewhen budget mine.toml --block 2 --histories 10 --noises 10 --json",
        )
    )(budget)


def budget(
    config: Config,
    seed: Annotated[int, typer.Option(metavar="S", help="The seed.")] = 0,
    rules: Annotated[str, typer.Option(metavar="A,B,...", help="Labels of rules.  [default: all]")] = "",
    block: Annotated[int, typer.Option(metavar="B", help="The block that is learned last, from 1.")] = 1,
    histories: Annotated[int, typer.Option(metavar="N", help="Trials to go on from.")] = 6,
    intervals: Annotated[int, typer.Option(metavar="N", help="Silences after each.")] = 3,
    noises: Annotated[int, typer.Option(metavar="N", help="Streams of noise in each trial.")] = 6,
    backend: BackendName = "cpu",
    precision: Precision = None,
    set_: Set = None,
    as_json: Json = False,
) -> None:
    """Say where the error of every readout comes from.

    A block is learned. Then the same trial is run again from the ends of several earlier
    trials, after several silences, with several streams of noise. The squared error
    falls into bias, what the earlier trial left (state), the interval, private noise,
    and what these do only together. docs/scores.md defines each.
    """
    from spikewhen.experiments.compare import split_labels
    from spikewhen.experiments.config import load_config
    from spikewhen.experiments.noise_budget import noise_budget

    experiment = load_config(config, overrides(set_, precision))
    if rules:
        experiment = experiment.with_rules(split_labels(rules) or ())
    with naming_config(config):
        found = noise_budget(
            experiment,
            seed,
            block=block,
            histories=histories,
            intervals=intervals,
            noises=noises,
            backend=backend,
        )
    echo(json.dumps(as_dict(found)) if as_json else describe(found))


def as_dict(found: NoiseBudget) -> dict:
    """Return what is printed, JSON-able."""
    budgets = {
        label: parts._asdict() | {"without_noise": found.quiet[label]}
        for label, parts in found.budgets.items()
    }
    activity = {
        name: dict(zip(found.conditions, values.tolist(), strict=True))
        for name, values in (("dimension", found.dimension), ("signal", found.signal))
    }
    return {"squared_error": budgets, **activity, "rate_hz": float(found.rate_hz.mean())}


def describe(found: NoiseBudget) -> str:
    """Return a line per readout, then one of the activity."""
    wide = max(map(len, found.budgets))
    parts = ("bias", "state", "interval", "noise", "interaction")
    rows = [f"{'':{wide}}  {'E':>6}" + "".join(f"  {part:>11}" for part in (*parts, "quiet E"))]
    for label, budget in found.budgets.items():
        shares = "".join(f"  {getattr(budget, part) / budget.total:>10.0%} " for part in parts)
        quiet = found.quiet[label] ** 0.5
        rows.append(f"{label:{wide}}  {budget.total**0.5:6.3f}{shares}  {quiet:11.3f}")
    rows.append("shares of the squared error; quiet: the trial itself without noise")
    for name, signal, dimension in zip(found.conditions, found.signal, found.dimension, strict=True):
        rows.append(
            f"{name}: {signal:.0%} of the features' variance is the same in every run, "
            f"dimension {dimension:.1f}, {found.rate_hz.mean():.2f} Hz"
        )
    return "\n".join(rows)
