"""Task and network: trials, the gate with its causal boundary, the network, the blocks."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

from analysis.figures.runs import Group, Runs, Series
from analysis.figures.sheet import DOUBLE_MM, FAINT, INK, MIDDLE, PALE, Sheet, channel_colour
from analysis.targets import bump
from reservoir.errors import InputError
from reservoir.storage import Recording

EXCITATORY = ("RS", "IB", "CH")
INHIBITORY_COLOUR = "#9C3D3D"
N_DOTS, N_LINKS = 70, 60


def _pick(runs: Runs) -> tuple[Group, Series]:
    for group in runs.meet:
        for series in runs.series([group]):
            if "paradigm" in group.config and _gate(group, series):
                return group, series
    raise InputError("rules", "no gate", "at least one rule whose config has a gate")


def _gate(group: Group, series: Series) -> dict:
    return series.runs[0].config["rules"].get(series.label, {}).get("gate") or {}


def caption(recordings: list[Recording]) -> str:
    """Say what the figure shows."""
    group, series = _pick(Runs.of(recordings))
    task = group.config["paradigm"]
    return (
        f"Task and network, with the numbers of run {group.first.run_id}. (a) Trials of the first block "
        f"after cue {task['cues'][0]}: the cue, then one event or none; a probe is the cue alone with "
        "learning off, and the network must produce the expectation z* = p s by itself (filled). Open "
        "events are told to the teacher and not injected. (b) The network: dots are a sample of its "
        "neurons by type, lines a sample of its synapses. (c) What teaches the timing readout of rule "
        f"{series.label} when the first event is delivered: the teacher's s(t) rises before the event "
        "has come (hatched: acausal, the authors' form); the gate G(t) is 1 in the event's window and a "
        "baseline elsewhere after the cue; in the causal variant (dashed) error and gate exist only "
        "from event onset on. (d) Probability and latency of each event over the training trials."
    )


def draw(recordings: list[Recording]) -> Sheet:
    """Draw the figure."""
    group, series = _pick(Runs.of(recordings))
    sheet = Sheet(DOUBLE_MM, 124, [group.first])
    omission = 1 - group.task.probability[0, 0].sum() > 1e-9
    rows = len(group.events) + omission + 1
    _trials(sheet, sheet.axes(24, 9, 66, 44, "a", 21), group, rows, omission)
    _network(sheet, group)
    _teaching(sheet, group, series)
    _blocks(sheet, group)
    return sheet


def _trials(sheet: Sheet, ax: Axes, group: Group, rows: int, omission: bool) -> None:
    task, config = group.task, group.config["paradigm"]
    p, latency, sd = (a[0, 0] for a in (task.probability, task.latency_ms, task.latency_sd_ms))
    injected = config.get("stimulus_drives_reservoir", False)
    time = np.arange(-config["before_ms"], config["after_ms"] + 1.0)
    names = []
    for row in range(rows):
        y = rows - 1 - row
        ax.plot([time[0], time[-1]], [y - 0.3] * 2, color=PALE, lw=0.5, zorder=0)
        sheet.bar(ax, "a", f"cue, row {row + 1}", 0.0, config["cue_ms"], y - 0.06, 0.48, color=INK)
        if row < len(p):
            colour = channel_colour(row)
            sheet.bar(
                ax,
                "a",
                group.events[row],
                latency[row],
                config["event_ms"],
                y - 0.06,
                0.48,
                facecolor=colour if injected else "white",
                edgecolor=colour,
                lw=1,
            )
            jitter = f" ± {sd[row]:g}" if sd[row] > 0 else ""
            after = latency[row] + config["event_ms"] + 15
            right = after > 0.62 * time[-1]
            ax.text(
                latency[row] - 15 if right else after,
                y - 0.06,
                f"{group.events[row]} at {latency[row]:g}{jitter} ms",
                color=colour,
                va="center",
                ha="right" if right else "left",
            )
            names.append(f"training\np = {p[row]:.2g}")
        elif row < rows - 1:
            names.append(f"omission\np = {1 - p.sum():.2g}")
        else:
            for k in range(len(p)):
                curve = p[k] * bump(time, latency[k], config["sigma_ms"])
                sheet.line(
                    ax,
                    "a",
                    f"z* {group.events[k]}",
                    time,
                    y - 0.3 + 0.75 * curve,
                    color=channel_colour(k),
                    lw=0.7,
                )
                ax.fill_between(
                    time, y - 0.3, y - 0.3 + 0.75 * curve, color=channel_colour(k), alpha=0.3, lw=0
                )
            names.append("probe\nlearning off")
    ax.text(50, rows - 0.62, f"cue {config['cue_ms']:g} ms", ha="center", va="bottom", fontsize=6.5)
    low, high = config["interval_min_ms"], config["interval_max_ms"]
    ax.text(
        time[-1],
        rows - 0.62,
        f"then {low:g}–{high:g} ms of silence",
        ha="right",
        va="bottom",
        color=MIDDLE,
        fontsize=6.5,
    )
    ax.set_ylim(-0.5, rows - 0.4)
    ax.set_xlim(time[0], time[-1])
    ax.set_yticks(range(rows), names[::-1])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("time after cue onset (ms)", labelpad=1)


def gate_of(gate: dict, time_ms: np.ndarray, event_ms: float, causal: bool) -> np.ndarray:
    """Return G(t) of the delivered channel, (T,), as a rule's config describes it."""
    after = time_ms >= 0
    if gate["kind"] == "window":
        inside = np.abs(time_ms - event_ms - gate["shift_ms"]) < gate["half_width_ms"]
        level = np.where(inside, 1.0, gate["baseline"]) * after
    else:
        level = 1.0 * (after if gate["kind"] == "epoch" else np.ones_like(after))
    if causal:
        level = level * (time_ms >= event_ms)
    if gate["stop_at_event"]:
        level = level * (time_ms < event_ms)
    if gate["time_constant_ms"] > 0:
        keep, held = np.exp(-(time_ms[1] - time_ms[0]) / gate["time_constant_ms"]), 0.0
        for i, value in enumerate(level):
            level[i] = held = keep * held + (1 - keep) * value
    return level


def _teaching(sheet: Sheet, group: Group, series: Series) -> None:
    gate, config = _gate(group, series), group.config["paradigm"]
    what = group.first.config["rules"][series.label].get("what")
    latency, colour = float(group.task.latency_ms[0, 0, 0]), channel_colour(0)
    time = np.arange(-config["before_ms"], config["after_ms"] + 1.0)
    teacher = bump(time, latency, config["sigma_ms"])
    upper, lower = sheet.axes(24, 71, 66, 18, "c", 21), sheet.axes(24, 92, 66, 20)
    sheet.line(upper, "c", "teacher s", time, teacher, color=colour, lw=1)
    early = time <= latency
    upper.fill_between(
        time[early], 0, teacher[early], facecolor="white", edgecolor=colour, hatch="//////", lw=0
    )
    upper.text(
        latency + 2.6 * config["sigma_ms"],
        0.75,
        f"teacher $s(t)$, σ = {config['sigma_ms']:g} ms",
        color=colour,
    )
    upper.text(latency - 2.4 * config["sigma_ms"], 0.75, "acausal", color=colour, ha="right")
    if isinstance(what, dict):
        start, end = what["window_start_ms"], what["window_end_ms"]
        sheet.bar(upper, "c", "what window", start, end - start, 0.06, 0.12, color=MIDDLE)
        upper.text(start, 0.17, "“what” window", color=MIDDLE, fontsize=6)
    upper.set_ylim(0, 1.15)
    upper.tick_params(labelbottom=False)
    shipped = gate_of(gate, time, latency, gate["causal"])
    sheet.line(lower, "c", "gate G", time, shipped, color=INK, lw=1)
    lower.fill_between(time, 0, shipped, color=FAINT, lw=0, zorder=0)
    if not gate["causal"]:
        other = gate_of(gate, time, latency, True)
        sheet.line(lower, "c", "gate G, causal variant", time, other, color="#AA4499", lw=1, ls=(0, (3, 1.5)))
    if gate["kind"] == "window":
        right = latency + gate["shift_ms"] + gate["half_width_ms"]
        lower.text(right + 15, 0.86, f"window ± {gate['half_width_ms']:g} ms")
        lower.text(right + 15, gate["baseline"] + 0.06, f"baseline $g_0$ = {gate['baseline']:g}")
    if not gate["causal"]:
        lower.text(time[-1], 1.2, "dashed: causal variant", ha="right", color="#AA4499")
    lower.set_ylim(0, 1.45)
    lower.set_yticks([0, 1])
    upper.set_yticks([0, 1])
    for ax in (upper, lower):
        ax.axvline(latency, color=INK, lw=0.7)
        ax.set_xlim(time[0], time[-1])
    upper.text(latency, 1.2, f"event {group.events[0]} delivered", ha="center", va="bottom")
    upper.set_ylabel("teacher")
    lower.set_ylabel("gate $G(t)$")
    lower.set_xlabel("time after cue onset (ms)")


def _network(sheet: Sheet, group: Group) -> None:
    ax = sheet.axes(96, 4, 84, 56, frameon=False)
    sheet.letter("b", 95, 7.5)
    ax.set_xlim(0, 84)
    ax.set_ylim(56, 0)
    ax.set_axis_off()
    ax.set_xticks([])
    ax.set_yticks([])
    r, net = group.first, group.config.get("network", {})
    kind, names = r["/network/cell_type"], list(r.attrs["/network/cell_type"]["names"])
    ax.add_patch(
        FancyBboxPatch((19, 8), 30, 36, "round,pad=0,rounding_size=4", fc="#F7F7F7", ec=MIDDLE, lw=0.6)
    )
    ax.text(19, 6.5, f"reservoir, {kind.size} neurons")
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
                ec=INK if excitatory else INHIBITORY_COLOUR,
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
                fontsize=6.5,
                color=INHIBITORY_COLOUR if inhibitory else INK,
            )
        for n, c in counts:
            if (n not in EXCITATORY) == inhibitory:
                sheet.record("b", f"neurons {n}", np.nan, c)
    _inputs(ax, group, r)
    _outputs(ax, group, net)


def _scatter(rng: np.random.Generator, n: int) -> np.ndarray:
    """Places in the box, none too close to another."""
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
    start, target = r["/network/synapses/indptr"], r["/network/synapses/target"]
    weight, drawn = r["/network/synapses/weight"], 0
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
                    color=MIDDLE if w > 0 else INHIBITORY_COLOUR,
                )
                drawn += 1


def _arrow(ax: Axes, start, end, **style) -> None:
    values = dict(arrowstyle="-|>", mutation_scale=5, lw=0.8, color=INK, shrinkA=0, shrinkB=0)
    ax.add_patch(FancyArrowPatch(start, end, **{**values, **style}))


def _inputs(ax: Axes, group: Group, r: Recording) -> None:
    task = group.config["paradigm"]
    injected = task.get("stimulus_drives_reservoir", False)
    share = (r["/network/encoders/cue"] > 0).mean()
    several = f"{len(task['cues'])} cues" if len(task["cues"]) > 1 else task["cues"][0]
    ax.text(9, 14.5, several, ha="center", fontweight="bold")
    ax.text(
        9, 20, f"to {100 * share:.0f} %\nof neurons", ha="center", va="center", fontsize=6.5, color=MIDDLE
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
        fontsize=6.5,
        color=MIDDLE,
    )


def _outputs(ax: Axes, group: Group, net: dict) -> None:
    def box(y, title, formula, note):
        ax.add_patch(
            FancyBboxPatch((57, y), 19, 12.5, "round,pad=0,rounding_size=1.5", fc="white", ec=INK, lw=0.7)
        )
        ax.text(66.5, y + 3.3, title, ha="center", fontweight="bold")
        ax.text(66.5, y + 7.2, formula, ha="center")
        ax.text(66.5, y + 11.2, note, ha="center", fontsize=6, color=MIDDLE)

    box(8, "when", r"$y_k = w_k \cdot x$", "learns online")
    box(31.5, "what", r"$\hat{p}_k = V_k \cdot m$", "learns offline")
    _arrow(ax, (49, 14.25), (56.8, 14.25))
    _arrow(ax, (49, 37.75), (56.8, 37.75))
    ax.text(53.2, 26, "traces\n$x$", ha="center", va="center", fontsize=6.5)
    ax.add_patch(Circle((72, 26), 2.2, fc="white", ec=INK, lw=0.8))
    ax.text(72, 26.1, "×", ha="center", va="center", fontsize=8)
    _arrow(ax, (72, 20.5), (72, 23.7))
    _arrow(ax, (72, 31.5), (72, 28.3))
    _arrow(ax, (74.2, 26), (78, 26))
    ax.text(81, 26.2, r"$\hat{z}_k$", ha="center", va="center", fontsize=8)
    q = net.get("feedback_pa", 0.0)
    colour = INK if q > 0 else PALE
    ax.plot([66.5, 66.5, 46.5, 46.5], [8, 3, 3, 6], color=colour, lw=0.8, solid_joinstyle="miter")
    _arrow(ax, (46.5, 5), (46.5, 8), color=colour)
    ax.text(
        57,
        2.2,
        f"feedback, Q = {q:g} pA" + ("" if q > 0 else " (open loop)"),
        ha="center",
        fontsize=6.5,
        color=INK if q > 0 else MIDDLE,
    )


def _blocks(sheet: Sheet, group: Group) -> None:
    task, trials = group.task, group.task.trial_block.size
    edges = np.append(task.first_trial, trials)
    upper, lower = sheet.axes(108, 71, 60, 18, "d", 13), sheet.axes(108, 92, 60, 20)
    for ax, name, table in (
        (upper, "probability", task.probability),
        (lower, "latency (ms)", task.latency_ms),
    ):
        labels = []
        for c in range(table.shape[1]):
            for k, event in enumerate(group.events):
                values = np.append(table[:, c, k], table[-1, c, k])
                sheet.line(
                    ax,
                    "d",
                    f"{name} {event}, cue {c + 1}",
                    edges,
                    values,
                    color=channel_colour(k),
                    drawstyle="steps-post",
                    lw=1.1,
                    ls=("-", (0, (3, 1.5)), (0, (1, 1)))[c % 3],
                )
                cue = f", {group.config['paradigm']['cues'][c]}" if table.shape[1] > 1 else ""
                labels.append((float(values[-1]), event + cue, channel_colour(k)))
        for edge in edges[1:-1]:
            ax.axvline(edge, color=PALE, lw=0.5, zorder=0)
        ax.set_xlim(0, trials)
        ax.set_ylabel(name)
        ax.set_ylim(0, 1.05 if table is task.probability else 1.12 * float(np.nanmax(table)))
        sheet.end_labels(ax, labels)
    upper.tick_params(labelbottom=False)
    for b in range(edges.size - 1):
        text = f"block {b + 1}" if edges.size < 7 else f"{b + 1}"
        upper.text((edges[b] + edges[b + 1]) / 2, 1.1, text, ha="center", color=MIDDLE, fontsize=6.5)
    lower.set_xlabel("training trials")
