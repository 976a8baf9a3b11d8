"""From finished runs to `summary.json` and the tables on the terminal."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spikewhen.experiments.provenance import write_whole
from spikewhen.experiments.tables import align

if TYPE_CHECKING:
    from spikewhen.experiments.jobs import Job
    from spikewhen.experiments.run import Outcome

SUMMARY_VERSION = 1
CALIBRATION = ("p_hat", "y", "amplitude")


@dataclass(frozen=True)
class RunSummary:
    """What a command keeps of a finished run."""

    name: str
    run_id: str
    seed: int
    path: Path
    config: dict
    labels: list[str]  # in the config's order
    scores: dict[str, dict[str, np.ndarray]]  # by label and name
    health: dict[str, float]
    health_line: str
    warnings: list[str]
    skipped: bool = False  # it had been there before


def summarise_run(job: Job, outcome: Outcome, skipped: bool = False) -> RunSummary:
    """Keep what tables and summaries need of a run."""
    line, *warnings = outcome.lines
    scores = {label: outcome.scores.get(label, {}) for label in job.experiment.rules}
    return RunSummary(
        job.name,
        job.run_id,
        job.seed,
        job.path,
        job.setup.config,
        list(scores),
        scores,
        outcome.health,
        line,
        warnings,
        skipped,
    )


def summarise_results(
    name: str, results: Sequence[RunSummary], overrides: Iterable[str] = ()
) -> dict[str, Any]:
    """Summarise the runs of one experiment.

    Returns
    -------
    dict
        JSON-able: ``name``, ``overrides``, ``events``, ``seeds``, ``runs`` with
        health and warnings, and ``labels`` as `spikewhen.analysis.summary.summarise` has them.
    """
    from spikewhen.analysis.summary import summarise  # loads SciPy, for which no run should wait

    return {
        "name": name,
        "overrides": list(overrides),
        "events": results[0].config["paradigm"].get("events", []),
        "seeds": sorted({r.seed for r in results}),
        "runs": [
            {
                "run_id": r.run_id,
                "seed": r.seed,
                "labels": r.labels,
                "health": {k: v if math.isfinite(v) else None for k, v in r.health.items()},
                "warnings": r.warnings,
            }
            for r in results
        ],
        "labels": summarise({r.run_id: r.scores for r in results}),
    }


def summary_text(experiments: Sequence[dict[str, Any]]) -> str:
    """The text of `summary.json`: one entry per experiment of a command."""
    table = {"summary_version": SUMMARY_VERSION, "experiments": list(experiments)}
    return json.dumps(table, indent=2, allow_nan=False) + "\n"


def write_summary(folder: Path, entries: Sequence[dict[str, Any]]) -> str:
    """Write ``summary.json`` whole, and return its text.

    Raises
    ------
    OSError
    """
    text = summary_text(entries)
    write_whole(folder / "summary.json", text)
    return text


def describe_results(experiment: dict[str, Any]) -> str:
    """Write the tables a person reads after a run, from one entry of the summary."""
    labels = {label: e for label, e in experiment["labels"].items() if e["blocks"]}
    n_seeds, n_runs = len(experiment["seeds"]), len(experiment["runs"])
    lines = [f"{experiment['name']}: {_count(n_seeds, 'seed')}, {_count(n_runs, 'run')}"]
    if labels:
        lines.append("at the last probes of each block, mean over seeds; E: 0 is perfect, 1 is silence")
    events = "/".join(experiment["events"])
    for label, entry in labels.items():
        rows = [_block_row(block) for block in entry["blocks"]]
        header = ("  block", "E [95 %]", "E equal p", "timing, ms", "detected", f"p-hat {events}", "true p")
        lines += [label, align([header, *rows])]
    calibrated = [
        (
            label,
            *(
                _number(entry["run"].get(f"calibration_{what}_{of}"))
                for of in CALIBRATION
                for what in ("r", "slope")
            ),
        )
        for label, entry in labels.items()
        if len(entry["blocks"]) > 2 or len(experiment["events"]) * len(entry["blocks"]) > 2
    ]
    if calibrated:
        names = ("rule", "r p-hat", "slope", "r timing", "slope", "r product", "slope")
        lines += ["against true p, over all blocks, cues and events", align([names, *calibrated])]
    free = [
        (
            label,
            *(
                _number(entry["run"].get(f"free_{x}"))
                for x in ("frequency_hz", "amplitude", "residual", "rmse")
            ),
        )
        for label, entry in experiment["labels"].items()
        if "free_rmse" in entry["run"]
    ]
    if free:
        titles = ("rule", "frequency Hz", "amplitude", "residual of the fit", "RMSE (with phase drift)")
        lines += ["the free run", align([titles, *free])]
    return "\n".join(lines)


def _block_row(block: dict[str, Any]) -> tuple[str, ...]:
    return (
        f"  {block['block'] + 1}",
        _number(block.get("error"), "{:.2f}", interval=True),
        _number(block.get("error_equal_p"), "{:.2f}"),
        _each(block.get("timing_error_ms"), "{:.0f}"),
        _each(block.get("detection"), "{:.2f}"),
        _each(block.get("p_hat"), "{:.2f}"),
        _each(block.get("probability"), "{:.2f}"),
    )


def _number(entry: dict[str, Any] | None, form: str = "{:.3g}", interval: bool = False) -> str:
    if entry is None or entry["mean"] is None:
        return "-"
    text = form.format(entry["mean"])
    if interval and entry["low"] is not None:
        text += f" [{form.format(entry['low'])}, {form.format(entry['high'])}]"
    return text


def _each(entries: list | None, form: str) -> str:
    return "/".join(_number(e, form) for e in entries) if entries else "-"


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" + ("" if n == 1 else "s")
