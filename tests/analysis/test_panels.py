"""Panels of the shipped figures on anybody's axes, and names as people write them."""

import re
import types

import numpy as np
import pytest
from drawn import ACTIVITY, TWO_EVENTS, meet_run, signal_run
from matplotlib import rc_context, rcParams
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from spikewhen.analysis.figures import (
    FIGURES,
    calibration,
    draw_one,
    free_run,
    geometry,
    learning,
    recalibration,
    schematic,
    trial,
)
from spikewhen.analysis.figures.names import as_typed, plain
from spikewhen.analysis.figures.runs import Runs
from spikewhen.analysis.figures.sheet import Drawing, paper
from spikewhen.paradigms.meet import Block
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema

LEVELS = (*TWO_EVENTS, Block(((0.5, 0.1),), ((300.0, 600.0),)))


@pytest.fixture(scope="module")
def run():
    return meet_run(0, blocks=LEVELS, labels=("local", "rls_never_reset"))


@pytest.fixture
def axes():
    figure = Figure((4, 3))
    FigureCanvasAgg(figure)
    return figure.subplots(2)


PANELS = {
    "trial": lambda a, b, r: trial.panel(a, r),
    **{f"trial {row}": lambda a, b, r, row=row: trial.panel(a, r, row=row) for row in trial.ROWS},
    "training": lambda a, b, r: trial.panel(a, r, moment="training", row="timing"),
    "learning": lambda a, b, r: learning.panel(a, r, "rls_never_reset"),
    "learning, block 2": lambda a, b, r: learning.panel(a, r, block=1),
    "relative": lambda a, b, r: learning.relative_panel(a, r),
    "calibration": lambda a, b, r: calibration.panel(a, r),
    "calibration of y": lambda a, b, r: calibration.panel(a, r, "local", "amplitude_y"),
    "map": lambda a, b, r: recalibration.map_panel(a, r, event=1),
    "errors": lambda a, b, r: recalibration.error_panel(a, r),
    "angles": lambda a, b, r: geometry.angles_panel(a, r),
    "overlap": lambda a, b, r: geometry.overlap_panel(a, r, ["local"]),
    "loss": lambda a, b, r: geometry.loss_panel(a, r),
    "trials": lambda a, b, r: schematic.trials_panel(a, r),
    "teaching": schematic.teaching_panel,
    "blocks": schematic.blocks_panel,
}


@pytest.mark.parametrize("name", PANELS)
def test_a_panel_draws_on_given_axes_and_returns_what_it_drew(name, run, axes):
    before = dict(rcParams)
    drawing = PANELS[name](*axes, run)
    assert isinstance(drawing, Drawing) and drawing.rows and drawing.artists
    assert all(artist.axes in list(axes) for artist in drawing.artists)
    axes[0].figure.canvas.draw()
    assert dict(rcParams) == before


@pytest.mark.parametrize("part", ["switch", "end"])
def test_a_free_run_is_drawn_on_given_axes(part, axes):
    drawing = free_run.panel(axes[0], signal_run(), part=part)
    assert {row["series"] for row in drawing.rows} >= {"output", "target"}


def test_a_panel_follows_the_settings_of_its_figure(run, axes):
    small = learning.panel(axes[0], run)
    with rc_context({"font.size": 21, "lines.linewidth": 4.5}):
        large = learning.panel(axes[1], run)

    def sizes(drawing):
        return [t.get_fontsize() for t in drawing.artists if isinstance(t, Text)]

    np.testing.assert_allclose(np.array(sizes(large)) / sizes(small), 21 / rcParams["font.size"])
    widths = [line.get_linewidth() for line in large.artists if hasattr(line, "get_linestyle")]
    assert max(widths) == pytest.approx(1.6 * 4.5)


def test_the_sheet_draws_the_panel(run, axes):
    sheet = learning.draw([run])
    mine = learning.panel(axes[0], run)
    wanted = [row | {"panel": ""} for row in sheet.rows if row["panel"] == "a"]
    assert str(mine.rows) == str(wanted)


@pytest.mark.parametrize(
    ("call", "where"),
    [
        (lambda a, r: trial.panel(a, r, row="nothing"), "row"),
        (lambda a, r: trial.panel(a, r, moment="never"), "moment"),
        (lambda a, r: trial.panel(a, r, "other"), "label"),
        (lambda a, r: learning.panel(a, r, "other"), "label"),
        (lambda a, r: calibration.panel(a, r, quantity="other"), "quantity"),
        (lambda a, r: recalibration.map_panel(a, r, event=2), "event"),
        (lambda a, r: geometry.loss_panel(a, r, ["other"]), "labels"),
        (lambda a, r: free_run.panel(a, r), "recordings"),
        (lambda a, r: free_run.panel(a, r, part="middle"), "part"),
    ],
)
def test_what_a_panel_cannot_show_is_refused_in_one_line(call, where, run, axes):
    with pytest.raises(InputError) as error:
        call(axes[0], run)
    assert error.value.where == where and "\n" not in str(error.value)


def test_dollars_begin_no_mathematics_and_stay_in_the_table(tmp_path):
    names = ("$5", r"$\foo$")
    run = meet_run(events=names, cues=("a $ b",), labels=("local",))
    for name in ("schematic", "trial", "recalibration", "learning"):
        svg, table = draw_one(tmp_path, name, FIGURES[name], Runs([run]), ("svg",))
        text = re.sub(r"<!--.*?-->", "", svg.read_text(), flags=re.S)  # without the sources of formulas
        assert r"\$" not in text and "hat{p}" not in text, name
        if name != "learning":
            assert "$5" in text and r"$\foo$" in text, name
            assert "$5" in table.read_text() and r"\$" not in table.read_text(), name
    assert as_typed(plain(r"a\$b $$")) == r"a\$b $$"


def test_names_of_events_come_from_the_file_before_the_config():
    run = meet_run(cues=("tone",))
    assert Runs.of(run).groups[0].events == ["A", "B"]
    run.attrs[schema.block()] = {"events": ["juice", "water"]}
    assert Runs.of(run).groups[0].events == ["juice", "water"]
    with paper():
        labels = {t.get_text() for t in trial.draw(run).figure.findobj(Text)}
    assert {"tone", "juice", "water"} <= labels


def test_scores_are_read_once_however_many_points_a_curve_has(monkeypatch, run):
    read, calls = schema.read_scores, []
    monkeypatch.setattr(schema, "read_scores", lambda *a: calls.append(a) or read(*a))
    with paper():
        learning.draw(Runs([run]))
    assert len(calls) == 2 and len(ACTIVITY) > 0


def test_a_figure_of_matplotlib_alone_is_written_too(tmp_path):
    module = types.SimpleNamespace(draw=lambda runs: drawn, caption=lambda runs: "A line.")
    drawn = Figure(figsize=(2, 1))
    drawn.subplots().plot([0, 1])
    files = draw_one(tmp_path, "plain", module, [meet_run()], ("png", "pdf"))
    assert [f.name for f in files] == ["plain.png", "plain.pdf", "plain.csv"]
    assert files[0].stat().st_size > 1000
    module.draw = lambda runs: None
    with pytest.raises(InputError, match="a Sheet or a Matplotlib figure"):
        draw_one(tmp_path, "plain", module, [meet_run()], ("png",))
