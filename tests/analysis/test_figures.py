"""Every figure from a small recording: what it draws, what it says, what it refuses."""

import csv
import io
import logging
import re
import sys
import zlib
from dataclasses import asdict

import numpy as np
import pytest
from drawn import ACTIVITY, TWO_EVENTS, meet_run, put_text, signal_run, target_run
from fontTools.ttLib import TTFont
from lively import local_rule, train
from matplotlib import font_manager, rcParams
from PIL import Image

from spikewhen.analysis.bands import csv_text
from spikewhen.analysis.figures import FIGURES, draw_all, draw_one, render
from spikewhen.analysis.figures.collisions import collisions
from spikewhen.analysis.figures.fonts import TYPESETTING
from spikewhen.analysis.figures.runs import Runs, pretty
from spikewhen.analysis.figures.schematic import gate_of
from spikewhen.analysis.figures.sheet import COLUMNS, paper, spread, write_table
from spikewhen.analysis.score_run import score_run
from spikewhen.paradigms.meet import Block, Meet
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.replay import features
from spikewhen.reservoir.rules.gate import Gate

MEET = list(Meet.figures)
OF_OTHER_TASKS = ("event_times", "sequence", "production", "omission", "local_global")
SHIPPED = {name: module for name, module in FIGURES.items() if name not in OF_OTHER_TASKS}
"""Figures of the made-up runs here; the others are looked at where there are runs of their tasks."""


@pytest.fixture(scope="module")
def everything():
    """Two seeds of three labels, one closed loop, one signal, one task of one's own."""
    labels = ("local", "rls_never_reset", "my_rule")
    runs = [meet_run(0, labels=labels), meet_run(4, labels=labels), meet_run(0, pa=20.0)]
    return Runs([*runs, signal_run(), target_run()])


@pytest.fixture(scope="module")
def sheets(everything):
    with paper():
        return {name: module.draw(everything) for name, module in SHIPPED.items()}


@pytest.mark.parametrize("name", SHIPPED)
def test_no_text_covers_another_or_leaves_the_paper(sheets, name):
    with paper():
        assert collisions(sheets[name].figure) == []


@pytest.mark.parametrize("name", SHIPPED)
def test_the_table_holds_what_the_lines_show(sheets, name, everything, tmp_path):
    sheet = sheets[name]
    written = draw_one(tmp_path, name, FIGURES[name], everything, ())
    assert [p.name for p in written] == [f"{name}.csv"]
    text = written[0].read_text()
    assert text.startswith("# ") and "# Commit: abc123" in text and "# Config hash: " in text
    table = {}
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for row in csv.DictReader(io.StringIO("\n".join(lines))):
        assert tuple(row) == COLUMNS
        key = f"{row['panel']}/{row['series']}/{row['run']}"
        table.setdefault(key, []).append([float(row[c] or "nan") for c in ("x", "y")])
    drawn = [
        (line.get_gid(), line.get_xydata()) for ax in sheet.figure.axes for line in ax.lines if line.get_gid()
    ]
    assert drawn
    for gid, points in drawn:
        # Several lines may share a name: one per block.
        rows = np.array(table[gid])
        where = [
            i
            for i in range(len(rows) - len(points) + 1)
            if np.allclose(rows[i : i + len(points)], points, rtol=1e-8, equal_nan=True)
        ]
        assert where, gid


@pytest.mark.parametrize("form", ["pdf", "png", "svg"])
def test_the_same_file_twice(everything, form, tmp_path):
    one, two = (draw_one(tmp_path / d, "geometry", FIGURES["geometry"], everything, (form,))[0] for d in "ab")
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize("name", ["schematic", "trial", "recalibration"])
def test_pdf_text_is_text_in_embedded_fonts(sheets, name):
    with paper():
        facts = dict(Title=name, Caption="what it shows", Runs="r1", Commit="c1")
        data = render(sheets[name], "pdf", {**facts, "Config hash": "h1"})
        svg = render(sheets[name], "svg", {**facts, "Config hash": "h1"}).decode()
    assert b"/Type3" not in data and b"/FontFile2" in data and b"CreationDate" not in data
    assert b"what it shows" in data and b"Commit: c1" in data
    assert "<text" in svg and "what it shows" in svg and "Commit: c1" in svg and "<dc:date>" not in svg


def test_embedded_fonts_have_outlines_and_widths_and_no_tables_of_typesetting(sheets):
    with paper():
        facts = dict.fromkeys(("Title", "Caption", "Runs", "Commit", "Config hash"), "x")
        data = render(sheets["schematic"], "pdf", facts)
    streams = re.findall(rb"/Length1 \d+.*?stream\r?\n(.*?)\r?\nendstream", data, re.DOTALL)
    fonts = [TTFont(io.BytesIO(zlib.decompress(stream))) for stream in streams]
    assert fonts
    for font in fonts:
        assert {"glyf", "hmtx", "loca", "head"} <= set(font.keys())
        assert not set(TYPESETTING) & set(font.keys())
    whole = TTFont(font_manager.findfont("DejaVu Sans"))
    letters = {
        name: font["glyf"][name] for font in fonts for name in ("a", "e") if name in font["glyf"].keys()
    }
    assert any(glyph == whole["glyf"]["a"] for glyph in letters.values())


def test_the_table_is_what_a_writer_of_csv_writes():
    values = [float("nan"), -0.0, 1 / 3, 1e-12, float("inf"), 123456789012.0]
    names = ['a "word", two', "=1+1", "-", "line\nbreak", "", "plain"]
    rows = [
        dict(zip(COLUMNS, (n, n, "r", v, v, v, v, v), strict=True))
        for n, v in zip(names, values, strict=True)
    ]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        cells = [row[c] for c in COLUMNS]
        writer.writerow(
            [csv_text(c) if isinstance(c, str) else "" if np.isnan(c) else f"{c:.9g}" for c in cells]
        )
    assert write_table(rows, ["head"]) == "# head\n" + out.getvalue()


def test_png_tells_where_it_comes_from(everything, tmp_path):
    path = draw_one(tmp_path, "free_run", FIGURES["free_run"], everything, ("png",))[0]
    with Image.open(path) as image:
        info = image.info
        assert image.width == pytest.approx(183 / 25.4 * 300, abs=1)
    assert info["Runs"] == everything[3].run_id and info["Commit"] == "abc123" and info["Config hash"]
    assert "free run" in info["Caption"] and "Date" not in info


def test_all_figures_of_a_folder(everything, tmp_path, caplog):
    before = dict(rcParams)
    with caplog.at_level(logging.INFO, "spikewhen.analysis"):
        written = draw_all(tmp_path, everything[:2], ("svg",))
    assert dict(rcParams) == before
    assert not [r for r in caplog.records if r.name == "spikewhen.analysis.figures"]
    names = {p.stem for p in written}
    assert names == set(MEET)
    assert {p.name for p in (tmp_path / "figures").iterdir()} == {
        f"{n}.{s}" for n in names for s in ("svg", "csv")
    }
    assert all(p.exists() for p in written)


def test_what_cannot_be_drawn_is_refused_in_one_line(tmp_path):
    one_block = meet_run(blocks=TWO_EVENTS[:1])
    with paper():
        for name in ("recalibration", "calibration", "free_run"):
            with pytest.raises(InputError) as error:
                FIGURES[name].draw([one_block])
            assert "\n" not in str(error.value)
    with pytest.raises(InputError, match="formats"):
        draw_all(tmp_path, [one_block], ("jpeg",))
    with pytest.raises(InputError, match="recordings"):
        draw_all(tmp_path, [], ("png",))


@pytest.mark.filterwarnings("error")
def test_files_that_hold_one_rule_each_are_drawn_together():
    runs = []
    for seed in (0, 4):
        for i, label in enumerate(("local", "local_merged")):
            run = meet_run(seed, labels=(label,), pa=20.0)
            run.attrs["/"]["run_id"] = f"{seed + (i + seed) % 2:016x}"  # the first differs by seed
            runs.append(run)
    for some in (runs, [runs[0], runs[3]], [runs[1], runs[2]]):
        with paper():
            for name in MEET:
                FIGURES[name].draw(Runs(some))
                FIGURES[name].caption(Runs(some))


def test_a_rule_trained_twice_counts_once_and_two_settings_of_it_are_two_lines():
    runs = Runs([meet_run(0, labels=("local", "b")), meet_run(0), meet_run(1)])
    series = {s.label: s.runs for s in runs.series(runs.groups)}
    assert series["local"] == [runs[0], runs[2]] and series["b"] == [runs[0]]
    runs.append(meet_run(2))
    for run, eta in zip(runs, (0.1, 0.1, 0.1, 0.5), strict=True):
        rules = {label: {"eta": eta} for label in run.labels}
        put_text(run, schema.CONFIG, run.config | {"rules": rules})
    again = runs.series(Runs(runs).groups)
    assert sum(s.label == "local" for s in again) == 2 and sum(s.label == "b" for s in again) == 1
    assert {s.name for s in again} == {"local, eta 0.1", "local, eta 0.5", "b"}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("n_blocks", [1, 2])
def test_where_nothing_ever_comes_some_figures_are_skipped(n_blocks, tmp_path, caplog):
    run = meet_run(blocks=tuple(Block(((0.0, 0.0),), ((300.0, 600.0),)) for _ in range(n_blocks)))
    run.arrays = {path: a for path, a in run.arrays.items() if not path.startswith(f"{schema.scores()}/")}
    run.arrays[schema.weights("local", "v")][:] = 0
    run.attrs[schema.spikes("reservoir")]["subset"] = "all"
    with caplog.at_level(logging.INFO, "spikewhen.analysis"):
        names = {p.stem for p in draw_all(tmp_path, [run], ("svg",))}
    reasons = [r.getMessage() for r in caplog.records if r.name == "spikewhen.analysis.figures"]
    assert {"schematic", "trial"} <= names and len(reasons) == len(Meet.figures) - len(names)
    assert any(r.startswith("no figure geometry") for r in reasons)
    assert not any("\n" in r for r in reasons)


def test_a_run_that_learned_nothing_leaves_the_geometry_of_the_others():
    runs = [meet_run(0), meet_run(4)]
    runs[0].arrays[schema.weights("local", "v")][:] = 0
    for name in ACTIVITY:
        del runs[0].arrays[schema.scores("local", name)]
    with paper():
        rows = FIGURES["geometry"].draw(runs).rows
    learned = [row for row in rows if row["series"] == "local: what and when, learned"]
    assert [np.isfinite(float(row["x"])) for row in learned] == [False, True]


def test_the_caption_does_not_say_that_a_rule_reset_at_switches_is_not_told():
    caption = FIGURES["recalibration"].caption([meet_run(labels=("local", "rls_reset_at_switches"))])
    assert "unless it is reset at them" in caption


@pytest.mark.parametrize(
    ("events", "cues", "blocks"),
    [
        ("A", 1, [(((0.7,),), ((500.0,),)), (((0.3,),), ((700.0,),)), (((0.9,),), ((700.0,),))]),
        (
            "ABCD",
            1,
            [
                (((0.4, 0.3, 0.1, 0.1),), ((250.0, 400.0, 600.0, 800.0),)),
                (((0.1, 0.3, 0.1, 0.4),), ((350.0, 500.0, 650.0, 900.0),)),
            ],
        ),
        (
            "AB",
            2,
            [
                (((0.7, 0.1), (0.1, 0.7)), ((300.0, 600.0), (500.0, 750.0))),
                (((0.1, 0.6), (0.6, 0.1)), ((300.0, 600.0), (500.0, 750.0))),
            ],
        ),
    ],
)
def test_other_numbers_of_events_and_cues(events, cues, blocks):
    run = meet_run(events=events, cues=("left", "right")[:cues], blocks=tuple(Block(*b) for b in blocks))
    with paper():
        for name in MEET:
            assert collisions(FIGURES[name].draw([run]).figure) == [], name


def test_the_drawn_gate_is_the_one_that_is_used():
    session = Meet().plan(0, 1.0)
    trial = int(np.flatnonzero(session.trials.event == 0)[0])
    lesson = session.teaching(trial)
    for changes in (
        {},
        {"kind": "epoch"},
        {"shift_ms": 40.0, "time_constant_ms": 30.0},
        {"stop_at_event": True},
    ):
        for causal in (False, True):
            gate = Gate(**changes, causal=causal)
            expected = gate.teach(lesson)[1][:, 0]
            drawn = gate_of(asdict(gate), session.time_ms, lesson.event_time_ms[0], causal)
            np.testing.assert_allclose(drawn, expected, atol=1e-12)


@pytest.mark.parametrize("rise_ms", [0.0, 20.0])
def test_drawn_traces_are_the_features_of_the_run(rise_ms):
    from spikewhen.analysis.figures.trial_view import Shown, traces

    run = train(rules={"local": local_rule()})
    config = {
        "simulation": {"dt_ms": 0.5, "readout_step_ms": 1.0, "settle_ms": 0.0},
        "trace": {"decay_ms": 40.0, "rise_ms": rise_ms, "normalise_ms": 0.0},
        "seeds": {"noise": 0},
        "paradigm": {"before_ms": 10.0, "after_ms": 110.0},
    }
    put_text(run, schema.CONFIG, config)
    t, i = run[schema.readout("local", "time_ms")], 5
    spikes = run[schema.spikes("reservoir", "timestamps")] - run[schema.trial("onset_ms")][i]
    shown = Shown("", 0, 0, 0.0, spikes, run[schema.spikes("reservoir", "node_ids")], *[np.zeros(0)] * 4)
    cells = np.arange(40)
    expected = features(run, "trials", np.array([i]))[0][:, :-1].T * np.sqrt(cells.size)
    np.testing.assert_allclose(
        traces(shown, cells, t, 40.0, rise_ms), expected, rtol=0.05, atol=0.03 * expected.max()
    )


def test_runs_are_grouped_by_all_but_seed_and_rules(everything):
    groups = everything.groups
    assert sorted(len(g.recordings) for g in groups) == [1, 1, 1, 2]
    names = [s.name for s in everything.series(everything.meet)]
    assert names == ["local", "RLS, never reset", "my rule", "local, closed loop"]
    assert len({(s.colour, str(s.dash)) for s in everything.series(everything.meet)}) == 4


def test_stored_scores_come_before_computed_ones():
    run = meet_run()
    computed = score_run(run)["local"]
    np.testing.assert_array_equal(Runs([run]).scores(run, "local")["error"], computed["error"])
    for name, values in computed.items():
        run.arrays[schema.scores("local", name)] = values + (name == "error")
    np.testing.assert_array_equal(Runs([run]).scores(run, "local")["error"], computed["error"] + 1)


def test_captions_are_plain_sentences(everything):
    for name, module in SHIPPED.items():
        text = module.caption(everything)
        assert text.endswith(".") and "\n" not in text and not re.search(r"\s{2}|nan|None", text), name
        text.encode("latin-1")


def test_labels_are_spread_and_stay_in_order():
    at = spread([0.1, 0.11, 0.12, 0.9], 0.1, 0.0)
    assert np.diff(at).min() >= 0.1 - 1e-9
    np.testing.assert_allclose(spread([0.2, 0.8], 0.1, 0.0), [0.2, 0.8])
    assert pretty("rls_reset_at_switches") == "RLS, reset at switches"


OWN_FIGURE = '''
from spikewhen.analysis.figures.sheet import Sheet

def draw(recordings):
    sheet = Sheet(60, 40, recordings)
    sheet.line(sheet.axes(10, 5, 40, 25), "a", "own", [0, 1], [0, 1])
    return sheet

def caption(recordings):
    return "A figure of my own."

def alone(recordings):
    """Drawn by a function."""
    return draw(recordings)

nothing = 3
'''


def test_figures_of_ones_own_are_drawn_and_what_cannot_be_is_named_in_a_short_line(
    tmp_path, caplog, monkeypatch
):
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "my_figs.py").write_text(OWN_FIGURE)
    run = target_run()
    names = ["target", "my_figs", "my_figs:alone"]
    names += ["learnin", "calibration", "my_figs:nothing", "my_fogs:alone"]
    run.attrs[schema.block()]["figures"] = names
    with caplog.at_level(logging.INFO, "spikewhen.analysis"):
        written = draw_all(tmp_path / "results", [run], ("svg",))
    assert {p.name for p in written if p.suffix == ".svg"} == {"target.svg", "my_figs.svg", "alone.svg"}
    text = (tmp_path / "results/figures/alone.csv").read_text()
    assert text.startswith("# Drawn by a function.") and "a,own" in text
    reasons = [r.getMessage() for r in caplog.records if r.name == "spikewhen.analysis.figures"]
    assert [r.split(":")[0] for r in reasons] == [f"no figure {n.split(':')[0]}" for n in names[3:]]
    assert "did you mean learning" in reasons[0] and "no module my_fogs" in reasons[3]
    assert all(len(r) < 250 and "\n" not in r for r in reasons)
    del sys.modules["my_figs"]


@pytest.mark.parametrize(
    ("figures", "complaint"), [([], "declares figures"), (["calibration"], "declared figure")]
)
def test_a_folder_without_any_figure_is_refused(tmp_path, figures, complaint):
    run = target_run()
    run.attrs[schema.block()]["figures"] = figures
    with pytest.raises(InputError, match=complaint):
        draw_all(tmp_path, [run], ("svg",))


def test_published_ratios_stand_only_beside_the_task_that_they_are_of():
    there, other = meet_run(), meet_run(blocks=(Block(((0.8, 0.2),), ((300.0, 700.0),)),))
    with paper():
        series = [{row["series"] for row in FIGURES["learning"].draw([r]).rows} for r in (there, other)]
    assert "published" in series[0] and "published" not in series[1]
