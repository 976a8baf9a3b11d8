"""The script for a card: each row on a stand-in; a cut, a fault or a hang loses nothing else."""

import json
import time

import numpy as np
import pytest
from host_kernel import needs_compiler, needs_nvrtc
from stand_in_cupy import stand_in

from benchmarks.gpu_all import __main__ as script
from benchmarks.gpu_all import bits, carried, collect, seam, speed, warm, whole
from benchmarks.gpu_all.context import SMALL, Context, Different, NotHere, Row
from benchmarks.gpu_all.record import Record
from benchmarks.gpu_all.rows import CHEAP_CASES, LOCAL, RLS_CASES, all_rows
from spikewhen.gpu.check import CASES
from spikewhen.gpu.source import Variant

pytestmark = [needs_compiler, needs_nvrtc]


@pytest.fixture
def context(tmp_path):
    return Context(SMALL, tmp_path / "carried", time.time() + 600, host=True)


@pytest.fixture
def kept(context, monkeypatch):
    """Inputs and hashes of one case, made as `make gpu-expected` makes them."""
    monkeypatch.setattr(carried, "CASES", {LOCAL: CASES[LOCAL]})
    monkeypatch.setattr(carried, "contents_on_cpu", lambda seeds: {})
    carried.make(SMALL, context.carried)
    return context


def test_every_call_of_cupy_is_made_and_named(monkeypatch, context):
    stand_in(monkeypatch)
    context.host = False
    found = seam.cupy_calls(context)
    assert found["made"] == 20 and found["calls"]["compute_capability"] == 90


def test_each_call_that_fails_is_said(monkeypatch, context):
    cupy = stand_in(monkeypatch)
    monkeypatch.setattr(cupy.cuda.runtime, "memGetInfo", lambda: 1 / 0)
    monkeypatch.setattr(cupy.cuda, "alloc_pinned_memory", None)
    context.host = False
    with pytest.raises(RuntimeError, match=r"memory: ZeroDivisionError.*; down beside a launch: TypeError"):
        seam.cupy_calls(context)


def test_a_network_that_is_carried_comes_back_to_the_bit(tmp_path):
    case = CASES["closed loop, LMS, delays"]
    network = carried.Carried(tmp_path).network(case, SMALL, 1)
    np.savez(tmp_path / "one.npz", **carried.pack(network))
    with np.load(tmp_path / "one.npz") as file:
        back = carried.unpack(dict(file))
    flat = [x for part in back for x in (part if hasattr(part, "_fields") else [part])]
    was = [x for part in network for x in (part if hasattr(part, "_fields") else [part])]
    assert all(type(a) is type(b) and np.array_equal(a, b) for a, b in zip(flat, was, strict=True))


def test_bits_are_compared_with_the_cpu_here_and_with_hashes_from_elsewhere(kept):
    found = bits.compare(kept, LOCAL, "float32", SMALL.steps, (1, 3))
    assert found["carried"] == "there" and found["hashes"] == 3 * 2


def test_a_wrong_bit_is_found_by_both_witnesses(kept, monkeypatch):
    whole_text = Variant.source
    monkeypatch.setattr(
        Variant,
        "source",
        lambda self, rules: whole_text(self, rules).replace(
            "= r.y[t * K + k] = sum;", "= sum; r.y[t * K + k] = sum + 1;"
        ),
    )
    with pytest.raises(Different) as caught:
        bits.compare(kept, LOCAL, "float32", SMALL.steps, (1, 3))
    for words in ("R = 1, repeat 0, against the CPU engine", "R = 3, repeat 0, against carried hashes"):
        assert f"{words}: replicate 0 differs after step 0" in str(caught.value)


def test_a_cpu_engine_that_differs_from_the_carried_hashes_is_named(kept):
    path = kept.carried / "expected.json"
    table = json.loads(path.read_text())
    table["hashes"][f"{LOCAL}/float32"]["hashes"][1][1] = "0"
    path.write_text(json.dumps(table))
    with pytest.raises(
        Different, match="CPU engine here against carried hashes: replicate 1 differs after step 200"
    ):
        bits.compare(kept, LOCAL, "float32", SMALL.steps, (1, 3))


def test_without_numba_the_carried_hashes_count(kept, monkeypatch):
    def broken(*_):
        raise ImportError("no Numba")

    monkeypatch.setattr(bits, "run_on_cpu", broken)
    found = bits.compare(kept, LOCAL, "float32", SMALL.steps, (1, 3))
    assert "no Numba" in found["cpu"] and found["R"] == (1, 2)


def test_other_draws_of_numpy_are_no_difference_of_the_card(kept):
    path = kept.carried / "expected.json"
    path.write_text(path.read_text().replace('"inputs": "', '"inputs": "0'))
    found = bits.compare(kept, LOCAL, "float32", SMALL.steps, (1,))
    assert found["carried"] == "this NumPy draws other trials"


def test_speeds_and_a_network_over_many_blocks_are_measured(context):
    assert bits.over_many_blocks(context)["steps"] == 100
    assert speed.meet(context, "float32", 2, False)["R"] == 2
    assert speed.least_squares(context, "float32", 2)["times_life"] > 0
    assert speed.one_large(context, 400, 20)["N"] == 400
    assert set(speed.card(context)) == {"issued", "issued_integer", "moved"}


def test_one_variant_is_compiled_for_the_card_and_the_cpu():
    found = warm.warm("sm_90", 232448, "x", LOCAL, "float32", 40, False, None, True)
    assert found["registers"] > 30 and found["spilled"] == 0 and found["cpu_seconds"] > 0


def test_what_is_compiled_is_all_that_the_rows_run():
    kinds = {(what, precision) for _, what, precision, *_ in warm.tasks(SMALL) if isinstance(what, str)}
    assert kinds == {(name, precision) for name in CASES for precision in ("float32", "float64")}


def test_rows_have_names_of_their_own_and_cover_every_case():
    rows = all_rows(SMALL)
    assert len({r.name for r in rows}) == len(rows)
    assert {r.part for r in rows} == set(range(11))
    assert set(CASES) == {*CHEAP_CASES, *RLS_CASES}
    assert sum(r.seconds for r in rows if r.part <= 2) < 150


def test_without_what_configs_need_runs_are_left_out(context, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pydantic", None)
    with pytest.raises(NotHere, match="pydantic is not installed"):
        whole.runs(context)


def test_files_are_compared_but_for_names_and_scores_apart():
    kept = {"a.h5": {whole.NETWORK: "1", "weights/w": "1", "scores/x": "1", "software": "1", "@run_id": "1"}}
    other = {"b.h5": {whole.NETWORK: "1", "weights/w": "2", "scores/x": "2", "software": "2", "@run_id": "2"}}
    assert whole._unlike(kept, kept, False) == whole._unlike(kept, kept, True) == ""
    assert whole._unlike(other, kept, False) == "1 files, in ['weights/w']"
    assert whole._unlike(other, kept, True) == "1 files, in ['scores/x']"
    assert "1 of 1 networks are not among them" in whole._unlike({"b.h5": {whole.NETWORK: "2"}}, kept, False)


def fail(context):
    raise RuntimeError("the card is gone")


def differ(context):
    raise Different("replicate 3")


ROWS = [
    Row(0, "good", 1, lambda context: {"found": np.float32(2)}),
    Row(1, "other bits", 1, differ),
    Row(2, "long", 10_000, fail),
    Row(3, "broken", 1, fail),
    Row(4, "after", 1, lambda context: {}),
]


def test_every_row_leaves_a_line_and_a_fault_asks_for_a_new_process(tmp_path, context):
    record = Record(tmp_path / "rows.jsonl")
    assert script.child(record, ROWS, context) == script.AGAIN
    assert {n: r["state"] for n, r in record.rows().items()} == {
        "good": "ok",
        "other bits": "different",
        "long": "skipped",
        "broken": "failed",
    }
    assert record.rows()["good"]["found"] == 2 and "the card is gone" in record.rows()["broken"]["error"]
    assert script.child(record, ROWS, context) == 0
    assert record.rows()["after"]["state"] == "ok"
    assert collect.status(record.rows()) == 1
    said = collect.describe(record.rows())
    assert "different: other bits: replicate 3" in said and "2 ok, 1 different, 1 failed, 1 skipped" in said


def test_a_process_that_dies_or_hangs_costs_one_row(tmp_path, monkeypatch):
    record, calls = Record(tmp_path / "rows.jsonl"), []

    class Done:
        returncode = -11

    def died(command, **given):
        calls.append(command)
        row = ROWS[len(calls) - 1]
        record.put(row.name, "begun" if row.name == "broken" else "ok", part=row.part)
        return Done

    monkeypatch.setattr(script.subprocess, "run", died)
    assert script.parent(record, ROWS, time.time() + 100, ["--parts", "0"]) == 1
    assert record.rows()["broken"]["error"] == "the process ended with status -11"
    assert record.rows()["after"]["state"] == "ok" and len(calls) == len(ROWS)
    assert calls[0][3:6] == ["--parts", "0", "--out"] and calls[0][-2] == "--until"


def test_nothing_done_is_no_success(tmp_path):
    assert collect.status({}) == 1
    assert collect.status({"a": {"state": "ok"}, "b": {"state": "skipped"}}) == 0


def test_a_line_cut_short_is_passed_over(tmp_path):
    record = Record(tmp_path / "rows.jsonl")
    record.put("a", "ok")
    with record.path.open("a") as file:
        file.write('{"row": "b", "sta')
    assert list(record.rows()) == ["a"]
