"""The study of four cases: what it would judge of made-up numbers, what it measures of a run, its figure."""

from types import SimpleNamespace

import numpy as np
import pytest

import spikewhen as sw
from spikewhen.analysis.figures.sheet import paper
from spikewhen.examples.density_or_hazard.claims import reaction_times
from spikewhen.examples.density_or_hazard.claims.four_cases import CLAIMS, OWN, TARGETS, measure
from spikewhen.examples.density_or_hazard.figures import four_cases, heard
from spikewhen.experiments.study.study import load_study

SEEDS = range(8)


def made_up(best):
    """E of .5 against the expectation that `best` gives a readout, and about .8 against the others."""
    rng = np.random.default_rng(0)

    def one(label):
        return {t: (0.5 if t == best(label) else 0.8) + 0.02 * rng.random() for t in TARGETS}

    return {"p": {seed: {label: one(label) for label in OWN} for seed in SEEDS}}


def verdicts(claim, best):
    return {f.verdict for f in claim.judge(made_up(best)).findings}


def test_the_study_can_be_planned():
    study = load_study("density_or_hazard")
    assert [c.id for c in study.claims] == ["H1", "H2", "H3", "H4"]
    assert all(study.figure(name).CLAIMS for name in study.figures)
    for claim in CLAIMS:
        (protocol,) = claim.protocols
        assert set(protocol.experiment("reward_timing.toml").rules) == set(OWN)


@pytest.mark.parametrize("claim", CLAIMS[:2], ids=lambda c: c.id)
def test_four_readouts_on_their_own_expectations_hold_and_on_one_fail(claim):
    assert verdicts(claim, OWN.get) == {"holds"}
    assert "fails" in verdicts(claim, lambda label: "density")
    assert "fails" in verdicts(claim, lambda label: "hazard")


def test_a_network_that_hears_the_event_has_to_follow_a_hazard():
    assert verdicts(CLAIMS[2], lambda label: "hazard") == {"holds"}
    assert verdicts(CLAIMS[2], lambda label: "density") == {"fails"}


SMALL = (
    "network.n_neurons=60",
    "network.out_degree=10",
    "paradigm.trials_per_block=4",
    "paradigm.probes_every=4",
    "paradigm.probe_repeats=1",
    *(f"rules.{label}.what.window_end_ms=100.0" for label in ("local", "local_stopped")),
)


def test_a_run_is_measured_in_blocks_with_omissions():
    base = sw.load_config("reward_timing.toml", (*SMALL, "paradigm.scale=0.15"))
    run = sw.run(base, progress=False)
    found = measure("reward_timing", run)
    for label in OWN:
        scores = run.scores(label)
        assert found[label] == {name: pytest.approx(scores[key][1]) for name, key in TARGETS.items()}


def test_the_figure_shows_every_readout_and_expectation():
    series = {c.id: c.judge(made_up(OWN.get)).series for c in CLAIMS}
    result = SimpleNamespace(series=series.__getitem__, seeds=list(SEEDS))
    with paper():
        sheets = {"ab": four_cases.draw(result), "a": heard.draw(result)}
    for panels, sheet in sheets.items():
        drawn = {(row["panel"], row["series"]) for row in sheet.rows}
        assert {(p, f"{label} {t}") for p in panels for label in OWN for t in TARGETS} <= drawn
    assert "8 seeds" in four_cases.caption(result) and "8 seeds" in heard.caption(result)


def test_reaction_times_are_bent_up_bent_down_or_straight():
    at = np.linspace(0.2, 0.8, 15)
    assert reaction_times.curvature(1 + (at - 0.5) ** 2) > 0 > reaction_times.curvature(1 - (at - 0.5) ** 2)
    assert reaction_times.curvature(1 - at) == pytest.approx(0, abs=1e-12)
    assert reaction_times.curvature(1 + at**2) == pytest.approx(reaction_times.curvature(7 + 7 * at**2))


def test_sides_and_curves_of_reaction_times_are_judged():
    def people(label):
        density, hazard = (0.8, 0.1) if label in reaction_times.THROUGH else (0.1, 0.8)
        return {"density": density, "hazard": hazard, "curvature": 0.2}

    rng = np.random.default_rng(0)

    def runs(of):
        return {
            s: {x: {n: v + 0.01 * rng.random() for n, v in of(x).items()} for x in OWN} for s in range(40)
        }

    judged = reaction_times.CLAIM.judge({"set_go": runs(people)})
    assert {f.verdict for f in judged.findings} == {"holds", "reported"}
    against = reaction_times.CLAIM.judge(
        {"set_go": runs(lambda label: {"density": 0.0, "hazard": 1.0, "curvature": -1.0})}
    )
    assert [f.verdict for f in against.findings if "local fol" in f.what or "local," in f.what] == [
        "fails"
    ] * 2


def test_reaction_times_of_a_run_are_those_that_are_scored():
    run = sw.run(sw.load_config("set_go.toml", (*SMALL, "paradigm.scale=0.3")), progress=False)
    found = reaction_times.measure("set_go", run)
    for label in OWN:
        assert found[label]["density"] == pytest.approx(
            float(run.scores(label)["rt_density"][1, 0]), nan_ok=True
        )
        assert np.isfinite(found[label]["curvature"])
