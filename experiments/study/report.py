"""What the claims found, as one table of JSON types, and as Markdown."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from spikewhen.analysis.bands import jsonable
from spikewhen.analysis.statistics import holm
from spikewhen.experiments.run import software
from spikewhen.experiments.study.cache import is_kept, kept
from spikewhen.experiments.study.claim import FAILS, FEWEST, HOLDS, OPEN, REPORTED, Claim, Finding, Judged
from spikewhen.experiments.study.run import Plan
from spikewhen.experiments.tables import align, duration, format_seeds
from spikewhen.reservoir.errors import InputError

VERSION = 1
Report = Mapping[str, Any]

MEANING = {
    HOLDS: "the whole 95 % interval meets the requirement",
    OPEN: f"the interval lies astride the requirement, or is of fewer than {FEWEST} seeds",
    FAILS: "the whole interval misses the requirement",
    REPORTED: "no requirement was set",
}
METHOD = (
    "Mean over seeds with its 95 % BCa bootstrap interval (medians: a distribution-free one); the seed is "
    "the unit. The verdict is on the bound of the interval. p: two-sided sign-flip test of a difference "
    "paired by seed, as it is; Holm: of the test that a claim rests on, corrected over the claims "
    "reported here."
)


def build(
    claims: Sequence[Claim], judged: Mapping[str, Judged], plan: Plan, seeds: Sequence[int]
) -> dict[str, Any]:
    """Collect everything that a reader needs to check some claims.

    Parameters
    ----------
    judged : mapping of id to Judged
        Of the same claims, in the same order.

    Returns
    -------
    dict
        JSON-able; equal measures give equal tables.
    """
    names = list(dict.fromkeys(p.name for claim in claims for p in claim.protocols))
    adjusted = dict(zip(judged, holm([found.p for found in judged.values()]).tolist(), strict=True))
    words = f"spikewhen claims {' '.join(judged)} --seeds {format_seeds(seeds)}"
    return {
        "version": VERSION,
        "command": words,
        "seeds": list(seeds),
        "software": software(),
        "claims": [_entry(claim, judged[claim.id], adjusted[claim.id]) for claim in claims],
        "protocols": {name: _protocol(plan, name) for name in names},
    }


def _entry(claim: Claim, found: Judged, adjusted: float) -> dict[str, Any]:
    return {
        "id": claim.id,
        "title": claim.title,
        "published": claim.published,
        "verdict": verdict(found.findings),
        "p": jsonable(found.p),
        "p_holm": jsonable(adjusted),
        "findings": [jsonable(f._asdict()) for f in found.findings],
        "notes": list(claim.notes),
        "protocols": [p.name for p in claim.protocols],
        "series": jsonable(found.series),
    }


def verdict(findings: Sequence[Finding]) -> str:
    """Sum up: it holds where all that is required holds, and fails where anything fails."""
    found = {f.verdict for f in findings} - {REPORTED}
    if not found:
        return REPORTED
    return FAILS if FAILS in found else OPEN if OPEN in found else HOLDS


def _protocol(plan: Plan, name: str) -> dict[str, Any]:
    protocol, jobs = plan.protocols[name], plan.jobs[name]
    measured = next(
        every[name] for every in plan.wanted.values() if name in every and all(map(is_kept, every[name]))
    )
    rules = {k: {"rule": r.name, **asdict(r)} for k, r in jobs[0].experiment.rules.items()}
    return {
        "config": protocol.config,
        "overrides": list(protocol.overrides),
        "rules": jsonable(rules),
        "runs": {str(job.seed): job.run_id for job in jobs},
        "warnings": {str(w.seed): kept(w)["warnings"] for w in measured if kept(w)["warnings"]},
    }


def costs(plan: Plan, claims: Sequence[str]) -> dict[str, Any]:
    """Sum what runs and measures took, as noted beside each: for every claim by itself, and for all together.

    Returns
    -------
    dict
        ``{"claims": {id: {"runs", "shared", "cpu_seconds", "wall_seconds"}}, "all": {...}}``; wall seconds
        are those of one run after the other.
    """
    wanted = {claim: [w for every in plan.wanted[claim].values() for w in every] for claim in claims}
    runs_of = {claim: dict.fromkeys(w.run_id for w in every) for claim, every in wanted.items()}
    users = Counter(run_id for runs in runs_of.values() for run_id in runs)
    files = {job.run_id: job.path.with_suffix(".json") for jobs in plan.jobs.values() for job in jobs}
    running = {run_id: _sidecar(files[run_id]) for run_id in users}
    measuring = {claim: [kept(w)["cost"] for w in every] for claim, every in wanted.items()}
    found = {
        claim: {"runs": len(runs), "shared": sum(users[r] > 1 for r in runs)}
        | _sum([*(running[r] for r in runs), *measuring[claim]])
        for claim, runs in runs_of.items()
    }
    everything = [*running.values(), *(cost for part in measuring.values() for cost in part)]
    return {
        "version": VERSION,
        "claims": found,
        "all": {"runs": len(running), "shared": 0} | _sum(everything),
    }


def _sidecar(path: Path) -> dict[str, float]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}  # the file of facts beside a run is not part of it


def _sum(parts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {
        name: round(math.fsum(float(part.get(name, 0.0)) for part in parts), 3)
        for name in ("cpu_seconds", "wall_seconds")
    }


def to_text(report: Report) -> str:
    """Return the JSON text."""
    return json.dumps(report, indent=1, allow_nan=False) + "\n"


def load(path: Path) -> dict[str, Any]:
    """Read claims.json again.

    Raises
    ------
    InputError
    """
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        if report["version"] != VERSION:
            raise InputError(str(path), f"version {report['version']}", f"claims.json of version {VERSION}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(str(path), type(error).__name__, "a claims.json") from error
    return report


def number(x: Any) -> str:
    """Write a number for people: three figures."""
    if x is None:
        return "undefined"
    if isinstance(x, str):
        return x.replace("inf", "never")
    text = f"{x:.0f}" if abs(x) >= 1000 and x == round(x) else f"{x:.3g}"
    return text.replace("-", "\N{MINUS SIGN}")


def value(f: Mapping[str, Any]) -> str:
    """Write a finding's mean and interval."""
    unit = "" if f["unit"] in ("1", "") else f" {f['unit']}"
    interval = "" if f["low"] is None else f" [{number(f['low'])}, {number(f['high'])}]"
    return f"{number(f['mean'])}{interval}{unit}"


def required(f: Mapping[str, Any]) -> str:
    """Write what a finding had to meet."""
    return f["required"].replace(">=", "≥").replace("<=", "≤").replace("-", "\N{MINUS SIGN}")


def tally(entry: Report) -> tuple[int, ...]:
    """Count the findings of a claim that hold, are not shown, fail."""
    holds, shown, fails = (sum(f["verdict"] == v for f in entry["findings"]) for v in (HOLDS, OPEN, FAILS))
    return holds, shown, fails


def p_value(p: float | None) -> str:
    """Write a p-value."""
    return "" if p is None else "< .0001" if p < 1e-4 else f"{p:.2g}"


def judged_only(entry: Report) -> list[Mapping[str, Any]]:
    """Return the findings that have a requirement, or the first one where none has."""
    return [f for f in entry["findings"] if f["verdict"] != REPORTED] or entry["findings"][:1]


def verdicts(report: Report) -> str:
    """Return the table of verdicts for the terminal."""
    rows = [("claim", "", "verdict", "holds", "not shown", "fails", "Holm p")]
    for entry in report["claims"]:
        counts = map(str, tally(entry))
        rows.append((entry["id"], entry["title"], entry["verdict"], *counts, p_value(entry["p_holm"])))
    return align(rows)


def rests_on(entry: Report) -> str:
    """Say the p-value of the test a claim rests on."""
    if entry["p"] is None:
        return ""
    return f" Its paired test: p = {p_value(entry['p'])}, after Holm {p_value(entry['p_holm'])}."


def cost_line(cost: Mapping[str, float]) -> str:
    """Say what a claim cost."""
    shared = f", {cost['shared']:.0f} of them shared with other claims" if cost["shared"] else ""
    return (
        f"{cost['runs']:.0f} runs{shared}: {duration(cost['cpu_seconds'])} of CPU time, "
        f"{duration(cost['wall_seconds'])} by the clock if one ran after the other"
    )
