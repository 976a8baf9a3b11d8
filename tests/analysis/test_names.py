"""Names in figures: other scripts, dollars, TeX, long ones, many."""

import logging
from itertools import combinations

import pytest
from matplotlib import rcParams
from test_colours import VISIONS, distance
from test_figures import MEET, meet_run

from spikewhen.analysis.figures import FIGURES, draw_all, names
from spikewhen.analysis.figures.collisions import collisions
from spikewhen.analysis.figures.colours import EVENTS, RULES, SPARE, channel_colour
from spikewhen.analysis.figures.names import as_typed, fit, fit_all, fonts_for, lacking, plain
from spikewhen.analysis.figures.sheet import paper
from spikewhen.paradigms.meet import Block


def texts(figure):
    figure.canvas.draw()
    return [t for ax in figure.axes for t in (*ax.texts, *ax.get_yticklabels(), ax.title) if t.get_text()]


def outside(figure):
    """Texts that the edge of the page cuts."""
    figure.canvas.draw()
    renderer, (width, _) = figure.canvas.get_renderer(), figure.bbox.size
    boxes = ((t.get_text(), t.get_window_extent(renderer)) for t in texts(figure))
    return [text for text, box in boxes if box.x0 < 0 or box.x1 > width]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("events", [("$5", "$10"), (r"$\foo$", "B"), (r"\alpha", "_^{"), ("%", "#1 & 2")])
def test_signs_are_drawn_as_they_are_typed(events):
    with paper():
        sheet = FIGURES["trial"].draw([meet_run(events=events)])
        shown = [t.get_text() for t in texts(sheet.figure)]
    assert all(plain(e) in shown for e in events)
    assert {row["series"] for row in sheet.rows} >= {f"z-hat {e}" for e in events}


@pytest.mark.filterwarnings("error")
def test_letters_that_no_font_has_are_told_once_and_stand_by_number(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(names, "_installed", list)
    names._told.clear()
    run = meet_run(events=("音", "光"), cues=("合",))
    with caplog.at_level(logging.WARNING, "spikewhen.analysis.figures.names"):
        written = draw_all(tmp_path, [run], ("png", "pdf", "svg"))
    said = [r.getMessage() for r in caplog.records if r.name.endswith("names")]
    assert len(said) == 1 and all(f"{c} as U+{ord(c):04X}" in said[0] for c in "音光合")
    (svg,) = [p for p in written if p.name == "trial.svg"]
    assert "U+97F3" in svg.read_text() and {p.suffix for p in written} == {".png", ".pdf", ".svg", ".csv"}


def test_an_installed_font_that_has_the_letters_is_used(monkeypatch):
    with paper():
        assert lacking("音 B", rcParams["font.family"]) == "音"
        assert fonts_for(["A", "B"]) == []
    monkeypatch.setattr(names, "_installed", lambda: [("Other", "other.ttf"), ("Has It", "has_it.ttf")])
    known = names._letters
    monkeypatch.setattr(
        names, "_letters", lambda f: frozenset({ord("音")}) if f == "has_it.ttf" else known(f)
    )
    with paper(["音"]):
        assert rcParams["font.family"][-1] == "Has It"


def test_long_names_keep_their_ends_and_stay_apart():
    assert fit("reward", 10) == "reward"
    assert fit("reward after a long delay", 15) == "reward…g delay"
    assert fit("音" * 20, 9) == "音音…音音" and fit("$" * 30, 5) == r"\$\$…\$\$"
    alike = ["the same beginning A the same end", "the same beginning B the same end"]
    found = fit_all(alike, 12)
    assert len(set(found)) == 2 and max(map(len, found)) <= 13
    assert as_typed(fit(plain("$5"), 9)) == "$5"


@pytest.mark.parametrize("name", MEET)
def test_long_names_stay_on_the_page(name):
    run = meet_run(
        events=("reward after a long delay", "no reward at all"), cues=("a tone of a thousand hertz",)
    )
    with paper():
        figure = FIGURES[name].draw([run]).figure
        assert outside(figure) == [] and collisions(figure) == []


SIX = Block(((0.3, 0.2, 0.1, 0.1, 0.1, 0.1),), ((300.0, 400.0, 500.0, 600.0, 700.0, 800.0),))


@pytest.mark.parametrize("vision", VISIONS)
def test_eight_events_are_told_apart_by_every_eye(vision):
    assert len({channel_colour(k) for k in range(8)}) == 8 == len(EVENTS)
    assert min(distance(a, b, vision) for a, b in combinations(EVENTS, 2)) > 12


@pytest.mark.parametrize("vision", VISIONS)
def test_own_labels_are_told_apart_from_each_other_and_from_the_shipped_ones(vision):
    every = {*SPARE, *RULES.values()}
    assert min(distance(a, b, vision) for a, b in combinations(every, 2)) > 12


def test_cues_are_called_by_their_names():
    with paper():
        shown = [t.get_text() for t in texts(FIGURES["schematic"].draw([meet_run(cues=("tone",))]).figure)]
    assert "cue tone, 100 ms" in shown and "tone" in shown
