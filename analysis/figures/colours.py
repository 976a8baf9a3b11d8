"""What every colour means, over all figures: one meaning each, told apart in every colour vision.

Colours that meet in one panel differ by at least 12 CIE76 units for normal, protan and
deutan vision, and all meanings by at least 15 for normal vision. Dashes, marks and labels
at the ends of the lines say the same again.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from matplotlib.colors import LinearSegmentedColormap

INK, MIDDLE, PALE, FAINT = "#222222", "#767676", "#BDBDBD", "#EFEFEF"
"""What was learned by the rule that is studied; references such as chance and ceilings; lines of
orientation; shading."""

EVENTS = ("#0072B2", "#D55E00", "#E69F00", "#56B4E9", "#0000FC", "#600018", "#9CCCA8", "#0C189C")
"""Events, in the order of the config."""

SHADES = ("#002B45", "#5A2600", "#5C3F00", "#0E4A6B", "#000048", "#20000A", "#2C5238", "#04083A")
"""The dark end of each event's scale."""

EVENT_DASHES: tuple[Any, ...] = ("-", (0, (4, 1.2)), (0, (1, 1)))
"""Line styles of the first four events, the next four, and so on."""

DASHED_FROM = 4
"""How many events one line style serves."""

RLS, RLS_NEVER, RLS_RESET = "#0A9E6B", "#00553A", "#7CBF3F"
"""Least squares with its best memory, without forgetting, and reset at every switch."""

MERGED, NAIVE = "#8A6A1C", "#6A3A12"
"""One readout without parts, and a network that begins anew."""

OTHER_P, OBSERVER, PUBLISHED = "#E0609F", "#67115F", "#C03BD0"
"""The network's own timing with another probability, ideal observers, values of the article."""

WHAT, WHEN = "#35307F", "#467923"
"""The two readouts, where they are compared with each other."""

VARIANT = "#8A3FD1"
"""The thing in ink, changed: retuned, refitted, unscaled, causal, fitted."""

INHIBITORY = "#8A1C12"
"""Inhibitory cells; excitatory ones are in ink."""

EXCITATORY = ("RS", "IB", "CH")
"""Types of cells drawn in ink."""

SCALE = "viridis"
"""Colour map of a quantity that has no colour of its own, such as a level of probability."""

RULES = {
    "local": INK,
    "rls": RLS,
    "rls_tuned": RLS,
    "rls_memory_20": RLS,
    "rls_memory_9": RLS,
    "rls_never_reset": RLS_NEVER,
    "rls_reset": RLS_RESET,
    "rls_reset_at_switches": RLS_RESET,
    "local_merged": MERGED,
}
"""Rules by their label; others take the next of `SPARE`."""

SPARE = ("#33658A", "#54D884", "#C9A7D8", "#780CFC", "#5F7F86", "#3C0C78", "#003054")


class Look(NamedTuple):
    """How a line of several figures looks."""

    name: str
    colour: str
    dash: Any


LADDER = {
    "error_equal_p": Look("own y, equal p", OTHER_P, (0, (1, 1))),
    "error_winner": Look("own y, winner takes all", OTHER_P, (0, (3, 1, 1, 1))),
    "error_true_p": Look("own y, true p", OTHER_P, (0, (5, 1.5))),
    "error_counting": Look("counting observer", OBSERVER, (0, (1, 1))),
    "error_change_point": Look("change-point observer", OBSERVER, (0, (4, 1.5))),
}
"""By their score, the predictors beside every error: what simpler or better-informed ones reach."""


def channel_colour(k: int) -> str:
    """Return the colour of event k."""
    return EVENTS[k % len(EVENTS)]


def channel_dash(k: int) -> Any:
    """Return the line style of event k: events that share a colour differ in it."""
    return EVENT_DASHES[k // DASHED_FROM % len(EVENT_DASHES)]


def channel_map(k: int) -> LinearSegmentedColormap:
    """Return a scale from white over the colour of event k to a dark shade of it."""
    shades = ["#FFFFFF", channel_colour(k), SHADES[k % len(SHADES)]]
    return LinearSegmentedColormap.from_list(f"channel{k}", shades)


def cell_colour(cell_type: str) -> str:
    """Return the colour of a type of cells."""
    return INK if cell_type in EXCITATORY else INHIBITORY
