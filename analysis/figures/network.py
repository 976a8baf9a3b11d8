"""The network of the schematic: inputs, a sample of cells and synapses, readouts, feedback."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

from spikewhen.analysis.figures.colours import EXCITATORY, FAINT, INHIBITORY, INK, MIDDLE, PALE
from spikewhen.analysis.figures.names import fit
from spikewhen.analysis.figures.runs import Group
from spikewhen.analysis.figures.sheet import Sheet, points
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.recording import Recording

N_DOTS, N_LINKS = 70, 60


def draw_network(sheet: Sheet, group: Group) -> None:
    """Draw the network of a group's first run as panel b."""
    ax = sheet.axes(96, 4, 84, 56, frameon=False)
    sheet.letter("b", 95, 7.5)
    ax.set_xlim(0, 84)
    ax.set_ylim(56, 0)
    ax.set_axis_off()
    ax.set_xticks([])
    ax.set_yticks([])
    r, net = group.first, group.config.get("network", {})
    kind, names = r[schema.CELL_TYPE], list(r.attrs[schema.CELL_TYPE]["names"])
    ax.add_patch(
        FancyBboxPatch((19, 8), 30, 36, "round,pad=0,rounding_size=4", fc=FAINT, alpha=0.5, ec=MIDDLE, lw=0.6)
    )
    ax.text(19, 6.5, f"reservoir, {kind.size} cells")
    rng = np.random.default_rng(1)
    shown = np.sort(rng.choice(kind.size, min(N_DOTS, kind.size), replace=False))
    place = _scatter(rng, shown.size)
    _links(ax, r, shown, place)
    for neuron, (x, y) in zip(shown, place, strict=True):
        excitatory = names[kind[neuron]] in EXCITATORY
        ax.add_patch(
            Circle(
                (x, y),
                0.75,
                fc=INK if excitatory else "white",
                ec=INK if excitatory else INHIBITORY,
                lw=0.7,
                zorder=3,
            )
        )
    counts = [(n, int((kind == i).sum())) for i, n in enumerate(names)]
    for j, inhibitory in enumerate((False, True)):
        text = ", ".join(f"{n} {c}" for n, c in counts if (n not in EXCITATORY) == inhibitory)
        if text:
            ax.text(
                34,
                47.3 + 3.2 * j,
                f"{'○ I' if inhibitory else '● E'}: {text}",
                ha="center",
                fontsize=points(6.5),
                color=INHIBITORY if inhibitory else INK,
            )
        for n, c in counts:
            if (n not in EXCITATORY) == inhibitory:
                sheet.record("b", f"neurons {n}", np.nan, c)
    _inputs(ax, group, r)
    _outputs(ax, group, net)


def _scatter(rng: np.random.Generator, n: int) -> np.ndarray:
    """Return n places (n, 2) in the box, none too close to another."""
    places: list[np.ndarray] = []
    distance = 2.9
    while len(places) < n:
        new = rng.uniform((21, 10), (47, 42))
        if all(np.hypot(*(new - p)) > distance for p in places):
            places.append(new)
        else:
            distance *= 0.9995
    return np.array(places)


def _links(ax: Axes, r: Recording, shown: np.ndarray, place: np.ndarray) -> None:
    start, target = r[schema.synapses("indptr")], r[schema.synapses("target")]
    weight, drawn = r[schema.synapses("weight")], 0
    # Every third dot first, so that all types send some.
    for i in np.argsort(np.arange(shown.size) % 3, kind="stable"):
        neuron = shown[i]
        mine = slice(start[neuron], start[neuron + 1])
        for other, w in zip(target[mine], weight[mine], strict=True):
            j = np.flatnonzero(shown == other)
            if j.size and drawn < N_LINKS:
                ax.plot(
                    *zip(place[i], place[j[0]], strict=True),
                    lw=0.35,
                    alpha=0.6,
                    zorder=1,
                    color=MIDDLE if w > 0 else INHIBITORY,
                )
                drawn += 1


def _arrow(ax: Axes, start, end, **style) -> None:
    values = dict(arrowstyle="-|>", mutation_scale=5, lw=0.8, color=INK, shrinkA=0, shrinkB=0)
    ax.add_patch(FancyArrowPatch(start, end, **{**values, **style}))


def _inputs(ax: Axes, group: Group, r: Recording) -> None:
    task = group.config["paradigm"]
    injected = task.get("stimulus_drives_reservoir", False)
    share = (r[schema.encoder("cue")] > 0).mean()
    several = f"{len(group.cues)} cues" if len(group.cues) > 1 else fit(group.cues[0], 11)
    ax.text(9, 14.5, several, ha="center", fontweight="bold")
    ax.text(
        9,
        20,
        f"to {100 * share:.0f} %\nof neurons",
        ha="center",
        va="center",
        fontsize=points(6.5),
        color=MIDDLE,
    )
    _arrow(ax, (2, 16), (18.5, 16))
    ax.text(9, 30.5, "events", ha="center", fontweight="bold", color=INK if injected else MIDDLE)
    _arrow(ax, (2, 32), (18.5, 32), color=INK if injected else MIDDLE, ls="-" if injected else (0, (2, 1.5)))
    ax.text(
        9,
        36,
        "injected" if injected else "teach only,\nnot injected",
        ha="center",
        va="center",
        fontsize=points(6.5),
        color=MIDDLE,
    )


def _outputs(ax: Axes, group: Group, net: dict) -> None:
    def box(y, title, formula, note):
        ax.add_patch(
            FancyBboxPatch((57, y), 19, 12.5, "round,pad=0,rounding_size=1.5", fc="white", ec=INK, lw=0.7)
        )
        ax.text(66.5, y + 3.3, title, ha="center", fontweight="bold")
        ax.text(66.5, y + 7.2, formula, ha="center")
        ax.text(66.5, y + 11.2, note, ha="center", fontsize=points(6), color=MIDDLE)

    box(8, "when", r"$y_k = w_k \cdot x$", "learns online")
    box(31.5, "what", r"$\hat{p}_k = V_k \cdot m$", "learns offline")
    _arrow(ax, (49, 14.25), (56.8, 14.25))
    _arrow(ax, (49, 37.75), (56.8, 37.75))
    ax.text(53.2, 26, "traces\n$x$", ha="center", va="center", fontsize=points(6.5))
    ax.add_patch(Circle((72, 26), 2.2, fc="white", ec=INK, lw=0.8))
    ax.text(72, 26.1, "×", ha="center", va="center", fontsize=points(8))
    _arrow(ax, (72, 20.5), (72, 23.7))
    _arrow(ax, (72, 31.5), (72, 28.3))
    _arrow(ax, (74.2, 26), (78, 26))
    ax.text(81, 26.2, r"$\hat{z}_k$", ha="center", va="center", fontsize=points(8))
    q = net.get("feedback_pa", 0.0)
    colour = INK if q > 0 else PALE
    ax.plot([66.5, 66.5, 46.5, 46.5], [8, 3, 3, 6], color=colour, lw=0.8, solid_joinstyle="miter")
    _arrow(ax, (46.5, 5), (46.5, 8), color=colour)
    ax.text(
        57,
        2.2,
        f"feedback, Q = {q:g} pA" + ("" if q > 0 else " (open loop)"),
        ha="center",
        fontsize=points(6.5),
        color=INK if q > 0 else MIDDLE,
    )
