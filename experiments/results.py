"""From finished runs to one summary, and what it looks like as `summary.json` and on the terminal."""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from spikewhen.analysis.score_names import heading, ordered, score_of
from spikewhen.experiments.cli.errors import RunError, RunErrors
from spikewhen.experiments.display import count
from spikewhen.experiments.tables import Table, format_seeds, interval, number

if TYPE_CHECKING:
    from spikewhen.experiments.jobs import Job
    from spikewhen.experiments.run import Outcome

SUMMARY_VERSION = 2

BLOCK_SCORES = {
    "error": "{:.2f}",
    "error_equal_p": "{:.2f}",
    "timing_error_ms": "{:.0f}",
    "detection": "{:.2f}",
    "p_hat": "{:.2f}",
    "probability": "{:.2f}",
}
"""What the terminal shows of the end of a block, and how."""

CALIBRATION = tuple(
    f"calibration_{what}_{of}" for of in ("p_hat", "y", "amplitude") for what in ("r", "slope")
)
FREE = ("free_frequency_hz", "free_amplitude", "free_residual", "free_rmse")
MEANING_OF_E = "E: 0 is perfect, 1 is silence"


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
    failed: dict[str, str] = field(default_factory=dict)  # rules that diverged and were left out, and how
    main: str = "error"  # the score that the task is judged by
    scoring_failed: str = ""  # why there are no scores though the task has some
    events: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    error: str = ""  # why there is no result, where the run itself failed
    cause: Exception | None = None

    def __str__(self) -> str:
        return f"{self.name} seed {self.seed} ({', '.join(self.config['rules'])})"


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
        main=outcome.main,
        scoring_failed=outcome.scoring_failed,
        events=tuple(job.setup.session.events),
        conditions=tuple(job.setup.session.conditions),
    )


def summarise_results(
    name: str, results: Sequence[RunSummary], overrides: Iterable[str] = ()
) -> dict[str, Any]:
    """Summarise the runs of one experiment.

    Returns
    -------
    dict
        JSON-able: ``name``, ``overrides``, ``events``, ``seeds``, ``runs`` with health,
        warnings and the rules that failed, ``labels`` as `spikewhen.analysis.summary.summarise`
        has them, ``interval``: how theirs were made, and ``headings``: what people call each
        score, with its unit.
    """
    from spikewhen.analysis.statistics import MEAN_INTERVAL  # loads SciPy, for which no run should wait
    from spikewhen.analysis.summary import summarise

    main = next((r.main for r in results if any(r.scores.values())), "error")
    labels = summarise({r.run_id: r.scores for r in results}, main)
    names = {n for entry in labels.values() for part in (entry["run"], *entry["blocks"]) for n in part}
    return {
        "name": name,
        "overrides": list(overrides),
        "events": list(next((r.events for r in results if r.events), ())),
        "main": main,
        "seeds": sorted({r.seed for r in results}),
        "interval": MEAN_INTERVAL,
        "headings": {n: heading(n) for n in ordered(names - {"block", "curve"})},
        "runs": [
            {
                "run_id": r.run_id,
                "seed": r.seed,
                "labels": r.labels,
                "health": {k: v if math.isfinite(v) else None for k, v in sorted(r.health.items())},
                "warnings": r.warnings,
                "failed": r.failed,
                **({"error": r.error} if r.error else {}),
            }
            for r in results
        ],
        "labels": labels,
    }


ROW = ("seed", "run_id", "rule", "block", "trial", "condition", "event", "score", "heading", "value")
"""Of a table with one row per value: `score` is the name in the file, `heading` what people call it."""


def tidy(
    run_id: str,
    seed: int,
    scores: Mapping[str, Mapping[str, np.ndarray]],
    conditions: Sequence[str],
    events: Sequence[str],
) -> Iterator[dict[str, Any]]:
    """Yield every score of a run as a row with the keys of `ROW`; what does not apply to a score is None.

    Blocks count from 1. Conditions and events stand by name, or by number from 1 where they have none.
    """
    from spikewhen.analysis.summary import tidy_rows

    for row in tidy_rows({run_id: {label: dict(found) for label, found in scores.items()}}):
        per = score_of(row.score, scores[row.label]).per
        event = row.channel if per.endswith("+channel") else None
        names = _named(conditions, row.condition), _named(events, event)
        values = row.label, row.block, row.trial, *names, row.score, heading(row.score), row.value
        yield dict(zip(ROW, (seed, run_id, *values), strict=True))


def _named(names: Sequence[str], index: int | None) -> str | int | None:
    if index is None:
        return None
    return names[index] if index < len(names) else index + 1


def summary_text(experiments: Sequence[dict[str, Any]], **more: Any) -> str:
    """The text of `summary.json`: one entry per experiment of a command."""
    table = {"summary_version": SUMMARY_VERSION, "experiments": list(experiments), **more}
    return json.dumps(table, indent=2, allow_nan=False) + "\n"


class Failure(NamedTuple):
    """A rule that diverged, and was left out, in some runs."""

    label: str
    seeds: tuple[int, ...]
    reason: str  # that of the first of these runs

    def __str__(self) -> str:
        which = "seed" if len(self.seeds) == 1 else "seeds"
        return f"{self.label} was left out ({which} {format_seeds(self.seeds)}): {self.reason}"


def failures(results: Iterable[RunSummary]) -> list[Failure]:
    """Return the rules that were left out, each with its seeds."""
    found: dict[str, Failure] = {}
    for r in results:
        for label, reason in r.failed.items():
            before = found.get(label, Failure(label, (), reason))
            found[label] = before._replace(seeds=tuple(sorted({*before.seeds, r.seed})))
    return list(found.values())


def refuse_failures(results: Sequence[RunSummary], more: Sequence[str] = ()) -> None:
    """End a command in which runs failed, were not scored or lost rules, after everything else is written.

    Parameters
    ----------
    results : sequence of RunSummary
    more : sequence of str
        What else failed, a line each.

    Raises
    ------
    RunError
        Naming the rules, and what is not scored, in one line; with runs that failed, a line for each.
    """
    lost = [r for r in results if r.error]
    found = [str(failure) for failure in failures(r for r in results if not r.error)]
    if bare := [r for r in results if r.scoring_failed]:
        first = bare[0]
        others = f" and of {len(bare) - 1} more" if len(bare) > 1 else ""
        found.append(
            f"seed {first.seed}{others}: {first.scoring_failed}; the simulation is kept, "
            f"and `spikewhen score {first.path}` scores it again"
        )
    if not lost and not more:
        if found:
            raise RunError("; ".join(found))
        return
    lines = [*(f"{r}: {r.error}" for r in lost), *more]
    if (total := len(results) + len(more)) > 1:
        lines.insert(0, f"{len(lines)} of {total} runs failed; what the others found is kept")
    raise RunErrors(lines + found) from next((r.cause for r in lost), None)


def describe_results(experiment: dict[str, Any]) -> str:
    """Write the tables a person reads after a run, from one entry of the summary."""
    from spikewhen.analysis.statistics import MEAN_INTERVAL  # loads SciPy

    labels = {label: e for label, e in experiment["labels"].items() if e["blocks"]}
    seeds, runs = experiment["seeds"], experiment["runs"]
    lines = [f"{experiment['name']}: {count(len(seeds), 'seed')}, {count(len(runs), 'run')}"]
    if labels:
        main = heading(experiment["main"])
        lines.append(f"Mean over seeds at the last probes of each block; {main} with its 95 % interval:")
        lines.append(f"{MEAN_INTERVAL}. None where there is one seed or all are equal.")
        if experiment["main"] == "error":
            lines.append(f"{MEANING_OF_E}.")
    for label, entry in labels.items():
        lines += ["", label, block_table(entry["blocks"], experiment["events"], experiment["main"]).text()]
    calibrated = {
        label: e
        for label, e in labels.items()
        if CALIBRATION[0] in e["run"]
        and (len(e["blocks"]) > 2 or len(experiment["events"]) * len(e["blocks"]) > 2)
    }
    if calibrated:
        lines += ["", "Against true p, over all blocks, cues and events: correlation r and slope."]
        lines.append(calibration_table(calibrated).text())
    free = {label: e for label, e in experiment["labels"].items() if "free_rmse" in e["run"]}
    if free:
        lines += ["", "The free run against its target; the RMSE includes the drift of its phase."]
        lines.append(run_table(free, FREE).text())
    own = {
        label: e
        for label, e in experiment["labels"].items()
        if e["run"] and not e["blocks"] and label not in free
    }
    if own:
        lines += ["", run_table(own, ordered({n for e in own.values() for n in e["run"]})).text()]
    for run in runs:
        for label, reason in run["failed"].items():
            lines += ["", textwrap.fill(f"{label} was left out of seed {run['seed']}: {reason}", 80)]
    return "\n".join(lines)


def block_table(blocks: Sequence[dict[str, Any]], events: Sequence[str], main: str = "error") -> Table:
    """Return the scores at the end of each block of one rule, the main one first."""
    names = "/".join(events)
    there = [n for n in BLOCK_SCORES if any(n in block for block in blocks)]
    if main != "error":  # a task with scores of its own
        own = ordered(dict.fromkeys(n for b in blocks for n in b if n not in ("block", "curve", main)))
        there = [main, *own][: len(BLOCK_SCORES)]
    head = [heading(name) + (f" {names}" if name == "p_hat" else "") for name in there]
    rows = [
        [cell(block.get(n), BLOCK_SCORES.get(n, "{:.3g}"), with_interval=n == main) for n in there]
        for block in blocks
    ]
    numbers = (str(block["block"]) for block in blocks)
    return Table(["block", *head], [[n, *row] for n, row in zip(numbers, rows, strict=True)])


def calibration_table(labels: dict[str, dict[str, Any]]) -> Table:
    """Return r and slope of p-hat, of y and of the prediction against true p, a row per rule."""
    head = ["rule", *(f"{part} {of}" for of in ("p-hat", "y", "product") for part in ("r", "slope"))]
    return Table(
        head, [[label, *(cell(e["run"].get(name)) for name in CALIBRATION)] for label, e in labels.items()]
    )


def run_table(
    labels: dict[str, dict[str, Any]], names: Sequence[str], intervals: Sequence[str] = ()
) -> Table:
    """Return scores of whole runs, a row per rule; those named in `intervals` with their intervals."""
    rows = [
        [label, *(cell(e["run"].get(n), with_interval=n in intervals) for n in names), str(len(e["runs"]))]
        for label, e in labels.items()
    ]
    return Table(["rule", *map(heading, names), "seeds"], rows)


def cell(entry: Any, form: str = "{:.3g}", with_interval: bool = False) -> str:
    """Write the mean of a score in a summary, of one value or of one per event."""
    if isinstance(entry, list):
        return "/".join(cell(e, form) for e in entry) or "-"
    if entry is None:
        return "-"
    if with_interval:
        return interval(entry["mean"], entry["low"], entry["high"], form)
    return number(entry["mean"], form)
