"""Figures as a user wants them: width, fonts, letters, words, settings of Matplotlib."""

import logging
import re

import matplotlib
import numpy as np
import pytest
from drawn import meet_run
from matplotlib.figure import Figure
from matplotlib.text import Text

from spikewhen.analysis.figures import FIGURES, draw_all
from spikewhen.analysis.figures.collisions import collisions
from spikewhen.analysis.figures.fold import fold
from spikewhen.analysis.figures.look import Look
from spikewhen.analysis.figures.runs import Runs
from spikewhen.analysis.figures.sheet import Sheet, paper
from spikewhen.reservoir.errors import InputError


@pytest.fixture(scope="module")
def runs():
    return Runs([meet_run(0, labels=("local", "rls_never_reset"))])


def drawn(name, runs, look):
    """A figure as a look has it."""
    with paper(rc=look.settings):
        sheet = FIGURES[name].draw(runs)
        look.apply(sheet, name)
        sheet.figure.draw_without_rendering()
    return sheet


def said(sheet):
    return {t.get_text() for t in sheet.figure.findobj(Text) if t.get_visible()}


@pytest.mark.parametrize("name", ["schematic", "trial", "learning", "geometry", "calibration"])
def test_in_one_column_text_keeps_its_size_and_meets_no_other(name, runs, caplog):
    wide, narrow = drawn(name, runs, Look()), drawn(name, runs, Look(width_mm=89))
    assert narrow.figure.get_size_inches()[0] * 25.4 == pytest.approx(89)
    with paper():
        assert collisions(narrow.figure) == []
    assert not caplog.records
    sizes = [{t.get_fontsize() for t in s.figure.findobj(Text) if t.get_text()} for s in (wide, narrow)]
    assert sizes[0] == sizes[1] and str(narrow.rows) == str(wide.rows)


def test_panels_stand_below_each_other_in_the_order_of_their_letters(runs):
    def places(sheet):
        return {t.get_text(): t.get_position() for t in sheet.letters}

    wide, narrow = (places(drawn("learning", runs, Look(width_mm=w))) for w in (183, 89))
    assert wide["a"][1] == wide["b"][1] and wide["a"][0] < wide["b"][0]
    assert len({round(x, 3) for x, _ in narrow.values()}) == 1
    assert sorted(narrow, key=lambda letter: -narrow[letter][1]) == sorted(narrow)


def test_axes_that_shared_labels_have_them_in_a_line_of_their_own(runs):
    sheet = drawn("trial", runs, Look(width_mm=89))
    labelled = [ax for ax in sheet.figure.axes if ax.get_ylabel().startswith("prediction")]
    assert len(labelled) == 2


def test_a_wider_sheet_has_wider_panels(runs):
    narrow, wide = (drawn("learning", runs, Look(width_mm=w)) for w in (183, 240))
    widths = [s.figure.axes[0].get_position().width * s.width_mm for s in (narrow, wide)]
    assert widths[1] > 1.2 * widths[0]


def test_what_has_no_room_is_told_in_one_line(caplog):
    sheet = Sheet(183, 40)
    ax = sheet.axes(10, 5, 160, 25)
    ax.text(0.1, 0.5, "a text that needs its room"), ax.text(0.6, 0.5, "and another beside it")
    with caplog.at_level(logging.WARNING):
        Look(width_mm=60).apply(sheet, "mine")
    (record,) = caplog.records
    assert record.getMessage().startswith("figure mine at 60 mm: text meets other text")
    sheet = Sheet(183, 40)
    long = "a label that is much too long for a column of text, and longer"
    sheet.axes(110, 5, 60, 25).set_yticks([0.5], [long])
    with pytest.raises(InputError, match="room beside the text"):
        fold(sheet, 60)


def test_a_figure_with_a_layout_engine_places_its_own_axes():
    figure = Figure((183 / 25.4, 2), layout="constrained")
    figure.subplots(1, 2)
    sheet = Sheet.of(figure)
    Look(width_mm=89).apply(sheet, "plain")
    assert figure.get_size_inches().tolist() == pytest.approx([89 / 25.4, 2])


def test_letters_can_be_left_out(runs):
    assert "b" in said(drawn("learning", runs, Look()))
    assert not {"a", "b"} & said(drawn("learning", runs, Look(letters=False)))


def test_words_take_the_place_of_lines_of_text_and_of_tick_labels(runs):
    words = {"training trials": "essais", "when": "quand", "nowhere": "nulle part"}
    look = Look(words=words)
    found = said(drawn("learning", runs, look)) | said(drawn("geometry", runs, look))
    assert {"essais", "quand"} <= found and not {"training trials", "when"} & found
    assert look.unused() == ["nowhere"]


def test_a_font_is_used_for_text_and_mathematics(runs):
    sheet = drawn("trial", runs, Look(font=("No Such Font", "stixgeneral")))
    with paper(rc=Look(font=("STIXGeneral",)).settings):
        assert {t.get_fontname() for t in sheet.figure.findobj(Text) if t.get_text()} == {"STIXGeneral"}
        assert matplotlib.rcParams["mathtext.it"] == "STIXGeneral:italic"


def test_settings_win_over_the_print_style_and_over_fonts(runs):
    large = drawn("learning", runs, Look(rc={"font.size": "14", "axes.linewidth": 2, "backend": "pdf"}))
    small = drawn("learning", runs, Look())
    pairs = zip(*[[t.get_fontsize() for t in s.letters] for s in (large, small)], strict=True)
    assert all(a == pytest.approx(2 * b) for a, b in pairs)
    assert large.figure.axes[0].spines["left"].get_linewidth() == 2
    both = Look(font=("STIXGeneral",), rc={"font.family": "DejaVu Serif"})
    assert both.settings["font.family"] == ["DejaVu Serif"]


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"width_mm": 20}, ("--width = 20", "60 to 1000 mm")),
        ({"width_mm": float("nan")}, ("--width",)),
        ({"font": ("DejaVu Sanz",)}, ("--font", "DejaVu Sans")),
        ({"rc": {"font.sise": 8}}, ("--rc", "did you mean font.size?")),
        ({"rc": {"font.size": "large-ish"}}, ("--rc font.size", "large-ish")),
        ({"words": {"a": {"b": "c"}}}, ("--words a", "a text")),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(options, parts):
    with pytest.raises(InputError) as error:
        Look(**options)
    assert all(part in str(error.value) for part in parts) and "\n" not in str(error.value)


def test_one_figure_by_its_name_into_a_folder(runs, tmp_path):
    written = draw_all(tmp_path, runs, ("svg",), only=["learning"], out=tmp_path / "here")
    assert [p.relative_to(tmp_path).as_posix() for p in written] == ["here/learning.svg", "here/learning.csv"]
    with pytest.raises(InputError, match="did you mean learning"):
        draw_all(tmp_path, runs, ("svg",), only=["learnin"])
    narrow = draw_all(tmp_path, runs, ("svg",), only=["learning"], look=Look(width_mm=89))[0].read_text()
    width = float(re.search(r'width="([\d.]+)pt"', narrow)[1])
    assert width == pytest.approx(89 / 25.4 * 72, abs=0.1)
    np.testing.assert_equal(written[1].read_text(), (tmp_path / "figures/learning.csv").read_text())


def test_texts_that_would_meet_on_a_narrow_sheet_are_smaller_there_and_alike():
    def keyed(width):
        sheet = Sheet(183, 40)
        ax = sheet.axes(15, 10, 150, 20)
        for x, side in ((0, "left"), (1, "right")):
            ax.text(x, 1.05, "a key of some forty letters or a few less", fontsize=7, ha=side)
        Look(width_mm=width).apply(sheet, "keyed")
        return sheet.figure, {text.get_fontsize() for text in ax.texts}

    assert keyed(150)[1] == {7.0}
    figure, sizes = keyed(89)
    assert len(sizes) == 1 and 5.0 <= sizes.pop() < 7.0
    assert collisions(figure) == []
