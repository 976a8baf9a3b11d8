"""The paragraph of a tuning that a Methods section needs, from what was run."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata

from spikewhen.experiments.display import count
from spikewhen.experiments.provenance import software
from spikewhen.experiments.tables import format_seeds
from spikewhen.experiments.tuning.plan import TuningPlan
from spikewhen.experiments.tuning.space import described
from spikewhen.experiments.tuning.study import MEDIAN_OF, RANDOM_FIRST
from spikewhen.reservoir.types import NUMERICS_VERSION


def paragraph(plan: TuningPlan, winners: Mapping[str, str]) -> str:
    """Return the paragraph as Markdown.

    Parameters
    ----------
    plan : TuningPlan
    winners : mapping
        Label of each rule, and its winner in words.
    """
    spec, made = plan.spec, software()
    several = len(plan.rules) > 1
    each = "each rule" if several else "the rule"
    sampler = "random search"
    if spec.sampler == "tpe":
        sampler = (
            "a multivariate tree-structured Parzen estimator (TPE), of which the first "
            f"{min(RANDOM_FIRST, spec.candidates)} candidates are independent of each other"
        )
    sentences = [
        f"{count(len(plan.rules), 'learning rule')} ({', '.join(winners)}) "
        f"{'were' if several else 'was'} tuned on the task {plan.experiment.paradigm.name}.",
        f"{each[0].upper()}{each[1:]} had a budget of {count(spec.candidates, 'candidate')}"
        + (", the same sampler, the same seeds and the same objective." if several else "."),
        "The first candidate had the values of the config; "
        f"the others were drawn by {sampler}, with seed {spec.sampler_seed}.",
        f"The objective was {plan.objective}, averaged over {count(len(spec.search_seeds), 'search seed')} "
        f"({format_seeds(spec.search_seeds)}).",
    ]
    if plan.open_loop:
        sentences.append(
            "Every search seed was simulated once, and all candidates were trained on its spikes."
        )
    else:
        sentences.append("Since the loop was closed, every candidate was simulated anew for every seed.")
    if spec.prune:
        sentences.append(
            "A candidate was given up after a seed at which its mean so far was worse than the median of "
            f"earlier candidates of the rule at that seed, once {MEDIAN_OF} had been judged on all seeds. "
            "Candidates that were given up, or whose weights did not stay finite, count in the budget."
        )
    sentences.append(
        f"The seeds {format_seeds(spec.seeds_of_report)}, kept for the report, took no part in the search."
    )
    fixed = plan.experiment.seeds
    for name in ("network", "task", "noise"):
        if getattr(fixed, name) >= 0:
            sentences.append(f"The seed of the {name} was {getattr(fixed, name)} in all runs, also in these.")
    versions = ", ".join(
        (
            f"spikewhen {made['spikewhen']} (commit {made['commit']}, numerics version {NUMERICS_VERSION})",
            f"Optuna {metadata.version('optuna')}",
            *(f"{name} {made[name]}" for name in ("numpy", "numba", "scipy")),
        )
    )
    lines = [" ".join(sentences), "", "Space:", ""]
    lines += [f"- {rule.label} ({rule.rule.name}): {', '.join(described(rule.space))}" for rule in plan.rules]
    lines += ["", "Winners, with their value and the first candidate's:", ""]
    lines += [f"- {label}: {words}" for label, words in winners.items()]
    return "\n".join([*lines, "", f"Software: {versions}.", ""])
