"""The figures of the study, from a report with made-up numbers: what they draw, say and refuse."""

import csv
import io
import json
import logging
import re
from dataclasses import asdict, replace

import numpy as np
import pytest
from drawn import meet_run, put_text
from made_up_report import report
from matplotlib.text import Text
from small import spikewhen
from synthetic import record

from spikewhen.analysis.bands import Band, jsonable
from spikewhen.analysis.figures import draw_one
from spikewhen.analysis.figures.collisions import collisions
from spikewhen.analysis.figures.marks import offsets
from spikewhen.analysis.figures.sheet import COLUMNS, paper
from spikewhen.analysis.score_run import score_run
from spikewhen.examples.yamada_chao_2026.study import STUDY
from spikewhen.experiments.digest import with_digest
from spikewhen.experiments.study import FOUND
from spikewhen.experiments.study.result import StudyResult
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.recording import Recording

FIGURES = {name: STUDY.figure(name) for name in STUDY.figures}
OF_RUNS = ("figure_1_task", "figure_2_trial")
OF_SERIES = tuple(name for name in FIGURES if name not in OF_RUNS)


class WithRun(StudyResult):
    """A report whose folder holds one run, without training trials."""

    def run(self, protocol):
        run = meet_run()
        run.arrays = {path: a for path, a in run.arrays.items() if "trials/y" not in path}
        return run


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    return WithRun(report(5), tmp_path_factory.mktemp("claims"))


@pytest.fixture(scope="module")
def sheets(made_up):
    with paper():
        return {name: module.draw(made_up) for name, module in FIGURES.items()}


@pytest.mark.parametrize("name", FIGURES)
def test_no_text_covers_another_or_leaves_the_paper(sheets, name):
    with paper():
        assert collisions(sheets[name].figure) == []


@pytest.mark.parametrize("name", FIGURES)
def test_the_table_holds_what_the_lines_show(sheets, made_up, name, tmp_path):
    origin = made_up.provenance(FIGURES[name].CLAIMS)
    (path,) = draw_one(tmp_path, name, FIGURES[name], made_up, (), origin)
    text = path.read_text()
    assert "# Runs: " in text and "# Commit: abc123" in text and "# Config hash: " in text
    table = {}
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for row in csv.DictReader(io.StringIO("\n".join(lines))):
        assert tuple(row) == COLUMNS
        key = f"{row['panel']}/{row['series']}/{row['run']}"
        table.setdefault(key, []).append([float(row[c] or "nan") for c in ("x", "y")])
    drawn = [
        (x.get_gid(), x.get_xydata()) for ax in sheets[name].figure.axes for x in ax.lines if x.get_gid()
    ]
    assert drawn
    for gid, points in drawn:
        rows = np.array(table[gid])
        where = [
            i
            for i in range(len(rows) - len(points) + 1)
            if np.allclose(rows[i : i + len(points)], points, rtol=1e-8, equal_nan=True)
        ]
        assert where, gid


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("n", [1, 3])
def test_few_seeds_are_drawn_as_far_as_they_go(n, tmp_path):
    few = StudyResult(report(n), tmp_path)
    with paper():
        for name in OF_SERIES:
            assert collisions(FIGURES[name].draw(few).figure) == [], name
            assert f"n = {n} seed" in FIGURES[name].caption(few)


def test_every_mean_lies_within_its_interval_and_every_seed_is_drawn(sheets, made_up):
    rows = sheets["figure_3_learning"].rows
    mine = [r for r in rows if r["panel"] == "c" and r["series"] == "learned"]
    (mean,) = [r for r in mine if r["run"] == "mean"]
    curves = made_up.series("C1")["curves"]["error"]
    assert mean["x"] == curves["mean"][-1] and mean["low"] <= mean["x"] <= mean["high"]
    assert sorted(r["x"] for r in mine if r["run"] == "seeds") == sorted(s[-1] for s in curves["seeds"])


def test_differences_are_paired_by_seed(sheets, made_up):
    errors = made_up.series("C5")["switches"]["error"]
    trial = made_up.series("C5")["switches"]["trial"].index(20)
    a, b = (Band.from_json(errors[k]).seeds[:, 1, trial] for k in ("local", "rls_tuned"))
    rows = [
        r
        for r in sheets["figure_5_switches"].rows
        if r["panel"] == "b" and r["series"] == "local − RLS, best memory, block 2"
    ]
    (mean,) = [r for r in rows if r["run"] == "mean" and r["y"] == pytest.approx((a - b).mean(), abs=1e-12)]
    assert mean["low"] < mean["y"] < mean["high"]
    drawn = [r["y"] for r in rows if r["run"] == "seeds"]
    assert np.all(np.isin(np.round(a - b, 12), np.round(drawn, 12)))


def test_seeds_that_never_get_there_are_counted(made_up, sheets):
    needed = made_up.series("C4")["trials_needed"]["timing"]
    rows = [r for r in sheets["figure_5_switches"].rows if r["series"] == "timing: never"]
    assert [r["y"] for r in rows] == [needed.count("inf")]


def test_captions_are_plain_sentences(made_up):
    for name, module in FIGURES.items():
        text = module.caption(made_up)
        assert text.endswith(".") and "\n" not in text and not re.search(r"\s{2}|nan|None|\{", text), name
        text.encode("latin-1")


def test_the_same_file_twice(made_up, tmp_path):
    module = FIGURES["figure_7_geometry"]
    one, two = (draw_one(tmp_path / d, "figure_7_geometry", module, made_up, ("pdf",))[0] for d in "ab")
    assert one.read_bytes() == two.read_bytes()


def test_what_was_not_run_is_left_out_and_named(tmp_path, caplog):
    table = report(2)
    table["claims"] = [entry for entry in table["claims"] if entry["id"] in ("C1", "C6")]
    (tmp_path / FOUND).write_text(json.dumps(with_digest(table)))
    with caplog.at_level(logging.WARNING, "spikewhen.experiments"):
        written = StudyResult.read(tmp_path).draw(("svg",))
    assert {p.stem for p in written} == {"figure_3_learning", "figure_7_geometry"}
    reasons = [r.getMessage() for r in caplog.records if r.name == "spikewhen.experiments.study.result"]
    assert len(reasons) == len(FIGURES) - 2 and not any("\n" in r for r in reasons)
    assert any("spikewhen claims C2" in r for r in reasons)
    assert any("no run of the protocol switches" in r for r in reasons)


def test_a_panel_that_was_not_run_is_named_in_its_place(tmp_path):
    table = report(2)
    table["claims"] = [entry for entry in table["claims"] if entry["id"] in ("C2", "C8")]
    with paper():
        for name, needs in (
            ("figure_4_calibration", {"V"}),
            ("figure_8_mechanism", {"C8N", "C9"}),
        ):
            figure = FIGURES[name].draw(StudyResult(table, tmp_path)).figure
            assert collisions(figure) == []
            said = {t.get_text().removeprefix("needs: spikewhen claims ") for t in figure.findobj(Text)}
            assert needs <= said


def test_the_command_draws_a_folder_of_claims(tmp_path):
    (tmp_path / FOUND).write_text(json.dumps(with_digest(report(2))))
    done = spikewhen("figures", tmp_path, "--format", "svg")
    assert done.exit_code == 0, done.stderr
    assert {p.name for p in (tmp_path / "figures").iterdir()} == {
        f"{name}.{s}" for name in OF_SERIES for s in ("svg", "csv")
    }


def test_a_file_of_an_earlier_version_is_refused_in_one_line(tmp_path):
    (tmp_path / FOUND).write_text(json.dumps(report(2) | {"version": 1}))
    with pytest.raises(InputError, match=r"version 1.*run the study again"):
        StudyResult.read(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", '{"claims": 3}'])
def test_another_file_of_that_name_is_refused_in_one_line(text, tmp_path):
    (tmp_path / FOUND).write_text(text)
    with pytest.raises(InputError, match=r"claims\.json = .*a file that spikewhen study wrote"):
        StudyResult.read(tmp_path)


def test_undefined_and_never_are_read():
    band = Band.from_json(
        {"mean": [1, None], "low": [0, None], "high": [2, "inf"], "seeds": [[1, None], ["inf", 2]]}
    )
    assert np.isnan(band.mean[1]) and band.high[1] == np.inf
    assert band[1].seeds.tolist()[1] == 2 and np.isnan(band[1].seeds[0])


def test_dots_are_spread_without_chance():
    values = np.linspace(0, 1, 20)
    assert np.array_equal(offsets(values), offsets(values)) and np.ptp(offsets(values)) > 1.5
    assert np.abs(offsets(values)).max() <= 1 and np.abs(np.diff(offsets(values))).min() > 0.3


def measured(claim):
    """What a claim measures of recordings of networks that need no simulation, two seeds of each protocol."""
    out = {}
    for protocol in claim.protocols:
        experiment = protocol.experiment()
        spec = replace(experiment.paradigm, probe_repeats=1)
        out[protocol.name] = {}
        for seed in range(2):
            session, whole = spec.plan(seed, 1.0), Recording()
            for label, rule in experiment.rules.items():
                if label not in ("local", "surprise"):  # the claims tested here measure no other
                    continue
                part = record(spec, session, seed=seed, noise=0.05, factored=rule.factored, label=label)
                whole.arrays |= part.arrays
                whole.attrs |= part.attrs
            put_text(
                whole, schema.CONFIG, {"paradigm": asdict(spec), "rules": {k: {} for k in experiment.rules}}
            )
            for label, found in score_run(whole).items():
                found["error_ridge"] = 0.5 * found["error"]
                whole.arrays |= {schema.scores(label, name): a for name, a in found.items()}
            out[protocol.name][seed] = claim.measure(protocol.name, whole)
    return out


def shape(entry):
    """Keys of nested tables down to lists and numbers."""
    return {k: shape(v) for k, v in entry.items()} if isinstance(entry, dict) else None


@pytest.mark.parametrize("name", ["C1", "C2", "C4"])
def test_made_up_series_have_the_form_of_real_ones(name, made_up):
    (claim,) = STUDY.choose([name])
    real = json.loads(json.dumps(jsonable(claim.judge(measured(claim)).series)))
    assert shape(real) == shape(json.loads(json.dumps(made_up.series(name))))
    table = report(2)
    for entry in table["claims"]:
        if entry["id"] == name:
            entry["series"] = real
    with paper():
        for module in FIGURES.values():
            if name in module.CLAIMS and module.__name__.split(".")[-1] not in ("task", "single"):
                module.draw(StudyResult(table, "nowhere"))
