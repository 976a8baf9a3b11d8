"""Figures of tasks other than MEET, from made-up runs: text meets no other, in two columns and in one."""

import numpy as np
import pytest
from drawn import meet_run
from planned import planned_run
from test_local_global import run_of

from spikewhen.analysis.figures import FIGURES
from spikewhen.analysis.figures.collisions import collisions
from spikewhen.analysis.figures.look import Look
from spikewhen.analysis.figures.sheet import paper
from spikewhen.paradigms.base import bump
from spikewhen.paradigms.graded_omission import GradedOmission
from spikewhen.paradigms.ready_set_go import ReadySetGo
from spikewhen.paradigms.transitions import Transitions
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.rules import Gate


def local_global():
    return run_of(0.9, 0.1)


def production():
    session = ReadySetGo(trials_per_block=4, probes_every=4, probe_repeats=5).plan(0, 1.0)
    interval = session.blocks["interval_ms"][0][session.probes.block, session.probes.condition]
    said = 2 * interval * np.random.default_rng(0).normal(1, 0.05, interval.size)
    z = bump(session.time_ms, said, 30.0).T[..., None]
    return planned_run(session, probes__y=z, probes__prediction=z)


def sequence():
    session = Transitions(series=6).plan(0, 50.0)
    p = np.random.default_rng(0).uniform(0.2, 0.8, session.trials.block.size)
    return planned_run(session, True, trials__p_hat=np.stack([p, 1 - p], 1))


def omission():
    session = GradedOmission().plan(0, 5.0)
    n, length, rng = session.trials.block.size, 300.0, np.random.default_rng(0)
    run = planned_run(session)
    cell = np.repeat(np.arange(20), 3 * n)
    time = np.sort(rng.uniform(0, n * length, cell.size))
    run.arrays |= {
        schema.CELL_TYPE: np.zeros(20, np.int8),
        schema.trial("onset_ms"): length * np.arange(n),
        schema.spikes("reservoir", "timestamps"): time,
        schema.spikes("reservoir", "node_ids"): rng.permutation(cell),
    }
    run.attrs[schema.spikes("reservoir")] = {"subset": "all", "recorded": list(range(20))}
    return run


@pytest.mark.parametrize("make", [local_global, production, sequence, omission], ids=lambda f: f.__name__)
def test_no_text_covers_another_in_two_columns_or_in_one(make, caplog):
    name, run = make.__name__, make()
    run.attrs[schema.block()]["scores"] = name
    with paper():
        sheet = FIGURES[name].draw([run])
        assert collisions(sheet.figure) == []
        Look(width_mm=89).apply(sheet, name)
        assert collisions(sheet.figure) == []
    assert not caplog.records


@pytest.mark.parametrize("baseline", [0.0, 0.2, 0.4, 0.6, 0.87, 1.0, 1.3])
def test_no_text_of_the_schematic_covers_another_at_any_height_of_the_gate(baseline):
    with paper():
        sheet = FIGURES["schematic"].draw([meet_run(gate=Gate(baseline=baseline))])
        assert collisions(sheet.figure) == []
