"""The best candidates and the shipped parameters on seeds that the search never saw, paired by seed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
import optuna

from spikewhen.analysis.statistics import mean_interval, paired_difference
from spikewhen.examples.yamada_chao_2026.search.evaluate import score, task
from spikewhen.examples.yamada_chao_2026.search.regime import NAME
from spikewhen.examples.yamada_chao_2026.search.space import REGIME, applied, suggest
from spikewhen.examples.yamada_chao_2026.search.study import open_study
from spikewhen.experiments.config import load_config
from spikewhen.reservoir.files.integrity import write_whole

POINTS = (5, 10, 20, 50, 100)
SWITCHES = ("first", "timing", "probability", "both", "return")
"""The five blocks of meet.toml, by what switches."""

SHIPPED = "shipped"


class Found(NamedTuple):
    """One candidate on one seed."""

    errors: np.ndarray  # (blocks, points)
    rate_hz: float


def compare(
    candidates: Mapping[str, dict[str, float]],
    folder: Path,
    seeds: Sequence[int],
    workers: int = 2,
    alone: int | None = None,
) -> dict[str, list[Found]]:
    """Run every candidate on every seed; what has run before is read.

    Parameters
    ----------
    candidates : mapping of name to values
        Changes of the shipped parameters, by path.
    folder : Path
        Of one small file per run.
    seeds : sequence of int
    workers : int
        Processes.
    alone : int, optional
        Run this block only, on networks that know no other.
    """
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        waiting = {
            (name, seed): pool.submit(run_one, values, seed, folder, alone)
            for seed in seeds
            for name, values in candidates.items()
        }
        return {name: [waiting[name, seed].result() for seed in seeds] for name in candidates}


def run_one(values: dict[str, float], seed: int, folder: Path, alone: int | None = None) -> Found:
    """Run one candidate on one seed, or read what it gave; see `compare`."""
    blocks = load_config("meet.toml").paradigm.blocks
    if alone is not None:
        blocks = (blocks[alone],)
    experiment = applied(task(blocks, POINTS, repeats=4), values)
    path = folder / f"{experiment.run_id(seed)}.json"
    if not path.exists():
        found = score(experiment, seed)
        errors = found.errors.get("local", np.full((len(blocks), len(POINTS)), np.nan))
        write_whole(path, json.dumps({"seed": seed, "errors": errors.tolist(), "rate_hz": found.rate_hz}))
    kept = json.loads(path.read_text())
    return Found(np.array(kept["errors"]), kept["rate_hz"])


def trials_to(found: Found, naive: Found, block: int, margin: float = 1.1) -> float:
    """Return the first probed trial of a block with E within 10 % of the naive network's at its end."""
    reached = np.flatnonzero(found.errors[block] <= margin * naive.errors[0, -1])
    return float(POINTS[reached[0]]) if reached.size else np.inf


def table(results: Mapping[str, list[Found]], naive: Mapping[str, list[Found]]) -> str:
    """Write the comparison as a Markdown table; `naive` are networks that meet block 2 first."""
    n = len(next(iter(results.values())))
    lines = [
        f"{n} fresh seeds; E, mean over seeds, at trials {', '.join(map(str, POINTS))} of each block.",
        "",
        "| candidate | " + " | ".join(SWITCHES) + " | mean E (20, 50, 100) | minus shipped (95 % interval, p)"
        " | rate, Hz | trials after timing switch to naive + 10 %, median |",
        "|---" * (len(SWITCHES) + 5) + "|",
    ]
    overall = {name: np.array([f.errors[:, 2:].mean() for f in found]) for name, found in results.items()}
    for name, found in results.items():
        curves = np.mean([f.errors for f in found], 0)
        difference = paired_difference(overall[name], overall[SHIPPED])
        rates = [f.rate_hz for f in found]
        cells = [
            name,
            *(" ".join(f"{e:.2f}" for e in curve).replace("0.", ".") for curve in curves),
            f"{mean_interval(overall[name]).mean:.3f}",
            "" if name == SHIPPED else "{0:+.3f} ({1:+.3f} to {2:+.3f}, p = {4:.2g})".format(*difference),
            f"{min(rates):.2f} to {max(rates):.2f}",
            f"{np.median([trials_to(*pair, 1) for pair in zip(found, naive[name], strict=True)]):g}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def validate_trials(folder: Path, numbers: Sequence[int], seeds: Sequence[int], workers: int) -> str:
    """Compare trials of the study with the shipped parameters; by default the best three."""
    trials = open_study(folder, NAME).trials
    done = [t for t in trials if t.state == optuna.trial.TrialState.COMPLETE]
    done.sort(key=lambda t: t.values[0])
    chosen = [trials[n] for n in numbers] or done[:3]
    candidates: dict[str, dict[str, float]] = {SHIPPED: {}}
    for trial in chosen:
        candidates[f"trial {trial.number}"] = suggest(optuna.trial.FixedTrial(trial.params), REGIME)
    runs = folder / "validation"
    naive = compare(candidates, runs, seeds, workers, alone=1)
    return table(compare(candidates, runs, seeds, workers), naive)
