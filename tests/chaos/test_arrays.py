"""Arrays, rules and sessions from outside: whatever is wrong with them is one line with its name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import namedtuple
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numba as nb
import numpy as np
import pytest
from chaos import own_steps
from chaos.wrong_arrays import NETWORKS, SESSIONS, Mutated, N, network_with
from lively import SHORT_GATE, WHAT, lively_network, short_meet, small_grid, train
from small import table

from spikewhen.experiments.config import load_config
from spikewhen.experiments.setup import prepare
from spikewhen.reservoir.cpu.engine import CpuEngine
from spikewhen.reservoir.engine import Activity, Readout
from spikewhen.reservoir.errors import ActivityError, InputError
from spikewhen.reservoir.files.sinks import MemorySink
from spikewhen.reservoir.network import NetworkSpec, build_network, check_network, synapses_from_matrix
from spikewhen.reservoir.own_rules import safe
from spikewhen.reservoir.rules import LMS, RLS, Gate
from spikewhen.reservoir.step_constants import start_state
from spikewhen.reservoir.training import Trainer
from spikewhen.reservoir.types import padded

CHAOS = Path(__file__).parent


@contextmanager
def refused(*names: str) -> Iterator[None]:
    """Expect one short line with these names."""
    with pytest.raises(InputError) as caught:
        yield
    said = str(caught.value)
    assert all(name in said for name in names) and "\n" not in said and len(said) < 600, said


# networks


@pytest.mark.parametrize("case", NETWORKS)
def test_a_wrong_network_is_refused_by_name(case):
    changes, name = NETWORKS[case]
    with refused(name):
        check_network(network_with(**changes), 1, 2)


def test_every_engine_checks_the_network_it_is_given():
    """Not only the commands: a script may load a network on an engine itself."""
    with refused("synapses.indptr[0]"):
        CpuEngine(network_with(synapses__indptr=lambda a: a + 10**9), small_grid())


@pytest.mark.parametrize("given", ["a network", None, np.eye(3), 5])
def test_what_is_no_network_is_refused(given):
    with refused("network"):
        check_network(given, 1, 2)


def as_lists(part: Any) -> Any:
    """Turn every array of a network into a list."""
    return type(part)(*[a.tolist() if isinstance(a, np.ndarray) else a for a in part])


def test_lists_and_wider_types_are_the_same_network():
    right = network_with()
    lists = right._replace(
        cells=as_lists(right.cells),
        synapses=as_lists(right.synapses),
        encoders=as_lists(right.encoders),
        v_start=right.v_start.tolist(),
        cell_type=right.cell_type.tolist(),
    )
    wide = network_with(synapses__target=lambda a: a.astype(float), synapses__indptr=np.uint64)
    for other in (check_network(lists, 1, 2), check_network(wide, 1, 2)):
        for part in ("cells", "synapses", "encoders"):
            for a, b in zip(getattr(right, part), getattr(other, part), strict=True):
                assert np.array_equal(a, b) and getattr(a, "dtype", None) == getattr(b, "dtype", None)
        assert other.cell_type.dtype == np.int8 and np.array_equal(other.v_start, right.v_start)


def test_a_right_network_is_not_copied():
    right = network_with()
    assert check_network(right, 1, 2).synapses.weight is right.synapses.weight


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (dict(decay_ms=np.ones(7)), "decay_ms"),
        (dict(decay_ms=-1.0), "decay_ms"),
        (dict(delay_steps=np.ones((3, 3))), "delay_steps"),
        (dict(delay_steps=np.full((9, 9), 0.5)), "delay_steps[0, 0]"),
        (dict(rise_ms=float("nan")), "rise_ms"),
        (dict(weight=np.ones((9, 8))), "weight"),
        (dict(weight=np.full((9, 9), 1j)), "weight"),
        (dict(weight=[["a"] * 9] * 9), "weight"),
        (dict(weight=np.zeros((0, 0))), "weight"),
    ],
)
def test_a_wrong_matrix_is_refused_by_name(change, name):
    with refused(name):
        synapses_from_matrix(**{"weight": np.ones((9, 9)), "decay_ms": 20.0, **change})


def test_delays_that_need_more_memory_than_there_is_are_refused_before_it_is_taken():
    with refused("network.delay_max_ms"):
        build_network(NetworkSpec(n_neurons=200, delay_max_ms=1e7), 0, 1, 2, 0.1)
    with refused("network.delay_max_ms"):
        build_network(NetworkSpec(n_neurons=200, delay_max_ms=1e300), 0, 1, 2, 0.1)
    assert build_network(NetworkSpec(n_neurons=9, out_degree=2, delay_max_ms=1e4), 0, 1, 2, 0.1)


# currents, seeds, labels


@pytest.fixture(scope="module")
def experiment():
    return load_config(table())


@pytest.mark.parametrize(
    ("current", "name"),
    [
        (lambda a: a.tolist()[:5], "current"),
        (lambda a: a + 0j, "current"),
        (lambda a: a.astype(str), "current"),
        (lambda a: np.full(a.shape, np.datetime64("2020-01-01")), "current"),
        (lambda a: np.ma.masked_equal(a, 0), "current"),
        (lambda a: np.where(np.arange(a.shape[1]) == 7, np.inf, a), "current[0, 7]"),
        (lambda a: a[:-1], "current"),
        (lambda a: a.T, "current"),
        (lambda a: 5.0, "current"),
    ],
)
def test_a_wrong_current_is_refused_by_name(experiment, current, name):
    right = np.zeros((550, 60))
    assert prepare(experiment, current=right.tolist()).current.shape == right.shape
    with refused(name):
        prepare(experiment, current=current(right))


def test_a_current_that_does_not_fit_into_the_precision_is_refused(experiment):
    single = replace(experiment, simulation=replace(experiment.simulation, precision="float32"))
    with refused("current[0, 0]"):
        prepare(single, current=np.full((550, 60), 1e300))


@pytest.mark.parametrize("seed", [-1, 10**400, 2**63, 1.0, "1", None, True, np.float64(1), np.array([1])])
def test_a_wrong_seed_is_refused(experiment, seed):
    with refused("seed"):
        prepare(experiment, seed)


@pytest.mark.parametrize("given", ["meet.toml", None, {}])
def test_what_is_no_experiment_is_refused(given):
    with refused("experiment"):
        prepare(given)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        (dict(seed=-1), "seed"),
        (dict(seed=1.5), "seed"),
        (dict(seed=np.zeros(2)), "seed"),
        (dict(n_cues=-1), "n_cues"),
        (dict(n_channels=0), "n_channels"),
        (dict(n_channels="2"), "n_channels"),
        (dict(dt_ms=0.0), "dt_ms"),
        (dict(dt_ms=float("nan")), "dt_ms"),
        (dict(spec="meet.toml"), "spec"),
    ],
)
def test_what_no_network_can_be_drawn_from_is_refused(changes, name):
    right = dict(spec=NetworkSpec(n_neurons=9, out_degree=2), seed=0, n_cues=1, n_channels=2, dt_ms=0.1)
    assert build_network(**right).n_neurons == 9
    with refused(name):
        build_network(**{**right, **changes})


LABELS = ["a/b", "", ".", "..", "x\0y", "\ud800", "a" * 5000, "/readouts/rls", "two words", 5, None]


@pytest.mark.parametrize("label", LABELS, ids=range(len(LABELS)))
def test_a_wrong_label_is_refused_before_anything_runs(experiment, label):
    with refused("rules"):
        replace(experiment, rules={label: LMS()})
    with refused("rules"):
        Trainer(
            Still(), lively_network(), small_grid(), short_meet().plan(0, 1.0), {label: LMS()}, MemorySink()
        )


# sessions


class Still:
    """An engine in which nothing happens."""

    def start(self) -> Any:
        return start_state(lively_network(), small_grid(), 0)

    def run(self, state: Any, trials: Any, readouts: list[Any], teaching: list[Any]) -> Activity:
        n, k = len(trials.inputs), trials.outcome.shape[1]
        none = np.zeros(0, np.int64)
        y, p = np.zeros((n, k)), np.zeros((len(trials.outcome), k))
        return Activity(none, none.astype(np.int32), [y for _ in readouts], [p for _ in readouts])


def still_run(session: Any, dtype: Any = np.float64) -> None:
    """Plan, check and go through a session."""
    grid = small_grid(dtype, dt_ms=0.5, steps_per_readout=2)
    Trainer(Still(), lively_network(), grid, session, {"lms": LMS(what=WHAT)}, MemorySink()).run()


def test_the_session_that_is_mutated_is_a_good_one():
    still_run(Mutated({}))


@pytest.mark.parametrize("case", SESSIONS)
def test_a_wrong_session_is_refused_by_name(case):
    changes, name = SESSIONS[case]
    with refused(name):
        still_run(Mutated(changes))


def test_inputs_that_do_not_fit_into_the_precision_are_refused():
    with refused("inputs(0)[0, 0]"):
        still_run(Mutated({"inputs": lambda i: np.full((120, 3), 1e300)}), np.float32)


def test_a_task_that_fails_to_plan_is_named_with_the_line(experiment):
    class Failing(type(experiment.paradigm)):
        def plan(self, seed, readout_step_ms):
            return [][1]

    with refused("test_arrays.py, line"):
        prepare(replace(experiment, paradigm=Failing()))


def test_what_a_task_shows_last_is_checked_before_the_run(experiment):
    right = experiment.paradigm.plan(0, 1.0)

    class Late(type(experiment.paradigm)):
        def plan(self, seed, readout_step_ms):
            session = super().plan(seed, readout_step_ms)
            last = session.probes.block.size - 1
            session.probe_inputs = lambda q: right.probe_inputs(q)[: None if q < last else 3]
            return session

    with refused("session.probe_inputs("):
        prepare(replace(experiment, paradigm=Late(**vars(experiment.paradigm))))


@pytest.mark.parametrize(
    ("scores", "change", "name"),
    [
        ("events", lambda b: {**b, "latency_ms": (np.zeros((2, 1)), "ms")}, "latency_ms"),
        ("events", lambda b: {k: v for k, v in b.items() if k != "probability"}, "probability"),
        ("target", lambda b: b, "target"),
        ("signal", lambda b: b, "frequency_hz"),
    ],
)
def test_tables_that_the_declared_scores_cannot_read_are_refused(scores, change, name):
    from spikewhen.reservoir.sessions import check_declared

    with refused(name):
        check_declared(Mutated({"blocks": change(short_meet().plan(0, 1.0).blocks)}), scores)


# rules

M = padded(N + 1)
State = namedtuple("State", "w extra")


def with_state(state: Any, base: type = LMS) -> Any:
    """Return a rule whose `init` gives what `state` returns for (K, M)."""

    class Own(base):
        name = "own"

        def init(self, n_channels, n_features, dtype):
            return state(np.zeros((n_channels, padded(n_features)), dtype))

    return Own(gate=SHORT_GATE, what=WHAT)


W = namedtuple("W", "w")
STATES = {
    "without padding": (lambda w: W(w[:, :41]), "w"),
    "of one channel": (lambda w: W(w[:1]), "w"),
    "of no channel": (lambda w: W(w[:0]), "w"),
    "(K, 1)": (lambda w: W(w[:, :1]), "w"),
    "transposed": (lambda w: W(w.T), "w"),
    "flat": (lambda w: W(w.ravel()), "w"),
    "of another precision": (lambda w: W(w.astype(np.float32)), "w"),
    "of integers": (lambda w: W(w.astype(int)), "w"),
    "of the other byte order": (lambda w: W(w.astype(">f8")), "w"),
    "of objects": (lambda w: W(w.astype(object)), "w"),
    "of text": (lambda w: W(w.astype(str)), "w"),
    "complex": (lambda w: W(w + 0j), "w"),
    "masked": (lambda w: W(np.ma.masked_equal(w, 1)), "w"),
    "NaN": (lambda w: W(w * np.nan), "w"),
    "a bare tuple": (lambda w: (w,), "NamedTuple"),
    "a list": (lambda w: [w], "NamedTuple"),
    "an array": (lambda w: w, "NamedTuple"),
    "None": (lambda w: None, "NamedTuple"),
    "a list inside": (lambda w: W(w.tolist()), "w"),
    "a number beside it": (lambda w: State(w, 1.0), "extra"),
    "None beside it": (lambda w: State(w, None), "extra"),
    "NaN in a hidden field": (lambda w: State(w, np.full(3, np.nan)), "extra"),
    "an exception": (lambda w: [][1], "rules.own.init"),
}


@pytest.mark.parametrize("case", STATES)
def test_a_wrong_state_is_refused_by_rule_and_field(case):
    state, name = STATES[case]
    with refused(name, "own"):
        Readout(with_state(state), 2, N + 1, small_grid(), "own")


def test_a_state_that_a_shipped_step_could_not_take_is_refused():
    """The step of RLS checks no index: P of another size would be read past its end."""

    class Own(RLS):
        def init(self, n_channels, n_features, dtype):
            return super().init(n_channels, n_features, dtype)._replace(p=np.zeros((1, 1, 32, 32)))

    with refused("own: p"):
        Readout(Own(), 2, N + 1, small_grid(), "own")


def test_a_state_that_is_wrong_after_a_switch_of_block_is_refused():
    class Own(LMS):
        name = "own"

        def at_switch(self, state, n_features):
            return state._replace(w=state.w[:, :5])

    readout = Readout(Own(), 2, N + 1, small_grid())
    with refused("own: w"):
        readout.switch()


@pytest.mark.parametrize("constants", [None, 5.0, ("a",), [1.0], (None,)])
def test_wrong_constants_are_refused(constants):
    class Own(LMS):
        name = "own"

        def constants(self, readout_step_ms, dtype):
            return constants

    with refused("rules.own.constants"):
        Readout(Own(), 2, N + 1, small_grid())


def plain(constants, state, x, y, target, gate, clock, trial_end):
    """Do nothing, uncompiled."""


@nb.njit
def three(constants, state, x):
    """Take three arguments."""


def test_what_is_no_rule_is_refused_before_anything_runs(experiment):
    for given in (5, None, LMS, "lms", lambda: 1):
        with refused("rules.own"):
            replace(experiment, rules={"own": given})


@pytest.mark.parametrize("step", [plain, three, None, 5, np.add])
def test_a_step_that_is_none_is_refused(step):
    class Own(LMS):
        name = "own"

    Own.step = staticmethod(step) if callable(step) else step
    with refused("rules.own.step"):
        Readout(Own(), 2, N + 1, small_grid())


GATES = {
    "None": None,
    "raises": lambda lesson: [][1],
    "one array": lambda lesson: lesson.signal,
    "of one channel": lambda lesson: (lesson.signal, lesson.signal[:, :1]),
    "negative": lambda lesson: (lesson.signal, -np.ones_like(lesson.signal)),
    "NaN": lambda lesson: (lesson.signal * np.nan, lesson.signal),
}


@pytest.mark.parametrize("case", GATES)
def test_a_gate_of_a_users_that_fails_is_named(case):
    @dataclass(frozen=True)
    class Own(Gate):
        def teach(self, lesson):
            return GATES[case](lesson)

    rule = LMS(gate=SHORT_GATE)
    object.__setattr__(rule, "gate", Own() if GATES[case] else None)
    lesson = short_meet().plan(0, 1.0).teaching(0)
    with refused("rules.own.gate"):
        Readout(rule, 2, N + 1, small_grid(), "own").teach(lesson)


def test_a_shipped_step_runs_as_it_is():
    assert safe(LMS.step) is LMS.step


def said_of(version: str) -> dict[str, str]:
    """Run dangerous steps in a process of their own; return what was said of each."""
    found = python(CHAOS / "own_steps.py", version)
    said = dict(json.loads(line) for line in found.stdout.splitlines())
    assert found.returncode == 0, (said, found.returncode, found.stderr[-500:])
    return said


def test_a_step_cannot_leave_its_state_nor_end_the_interpreter():
    said = said_of("short")
    assert set(said) == {*own_steps.STEPS, "good"} and said.pop("good").startswith("accepted")
    assert {text.partition(" = ")[0] for text in said.values()} == {"rules.own.step"}
    assert "from inside" in said["raises"] and "inside its arrays" in said["writes far outside"]
    assert "'writes into x" in said["writes NaN into x, later on"]


@pytest.mark.long
def test_no_other_step_can_either():
    said = said_of("long")
    assert set(said) == {*own_steps.MORE_STEPS}
    assert {text.partition(" = ")[0] for text in said.values()} == {"rules.own.step"}


def test_a_rule_that_writes_the_features_cannot_change_the_rules_after_it():
    class Own(LMS):
        name = "own"
        step = staticmethod(own_steps.make("x[0] = 5"))

    with refused("rules.own.step"):
        train(rules={"own": Own(gate=SHORT_GATE, what=WHAT), "lms": LMS(gate=SHORT_GATE, what=WHAT)})


def test_a_hidden_field_that_is_no_longer_finite_is_told():
    session, grid = short_meet().plan(0, 1.0), small_grid(dt_ms=0.5, steps_per_readout=2)

    class Diverging(Still):
        def run(self, state, trials, readouts, teaching):
            readouts[0].state.extra[1] = np.nan
            return super().run(state, trials, readouts, teaching)

    rule = with_state(lambda w: State(w, np.zeros(3)))
    rule = replace(rule)
    type(rule).step = staticmethod(own_steps.make("w[0, 0] = 0"))
    with pytest.raises(ActivityError, match=r"extra of own\[1\] = nan") as caught:
        Trainer(Diverging(), lively_network(), grid, session, {"own": rule}, MemorySink()).run()
    assert caught.value.rule == "own"


# the kernels themselves


def python(script: Path, *words: str, **environment: str) -> subprocess.CompletedProcess:
    """Run a script in a process of its own."""
    paths = os.pathsep.join([str(CHAOS.parent), str(CHAOS.parents[1])])
    env = {**os.environ, "PYTHONPATH": paths, **environment}
    return subprocess.run([sys.executable, str(script), *words], capture_output=True, text=True, env=env)


def test_kernels_compiled_with_bounds_checks_touch_nothing_outside():
    """And the warm cache holds these kernels apart: an index that is planted outside is noticed."""
    found = python(CHAOS / "within_bounds.py", "short", NUMBA_BOUNDSCHECK="1")
    assert found.stdout.split() == ["open", "ok", "planted", "IndexError"], (
        found.stdout + found.stderr[-2000:]
    )


@pytest.mark.long
def test_the_suite_of_the_engine_passes_under_bounds_checks():
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *UNDER_BOUNDS],
        capture_output=True,
        text=True,
        cwd=CHAOS.parents[1],
        env={**os.environ, "NUMBA_BOUNDSCHECK": "1"},
    )
    assert found.returncode == 0, found.stdout[-3000:]


UNDER_BOUNDS = [
    f"tests/reservoir/test_{name}.py" for name in ("engine", "training", "rules", "replay", "delay_line")
]
