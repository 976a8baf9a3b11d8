"""What the claims of a study found, as one table of JSON types, and its parts as text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from spikewhen.analysis.bands import jsonable
from spikewhen.analysis.statistics import FRACTION_INTERVAL, MEAN_INTERVAL, MEDIAN_INTERVAL, holm
from spikewhen.experiments import tables
from spikewhen.experiments.digest import with_digest
from spikewhen.experiments.provenance import software
from spikewhen.experiments.study.cache import has, load
from spikewhen.experiments.study.claim import (
    FAILS,
    FEWEST,
    HOLDS,
    LEVEL,
    OPEN,
    REPORTED,
    Claim,
    Finding,
    Judged,
)
from spikewhen.experiments.study.run import Plan
from spikewhen.experiments.study.study import origin
from spikewhen.experiments.tables import format_seeds
from spikewhen.reservoir.spec import as_table

VERSION = 3
Table = Mapping[str, Any]
"""What claims.json holds, or one claim of it."""

MEANING = {
    HOLDS: "the whole interval meets the requirement",
    OPEN: f"the interval lies astride the requirement, or is of fewer than {FEWEST} seeds",
    FAILS: "the whole interval misses the requirement",
    REPORTED: "no requirement was set",
}
TERMS = {
    "E": "E is the error of the prediction that the network makes when only the cue is given (a probe): the "
    "root mean square of its difference from the target, over that of silence. 0 is a perfect prediction, "
    "and 1 is what silence scores.",
}
METHOD = (
    f"The seed is the unit. Mean over seeds with its 95 % interval: {MEAN_INTERVAL}; medians: "
    f"{MEDIAN_INTERVAL}; fractions: {FRACTION_INTERVAL}. Where all seeds are equal, the interval is that "
    "of the median. The verdict is on the bound of the interval. p: two-sided sign-flip test of a "
    "difference paired by seed, as it is, and in brackets as corrected over a family; of an equivalence, "
    "two one-sided t tests. Holm: of the test that a claim rests on, corrected over the claims reported here."
)


def build(plan: Plan, judged: Mapping[str, Judged]) -> dict[str, Any]:
    """Collect everything that a reader needs to check some claims.

    Parameters
    ----------
    plan : Plan
    judged : mapping of id to Judged
        Of some of its claims, in their order.

    Returns
    -------
    dict
        JSON-able; equal measures give equal tables.
    """
    claims = [claim for claim in plan.claims if claim.id in judged]
    names = list(dict.fromkeys(p.name for claim in claims for p in claim.protocols))
    adjusted = dict(zip(judged, holm([found.p for found in judged.values()]).tolist(), strict=True))
    return {
        "version": VERSION,
        "study": origin(plan.study, plan.out),
        "command": f"{plan.study.command} {' '.join(judged)} --seeds {format_seeds(plan.seeds)}",
        "seeds": list(plan.seeds),
        "method": METHOD,
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
        "rests_on": found.rests_on.what if found.rests_on is not None else None,
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
        every[name] for every in plan.measures.values() if name in every and all(map(has, every[name]))
    )
    rules = {k: {"rule": r.name, **as_table(r)} for k, r in jobs[0].experiment.rules.items()}
    warnings = {str(m.seed): load(m)["warnings"] for m in measured}
    return {
        "config": protocol.config or plan.study.config,
        "overrides": [*plan.study.overrides, *protocol.overrides],
        "rules": jsonable(rules),
        "runs": {str(job.seed): job.run_id for job in jobs},
        "warnings": {seed: lines for seed, lines in warnings.items() if lines},
    }


def to_text(report: Table) -> str:
    """Return the JSON text, with a digest of all that is in it."""
    return json.dumps(with_digest(report), indent=1, allow_nan=False) + "\n"


def number(x: Any) -> str:
    """Write a number for people: three figures."""
    if x is None:
        return "undefined"
    if isinstance(x, str):
        return x.replace("inf", "never")
    text = f"{x:.0f}" if abs(x) >= 1000 and x == round(x) else f"{x:.3g}"
    return text.replace("-", "\N{MINUS SIGN}")


def value(f: Mapping[str, Any]) -> str:
    """Write a finding's mean and interval, and what they are where it is no mean or not 95 %."""
    unit = "" if f["unit"] in ("1", "") else f" {f['unit']}"
    interval = "" if f["low"] is None else f" [{number(f['low'])}, {number(f['high'])}]"
    kind = [] if f["of"] == "mean" else [f["of"]]
    kind += [] if f["level"] == LEVEL else [f"{100 * f['level']:.4g} %"]
    return f"{number(f['mean'])}{interval}{unit}" + (f" ({', '.join(kind)})" if kind else "")


def p_of(f: Mapping[str, Any]) -> str:
    """Write a finding's p-value, and after it the one corrected over its family."""
    corrected = f" ({p_value(f['p_holm'])})" if f["p"] is not None and f["family"] else ""
    return p_value(f["p"]) + corrected


def families(entry: Table) -> str:
    """Say over which families the findings of a claim are corrected."""
    named = dict.fromkeys(f["family"] for f in entry["findings"] if f["family"])
    return f" Corrected over: {'; '.join(named)}." if named else ""


def required(f: Mapping[str, Any]) -> str:
    """Write what a finding had to meet."""
    return f["required"].replace(">=", "≥").replace("<=", "≤").replace("-", "\N{MINUS SIGN}")


def tally(entry: Table) -> tuple[int, ...]:
    """Count the findings of a claim that hold, are not shown, fail."""
    holds, shown, fails = (sum(f["verdict"] == v for f in entry["findings"]) for v in (HOLDS, OPEN, FAILS))
    return holds, shown, fails


def p_value(p: float | None) -> str:
    """Write a p-value."""
    return "" if p is None else "< .0001" if p < 1e-4 else f"{p:.2g}"


def terms(report: Table) -> list[str]:
    """Return what the letters in its findings mean, where they stand there."""
    text = " ".join(f["what"] for entry in report["claims"] for f in entry["findings"])
    text += " ".join(str(entry["published"]) for entry in report["claims"])
    return [meaning for letter, meaning in TERMS.items() if re.search(rf"\b{letter}\b", text)]


def heading(report: Table) -> str:
    """Return the title of a report."""
    return report["study"]["title"] or report["study"]["name"]


def judged_only(entry: Table) -> list[Mapping[str, Any]]:
    """Return the findings that have a requirement, or the first one where none has."""
    return [f for f in entry["findings"] if f["verdict"] != REPORTED] or entry["findings"][:1]


def verdict_table(report: Table) -> tables.Table:
    """Return the table of verdicts, for a terminal or a notebook."""
    rows = [
        (e["id"], e["title"], e["verdict"], *map(str, tally(e)), p_value(e["p_holm"]))
        for e in report["claims"]
    ]
    return tables.Table(("claim", "", "verdict", "holds", "not shown", "fails", "Holm p"), rows)


def rests_on(entry: Table) -> str:
    """Say the p-value of the test a claim rests on."""
    if entry["p"] is None:
        return ""
    p, after = p_value(entry["p"]), p_value(entry["p_holm"])
    return f' It rests on "{entry["rests_on"]}": p = {p}, after Holm {after}.'
