"""States of chosen cells: those of the reference engine to the bit, and nothing where none are asked for."""

import numpy as np
import pytest
from lively import assert_same_bits, equal, lively_network, local_rule, short_meet, small_grid, train

from spikewhen.reservoir.cell_states import chosen_cells
from spikewhen.reservoir.cpu.engine import CpuBackend
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.record import RecordSpec
from spikewhen.reservoir.reference import ReferenceBackend
from spikewhen.reservoir.rules import LMS

CELLS = (31, 0, 7)
RECORD = RecordSpec(spikes="all", cells=CELLS, cells_every_ms=7.0)
MEET = short_meet(trials_per_block=2, probes_after=(1, 2), probe_repeats=1)


def without_states(recording):
    for path in [p for p in recording.arrays if p.startswith(schema.cells())]:
        del recording.arrays[path]
        recording.attrs.pop(path, None)
    return recording


def options(kind):
    if kind == "closed loop":
        network = lively_network(0.5, feedback_pa=20.0)
        return {"network": network, "rules": {"lms": LMS(eta=0.01)}}
    if kind == "delays, double exponential":
        return {"network": lively_network(0.5, delay_max_ms=3.0, synapse_rise_ms=2.0)}
    return {}


@pytest.mark.parametrize("kind", ["open loop", "closed loop", "delays, double exponential"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_states_are_those_of_the_reference_engine(kind, dtype):
    backends = CpuBackend(), ReferenceBackend()
    found = [train(MEET, record=RECORD, dtype=dtype, backend=b, **options(kind)) for b in backends]
    a, b = ({p: r[p] for p in r.arrays if p.startswith(schema.cells())} for r in found)
    assert_same_bits(a, b)
    assert len(a) == 8 and a[schema.cells("trials", "v")].shape == (4, 17, 3)
    assert all(np.isfinite(x).all() and np.ptp(x) > 0 for x in a.values())
    assert a[schema.cells("trials", "v")].dtype == dtype


@pytest.mark.parametrize("kind", ["open loop", "closed loop", "delays, double exponential"])
def test_to_be_watched_changes_nothing_else(kind):
    watched, alone = (
        train(MEET, record=record, **options(kind)) for record in (RECORD, RecordSpec(spikes="all"))
    )
    assert schema.cells("probes", "current") in watched and not any("cells" in p for p in alone.arrays)
    assert equal(without_states(watched), alone)


def test_a_state_is_that_at_the_end_of_its_readout_step():
    """Row t of a trial is the state when the engine has done `time_ms[t]` of it, and no step more."""
    network, grid = lively_network(0.5), small_grid(dt_ms=0.5, steps_per_readout=2)
    ends = {}

    class Backend(CpuBackend):
        def load(self, network, grid):
            engine = super().load(network, grid)
            run = engine.run

            def noting(state, trials, readouts, teaching):
                found = run(state, trials, readouts, teaching)
                end = trials.first_step // grid.steps_per_readout + len(trials.inputs)
                if trials.stream == 0:
                    ends[end] = state.v[list(CELLS)].copy()
                return found

            engine.run = noting
            return engine

    recording = train(MEET, record=RECORD, network=network, grid=grid, backend=Backend())
    onset = recording[schema.trial("onset_ms")]
    time = recording[schema.cells("time_ms")]
    assert time.tolist() == [-10 + 7 * (t + 1) for t in range(17)]
    for i in range(4):
        for t in range(17):
            at = round(onset[i] + time[t])
            assert recording[schema.cells("trials", "v")][i, t].tobytes() == ends[at].tobytes(), (i, t)


def test_cells_of_each_type_are_evenly_spaced():
    kinds = np.array([0] * 10 + [1] * 3)
    assert chosen_cells((), 3, kinds).tolist() == [0, 4, 9, 10, 11, 12]
    assert chosen_cells((), 1, kinds).tolist() == [0, 10]
    assert chosen_cells((12, 0), 0, kinds).tolist() == [12, 0]


def test_only_what_is_asked_for_is_kept():
    record = RecordSpec(cells_per_type=1, variables=("u",), trials=False)
    recording = train(MEET, {"local": local_rule()}, record=record)
    kept = [p for p in recording.arrays if p.startswith(schema.cells())]
    assert kept == [schema.cells(name) for name in ("node_ids", "time_ms")] + [schema.cells("probes", "u")]
    assert recording.attrs[schema.cells("probes", "u")]["units"] == "pA"


@pytest.mark.parametrize(
    "changes, field",
    [
        ({"cells": (1, 1)}, "cells"),
        ({"cells": (-1,)}, "cells"),
        ({"cells": (0.5,)}, "cells[0]"),
        ({"cells": (1,), "cells_per_type": 1}, "cells_per_type"),
        ({"cells": (1,), "variables": ("w",)}, "variables"),
        ({"cells": (1,), "variables": ()}, "variables"),
        ({"cells_every_ms": 5.0}, "cells_every_ms"),
        ({"variables": ("v",)}, "variables"),
    ],
)
def test_what_cannot_be_kept_is_refused(changes, field):
    with pytest.raises(InputError) as caught:
        RecordSpec(**changes)
    assert str(caught.value).startswith(f"{field} = ") and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"cells": (40,)}, "record.cells = 40: cells of the network, 0 to 39"),
        ({"cells": (1,), "cells_every_ms": 1.5}, "record.cells_every_ms = 1.5: a multiple of 1 ms"),
        ({"cells": (1,), "cells_every_ms": 200.0}, "record.cells_every_ms = 200.0: 1 to 120 ms, the longest"),
    ],
)
def test_what_this_run_cannot_keep_is_refused(changes, message):
    with pytest.raises(InputError) as caught:
        train(MEET, record=RecordSpec(**changes))
    assert str(caught.value).startswith(message)
