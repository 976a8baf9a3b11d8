"""One meaning per colour over all figures, and colours that everybody can tell apart."""

import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from spikewhen.analysis.figures import colours
from spikewhen.analysis.figures.colours import EVENTS, RULES, SPARE, channel_colour, channel_dash

ROOT = Path(__file__).resolve().parents[2]
VISIONS = {
    "normal": np.eye(3),
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
}
"""Machado, Oliveira & Fernandes 2009, severity 1, in linear RGB."""

NAMES = (
    "INK MIDDLE RLS RLS_NEVER RLS_RESET MERGED NAIVE OTHER_P OBSERVER PUBLISHED WHAT WHEN VARIANT INHIBITORY"
).split()
TOGETHER = (
    "INK MIDDLE OTHER_P OBSERVER PUBLISHED RLS RLS_NEVER RLS_RESET MERGED",
    "INK MIDDLE RLS RLS_NEVER RLS_RESET NAIVE OBSERVER",
    "INK MIDDLE VARIANT OBSERVER",
    "INK MIDDLE WHAT WHEN VARIANT",
    "INK MIDDLE MERGED VARIANT OTHER_P",
    "INK MIDDLE INHIBITORY VARIANT",
)
"""Meanings that meet in one panel."""


def lab(colour, vision="normal"):
    """CIE L*a*b* (D65) of a colour as one kind of eye sees it."""
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.array(VISIONS[vision]) @ linear, 0, 1)
    to_xyz = [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.119192, 0.9503041],
    ]
    xyz = np.array(to_xyz) @ linear / [0.95047, 1, 1.08883]
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def distance(a, b, vision="normal"):
    """CIE76."""
    return float(np.linalg.norm(lab(a, vision) - lab(b, vision)))


def test_every_meaning_has_a_colour_of_its_own():
    every = {name: getattr(colours, name) for name in NAMES}
    every |= {f"event {k}": colour for k, colour in enumerate(EVENTS)}
    near = [(a, b) for a, b in combinations(every, 2) if distance(every[a], every[b]) < 15]
    assert near == []
    assert not set(SPARE) & {*every.values(), *RULES.values()} and len(set(SPARE)) == len(SPARE)


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("group", TOGETHER)
def test_what_meets_in_a_panel_is_told_apart_by_every_eye(group, vision):
    found = {name: getattr(colours, name) for name in group.split()}
    near = [(a, b) for a, b in combinations(found, 2) if distance(found[a], found[b], vision) < 12]
    assert near == []


def test_events_beyond_the_fourth_differ_in_their_line():
    looks = [(channel_colour(k), channel_dash(k)) for k in range(12)]
    assert len(set(looks)) == 12


def test_no_figure_names_a_colour_by_itself():
    files = [*ROOT.glob("analysis/figures/*.py"), *ROOT.glob("examples/*/figures/*.py")]
    assert len(files) > 15
    own = [p.name for p in files if p.name != "colours.py" and re.search(r"#[0-9A-Fa-f]{6}\b", p.read_text())]
    assert own == []
