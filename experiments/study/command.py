"""Steps of `spikewhen claims`: what was asked for, and what is written in the end."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import typer
from tqdm import tqdm

from spikewhen.examples.yamada_chao_2026.claims import CLAIMS
from spikewhen.experiments.cli.errors import RunError
from spikewhen.experiments.config import nearest
from spikewhen.experiments.provenance import write_whole
from spikewhen.experiments.study.claim import Claim, Judged
from spikewhen.experiments.study.html import to_html
from spikewhen.experiments.study.markdown import to_markdown
from spikewhen.experiments.study.report import build, costs, to_text, verdicts
from spikewhen.experiments.study.run import Plan, is_measured, measured
from spikewhen.experiments.tables import parse_seeds
from spikewhen.reservoir.errors import InputError

SEEDS, QUICK_SEEDS = "0-19", "0-2"


def choose(names: Sequence[str] | None) -> list[Claim]:
    """Return the claims of some names, in the order in which they are reported; all by default.

    Raises
    ------
    InputError
        Naming the nearest one.
    """
    known = {name.lower(): name for name in CLAIMS}
    for name in names or ():
        if name.lower() not in known:
            allowed = "one of " + ", ".join(CLAIMS)
            raise InputError("CLAIM", name, allowed + nearest(name.lower(), known))
    wanted = {known[name.lower()] for name in names or CLAIMS}
    return [claim for name, claim in CLAIMS.items() if name in wanted]


def seeds_of(text: str | None, quick: bool) -> tuple[int, ...]:
    """Read the seeds.

    Raises
    ------
    InputError
    """
    if quick and text is not None:
        raise InputError("--seeds", text, f"either --seeds or --quick, which is --seeds {QUICK_SEEDS}")
    return parse_seeds(text or (QUICK_SEEDS if quick else SEEDS))


def judge(claims: Sequence[Claim], plan: Plan) -> tuple[dict[str, Judged], list[str]]:
    """Judge the claims that are measured in full; what cannot be judged, one line each."""
    judged, failed = {}, []
    for claim in claims:
        if is_measured(plan, claim):
            try:
                judged[claim.id] = claim.judge(measured(plan, claim))
            except Exception as error:
                failed.append(f"claim {claim.id} cannot be judged: {type(error).__name__}: {error}")
    return judged, failed


def conclude(
    claims: Sequence[Claim], plan: Plan, seeds: Sequence[int], out: Path, failed: list[str], as_json: bool
) -> None:
    """Judge, write the reports and print the verdicts.

    Raises
    ------
    RunError
        Where something failed; what is judged has been reported by then.
    """
    judged, more = judge(claims, plan)
    for line in more:
        tqdm.write(f"warning: {line}", file=sys.stderr)
    if judged:
        report = build([c for c in claims if c.id in judged], judged, plan, seeds)
        cost = costs(plan, list(judged))
        text = to_text(report)
        for name, content in (
            ("claims.json", text),
            ("claims.md", to_markdown(report)),
            ("claims.html", to_html(report, cost)),
            ("claims-cost.json", to_text(cost)),
        ):
            write_whole(out / name, content)
        typer.echo(
            text if as_json else f"{verdicts(report)}\n\nwritten to {out}: claims.json, .md, .html",
            nl=not as_json,
        )
    if failed or more:
        lines = [*failed, *more]
        raise RunError(lines[0] if len(lines) == 1 else f"{len(lines)} failures, the first: {lines[0]}")
