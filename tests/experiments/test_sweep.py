"""Sweeps and their tables, from the command and from Python."""

import csv
import io
import json

import pytest
import small

import spikewhen as sw
from spikewhen.experiments.digest import with_digest
from spikewhen.experiments.long_form import LongTable, to_xarray
from spikewhen.experiments.prune import prune
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files.dropping import PARTS

SWEEP = """
config = "small.toml"
seeds = "0-1"
rules = ["local"]
[grid]
network.weight = [1.0, 2.0]
"""
WILD = {"rules.local.eta": [0.1, 1e308], "rules.local.epsilon": [1e-300]}


def write(folder, text=SWEEP):
    small.write(folder)
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep")
    path = write(folder)
    out = folder / "out"
    result = small.spikewhen("sweep", path, "--out", out, "--threads", 1)
    assert result.exit_code == 0, result.stderr
    return folder, out, result


def test_the_table_names_points_by_their_values(done):
    lines = done[2].stdout.splitlines()
    assert lines[0].split() == ["point", "rule", "E", "at", "the", "end", "seeds", "failed"]
    assert lines[1].startswith("weight 1  local") and lines[2].startswith("weight 2  local")


def test_a_dry_run_writes_nothing_and_says_what_it_costs(tmp_path):
    result = small.spikewhen("sweep", write(tmp_path), "--dry-run", "--out", tmp_path / "out")
    assert (
        "4 of 4 runs to do" in result.stdout and "of memory" in result.stdout and "of disk" in result.stdout
    )
    assert "2 of 2 runs to do: weight 1\n" in result.stdout
    assert small.files(tmp_path) == ["mine.toml", "small.toml"]


def test_a_new_value_or_seed_runs_only_what_is_new(done, tmp_path):
    folder, out, _ = done
    more = folder / "more.toml"
    more.write_text(SWEEP.replace("2.0]", "2.0, 3.0]"))
    found = json.loads(small.spikewhen("sweep", more, "--out", out, "--dry-run", "--json").stdout)
    assert [run["finished"] for run in found["runs"]] == [True] * 4 + [False] * 2
    found = json.loads(
        small.spikewhen("sweep", more, "--seeds", "1-2", "--out", out, "--dry-run", "--json").stdout
    )
    assert [run["finished"] for run in found["runs"]] == [True, False] * 2 + [False] * 2


def test_the_same_command_again_repeats_nothing(done):
    folder, out, before = done
    times = {p.name: p.stat().st_mtime_ns for p in out.glob("*.h5")}
    again = small.spikewhen("sweep", folder / "mine.toml", "--out", out, "--threads", 1)
    assert again.exit_code == 0 and again.stdout == before.stdout
    assert times == {p.name: p.stat().st_mtime_ns for p in out.glob("*.h5")}


def test_the_table_of_the_folder_has_varied_values_as_columns_and_every_score(done):
    result = small.spikewhen("table", done[1])
    rows = rows_of(result.stdout)
    assert "4 runs" in result.stderr and "from 4 sidecars and 0 result files" in result.stderr
    assert {(r["network.weight"], r["seed"]) for r in rows} == {(w, s) for w in ("1.0", "2.0") for s in "01"}
    point = [r for r in rows if r["score"] == "error" and r["network.weight"] == "1.0" and r["seed"] == "0"]
    assert [(r["block"], r["trial"]) for r in point] == [("1", "1"), ("1", "2")]
    assert {r["event"] for r in rows if r["score"] == "p_hat"} == {"A", "B"}
    with sw.open_run(done[1] / f"{point[0]['run_id']}.h5") as run:
        assert [float(r["value"]) for r in point] == run.scores("local")["error"].tolist()
        assert {r["commit"] for r in rows} == {run.software["commit"]}


def test_a_frame_says_the_same_as_the_csv_and_becomes_a_grid(done):
    frame = sw.table(done[1], ["error"])
    assert list(frame.columns[:4]) == ["run_id", "seed", "rule", "network.weight"]
    assert len(frame) == 8 and str(frame["block"].dtype) == "Int64" and frame["value"].notna().all()
    pytest.importorskip("xarray")
    grid = to_xarray(frame)
    assert grid["error"].sizes["network.weight"] == 2 and grid["error"].sizes["seed"] == 2
    with pytest.raises(InputError, match="one run of each setting"):
        to_xarray(frame.drop(columns="network.weight"))


def test_only_some_scores_and_a_wrong_one(done):
    rows = rows_of(small.spikewhen("table", done[1], "--scores", "error").stdout)
    assert {r["score"] for r in rows} == {"error"}
    small.refused(small.spikewhen("table", done[1], "--scores", "eror"), "--scores", "eror")


def test_a_sidecar_of_another_file_is_not_believed(done, tmp_path):
    source = next(done[1].glob("*.h5"))
    copy = tmp_path / source.name
    copy.write_bytes(source.read_bytes())
    text = source.with_suffix(".json").read_text()
    scored_again = json.loads(text)
    scored_again["result"]["checksum"] = "0" * 64
    for wrong in (json.dumps(with_digest(scored_again)), text.replace("[0.", "[9."), text[:-20], "{}"):
        copy.with_suffix(".json").write_text(wrong)
        result = small.spikewhen("table", tmp_path)
        assert "0 sidecars and 1 result files" in result.stderr
        assert {r["rule"] for r in rows_of(result.stdout)} == {"local"}


def test_a_damaged_file_is_a_row_with_its_reason(done, tmp_path):
    for source in done[1].glob("*.h5"):
        (tmp_path / source.name).write_bytes(source.read_bytes())
    (tmp_path / "0123456789abcdef.h5").write_bytes(source.read_bytes()[:5000])
    rows = rows_of(small.spikewhen("table", tmp_path).stdout)
    (bad,) = [r for r in rows if r["score"] == "failed"]
    assert bad["run_id"] == "0123456789abcdef" and "checksum" in bad["note"]


def test_a_failure_is_a_row_with_its_reason_and_the_sweep_goes_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = SWEEP.replace("0-1", "0").replace("network.weight = [1.0, 2.0]", "rules.local.eta = [1e308, 0.1]")
    path = write(tmp_path, text.replace("[grid]", "[set]\nrules.local.epsilon = 1e-300\n[grid]"))
    result = small.spikewhen("sweep", path, "--out", "out", "--threads", 1)
    assert result.exit_code == 2 and "eta 0.1" in result.stdout, result.stderr
    first = result.stdout.splitlines()[1]
    assert first.startswith("eta 1e+308") and first.endswith("0      1")
    assert "local was left out (seed 0)" in result.stderr.splitlines()[-1]
    rows = rows_of(small.spikewhen("table", "out").stdout)
    (bad,) = [r for r in rows if r["score"] == "failed"]
    assert bad["rules.local.eta"] == "1e+308" and bad["seed"] == "0" and bad["note"] and not bad["value"]
    assert {r["rules.local.eta"] for r in rows} == {"1e+308", "0.1"}


def test_python_runs_the_same_sweep(tmp_path):
    small.write(tmp_path)
    found = sw.sweep(
        tmp_path / "small.toml",
        grid={"network.weight": [1.0, 2.0]},
        rules=["local"],
        out=tmp_path / "out",
    )
    assert [p.name for p in found.points] == ["weight 1", "weight 2"] and not found.failures
    assert set(found.table(["error"])["network.weight"]) == {1.0, 2.0}
    assert "weight 2" in repr(found) and "<table>" in found._repr_html_()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("network.weight = [1.0, 2.0]", "network.wieght = [1.0]"), "did you mean weight"),
        (("network.weight = [1.0, 2.0]", "network.weight = [1.0, -2.0]"), "weight -2"),
        (("network.weight = [1.0, 2.0]", "rules.rls.alpha = [1.0]"), "a rule that runs: local"),
        (("[1.0, 2.0]", "[1.0, 1.0]"), "the same runs"),
        (('"local"', '"lokal"'), "lokal"),
        (("small.toml", "none.toml"), "none.toml"),
    ],
)
def test_what_cannot_be_run_is_refused_before_anything_is_written(tmp_path, change, said):
    result = small.spikewhen("sweep", write(tmp_path, SWEEP.replace(*change)), "--out", tmp_path / "out")
    small.refused(result, said)
    assert small.files(tmp_path) == ["mine.toml", "small.toml"]


def test_no_cell_of_the_csv_is_a_formula():
    piece = {"run_id": "a", "seed": 0, "rule": "@x", "condition": "=1+1", "event": "-2", "note": "+3"}
    rows = rows_of(LongTable(["k"], [(1, piece | {"k": "=k"})], 1, 1, 0).csv())
    texts = {"rule": "'@x", "condition": "'=1+1", "event": "'-2", "note": "'+3", "k": "'=k"}
    assert {name: rows[0][name] for name in texts} == texts


def test_an_empty_folder_has_no_table(tmp_path):
    small.refused(small.spikewhen("table", tmp_path), "no result file")
    small.refused(small.spikewhen("table", tmp_path / "none"), "not there")
    small.refused(small.spikewhen("table", tmp_path, "--out", "x.xlsx"), ".csv or .parquet")


def test_what_could_be_computed_again_is_dropped_and_every_score_stays(done, tmp_path):
    folder, out, _ = done
    words = (
        "sweep",
        folder / "mine.toml",
        "--seeds",
        "0",
        "--threads",
        1,
        "--drop",
        "none",
        "--out",
        tmp_path,
    )
    assert small.spikewhen(*words).exit_code == 0
    whole = sorted(tmp_path.glob("*.h5"))
    assert len(whole) == 2
    for path in whole:
        lean = out / path.name
        assert path.stat().st_size > lean.stat().st_size
        before, after = (json.loads(p.with_suffix(".json").read_text())["result"] for p in (path, lean))
        assert before["scores"] == after["scores"] and before["checksum"] != after["checksum"]
        prune(path, PARTS)
        assert path.read_bytes() == lean.read_bytes()


def test_a_dry_run_says_what_will_be_dropped(tmp_path):
    path = write(tmp_path)
    assert "once it is scored: spikes, trials, probes (--drop none keeps" in dry(path)
    assert "dropped" not in dry(path, "--drop", "none")
    assert "scored: trials, probes (" in dry(path, "--drop", "trials,probes,cells")
    asked = write(tmp_path, SWEEP + '[set]\nrecord.spikes = "all"\n')
    assert "once it is scored: trials, probes (" in dry(asked)
    asked = write(tmp_path, SWEEP + "[set]\nrecord.readouts_every_ms = 5.0\n")
    assert "once it is scored: spikes, trials (" in dry(asked)
    small.refused(small.spikewhen("sweep", path, "--drop", "scores"), "--drop", "scores", "spikes, trials")


def dry(*words):
    return small.spikewhen("sweep", *words, "--dry-run").stdout
