"""Rules side by side on the same networks, trials and noise: a CSV and a Markdown table."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from spikewhen.analysis.summary import (
    Row,
    compare,
    comparison_table,
    summarise,
    summary_table,
    tidy_rows,
)
from spikewhen.experiments.results import RunSummary

SCORES = ("error", "error_equal_p", "error_true_p", "brier")
FREE = ("free_frequency_hz", "free_amplitude", "free_residual", "free_rmse")


def tidy_csv(results: Sequence[RunSummary]) -> str:
    """Return one line per run, label, block, trial, cue, channel and score."""
    seeds = {r.run_id: r.seed for r in results}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["seed", *Row._fields])
    for row in tidy_rows({r.run_id: r.scores for r in results}):
        writer.writerow(
            [seeds[row.run], *("" if x is None else repr(x) if isinstance(x, float) else x for x in row)]
        )
    return out.getvalue()


def comparison(results: Sequence[RunSummary], labels: Sequence[str]) -> str:
    """Return the Markdown report: scores of every rule, then each rule against the first, paired by seed."""
    merged: dict[str, dict] = {}
    for result in results:  # in a closed loop every rule has a run of its own
        merged.setdefault(f"seed {result.seed}", {}).update(result.scores)
    first, *others = labels
    summary = summarise(merged)
    parts = [
        f"# {results[0].name}: {', '.join(labels)}\n",
        f"{len(merged)} seeds; scores at the end of each block.\n",
    ]
    if not summary[first]["blocks"]:
        return "\n".join([*parts, run_table(summary)])
    parts.append(summary_table(summary, SCORES))
    if others:
        parts.append(f"Paired differences of E to `{first}`, seed by seed; negative favours `{first}`.\n")
    parts += [comparison_table(first, b, compare(merged, first, b)) for b in others]
    return "\n".join(parts)


def run_table(summary: dict[str, dict]) -> str:
    """Return the Markdown table of the free run of a continuous target."""
    lines = ["| label | " + " | ".join(FREE) + " | n |", "|---|" + "---|" * (len(FREE) + 1)]
    for label, entry in summary.items():
        cells = [f"{entry['run'][name]['mean']:.3g}" if entry["run"].get(name) else "-" for name in FREE]
        lines.append(f"| {label} | " + " | ".join(cells) + f" | {len(entry['runs'])} |")
    return "\n".join(lines) + "\n"
