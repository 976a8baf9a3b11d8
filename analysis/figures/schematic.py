"""Task and network: trials, the gate with its causal boundary, the network, the blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from spikewhen.analysis.figures.colours import FAINT, INK, MIDDLE, PALE, VARIANT, channel_colour
from spikewhen.analysis.figures.names import fit, fit_all
from spikewhen.analysis.figures.network import draw_network
from spikewhen.analysis.figures.runs import Group, Runs, Series, Source
from spikewhen.analysis.figures.sheet import DOUBLE_MM, Drawing, Sheet, points
from spikewhen.analysis.targets import bump, marginal_target
from spikewhen.reservoir.errors import InputError

MOST_LABELS = 6
"""Labels that fit beside a panel of the blocks."""


def _pick(runs: Runs) -> tuple[Group, Series]:
    for group in runs.meet:
        for series in runs.series([group]):
            if "paradigm" in group.config and _gate(group, series):
                return group, series
    raise InputError("rules", "no gate", "at least one rule whose config has a gate")


def _gate(group: Group, series: Series) -> dict:
    return series.runs[0].config["rules"].get(series.label, {}).get("gate") or {}


def caption(source: Source) -> str:
    """Say what the figure shows."""
    group, series = _pick(Runs.of(source))
    cue = "the cue" if len(group.cues) == 1 else f"cue {group.cues[0]}"
    return (
        f"Task and network, with the numbers of run {group.first.run_id}. (a) Trials of the first block "
        f"after {cue}: the cue, then one event or none; a probe is the cue alone with "
        "learning off, and the network must produce the expectation z* = p s by itself (filled). Open "
        "events are told to the teacher and not injected. (b) The network: dots are a sample of its "
        "neurons by type, lines a sample of its synapses. (c) What teaches the timing readout of rule "
        f"{series.label} when the first event is delivered: the teacher's s(t) rises before the event "
        "has come (hatched: acausal, the authors' form); the gate G(t) is 1 in the event's window and a "
        "baseline elsewhere after the cue; in the causal variant (dashed) error and gate exist only "
        "from event onset on. Grey bar: the window that the what readout averages. (d) Probability and "
        "latency of each event over the training trials."
    )


def draw(source: Source) -> Sheet:
    """Draw the figure."""
    group, series = _pick(Runs.of(source))
    sheet = Sheet(DOUBLE_MM, 124, [group.first])
    _trials(sheet, sheet.axes(24, 9, 66, 44, "a", 21), group, *_rows(group))
    draw_network(sheet, group)
    upper, lower = sheet.axes(24, 71, 66, 18, "c", 21), sheet.axes(24, 92, 66, 20)
    _teaching(sheet, upper, lower, group, series)
    upper, lower = sheet.axes(108, 71, 60, 18, "d", 13), sheet.axes(108, 92, 60, 20)
    _blocks(sheet, upper, lower, group)
    return sheet


def trials_panel(ax: Axes, source: Source) -> Drawing:
    """Draw the trials of the first block after the first cue onto given axes.

    Parameters
    ----------
    ax : matplotlib Axes
    source : recording or result, or several

    Returns
    -------
    Drawing
        Its artists, and every number drawn.

    Raises
    ------
    InputError
        If no run is of the task meet with probes.
    """
    group, _ = _pick(Runs.of(source))
    drawing = Drawing()
    _trials(drawing, ax, group, *_rows(group))
    return drawing


def teaching_panel(upper: Axes, lower: Axes, source: Source) -> Drawing:
    """Draw the teacher's signal and the gate around one event onto two axes; as `trials_panel`."""
    drawing = Drawing()
    _teaching(drawing, upper, lower, *_pick(Runs.of(source)))
    return drawing


def blocks_panel(upper: Axes, lower: Axes, source: Source) -> Drawing:
    """Draw probabilities and latencies over the training trials onto two axes; as `trials_panel`."""
    drawing = Drawing()
    _blocks(drawing, upper, lower, _pick(Runs.of(source))[0])
    return drawing


def _rows(group: Group) -> tuple[int, bool]:
    """Return the number of kinds of trials, and whether one of them is an omission."""
    omission = bool(1 - group.task.probability[0, 0].sum() > 1e-9)
    return len(group.events) + omission + 1, omission


def _trials(on: Drawing, ax: Axes, group: Group, rows: int, omission: bool) -> None:
    task, config = group.task, group.config["paradigm"]
    p, latency, sd, late, share = (a[0, 0] for a in task.contingencies)
    injected = config.get("stimulus_drives_reservoir", False)
    time = np.arange(-config["before_ms"], config["after_ms"] + 1.0)
    names = []
    written = fit_all(group.events, 12)
    for row in range(rows):
        y = rows - 1 - row
        ax.plot([time[0], time[-1]], [y - 0.3] * 2, color=PALE, lw=0.5, zorder=0)
        on.bar(ax, "a", f"cue, row {row + 1}", 0.0, config["cue_ms"], y - 0.06, 0.48, color=INK)
        if row < len(p):
            colour = channel_colour(row)
            on.bar(
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
            second = f" or {late[row]:g}" if share[row] > 0 else ""
            after = latency[row] + config["event_ms"] + 15
            right = after > 0.62 * time[-1]
            ax.text(
                latency[row] - 15 if right else after,
                y - 0.06,
                f"{written[row]} at {latency[row]:g}{second}{jitter} ms",
                color=colour,
                va="center",
                ha="right" if right else "left",
            )
            names.append(f"training\np = {p[row]:.2g}")
        elif row < rows - 1:
            names.append(f"omission\np = {1 - p.sum():.2g}")
        else:
            expected = marginal_target(time, p, latency, 0 * sd, config["sigma_ms"], late, share)
            for k in range(len(p)):
                curve = expected[:, k]
                on.line(
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
    cue = "cue" if group.cues[0] == "cue" else f"cue {fit(group.cues[0], 10)},"
    style: dict[str, Any] = {"va": "bottom", "fontsize": points(6.5)}
    if cue == "cue":
        ax.text(50, rows - 0.62, f"cue {config['cue_ms']:g} ms", ha="center", **style)
    else:
        ax.text(0, rows - 0.62, f"{cue} {config['cue_ms']:g} ms", ha="left", **style)
    low, high = config["interval_min_ms"], config["interval_max_ms"]
    ax.text(
        time[-1],
        rows - 0.62,
        f"then {low:g}–{high:g} ms of silence",
        ha="right",
        va="bottom",
        color=MIDDLE,
        fontsize=points(6.5),
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
    elif gate["kind"] == "event":
        since = time_ms - event_ms - gate["shift_ms"]
        level = 1.0 * ((since >= 0) & (since < 2 * gate["half_width_ms"]))
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


def _teaching(on: Drawing, upper: Axes, lower: Axes, group: Group, series: Series) -> None:
    gate, config = _gate(group, series), group.config["paradigm"]
    what = series.runs[0].config["rules"][series.label].get("what")
    latency, colour = float(group.task.latency_ms[0, 0, 0]), channel_colour(0)
    time = np.arange(-config["before_ms"], config["after_ms"] + 1.0)
    teacher = bump(time, np.atleast_1d(latency), config["sigma_ms"])
    on.line(upper, "c", "teacher s", time, teacher, color=colour, lw=1)
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
        on.bar(upper, "c", "what window", start, end - start, 0.11, 0.22, color=MIDDLE)
        upper.text(
            (start + end) / 2, 0.1, "what", color="white", ha="center", va="center", fontsize=points(6)
        )
    upper.set_ylim(0, 1.15)
    upper.tick_params(labelbottom=False)
    shipped = gate_of(gate, time, latency, gate["causal"])
    on.line(lower, "c", "gate G", time, shipped, color=INK, lw=1)
    lower.fill_between(time, 0, shipped, color=FAINT, lw=0, zorder=0)
    if not gate["causal"]:
        other = gate_of(gate, time, latency, True)
        on.line(lower, "c", "gate G, causal variant", time, other, color=VARIANT, lw=1, ls=(0, (3, 1.5)))
    beside = 1.2
    if gate["kind"] == "window":
        right = latency + gate["shift_ms"] + gate["half_width_ms"]
        base = gate["baseline"]
        near = 0.4 < base < 1.05  # the two would meet
        above = max(base, 0.6 if near else 0.0) + 0.06
        beside = 0.3 if base > 0.4 else beside
        lower.text(right + 15, 0.86 if not near else above + 0.24, f"window ± {gate['half_width_ms']:g} ms")
        lower.text(right + 15, above, f"baseline $g_0$ = {base:g}")
    if not gate["causal"]:
        lower.text(time[-1], beside, "dashed: causal variant", ha="right", color=VARIANT)
    lower.set_ylim(0, 1.45)
    lower.set_yticks([0, 1])
    upper.set_yticks([0, 1])
    for ax in (upper, lower):
        ax.axvline(latency, color=INK, lw=0.7)
        ax.set_xlim(time[0], time[-1])
    upper.text(latency, 1.2, f"event {fit(group.events[0], 16)} delivered", ha="center", va="bottom")
    upper.set_ylabel("teacher")
    lower.set_ylabel("gate $G(t)$")
    lower.set_xlabel("time after cue onset (ms)")


def _blocks(on: Drawing, upper: Axes, lower: Axes, group: Group) -> None:
    task, trials = group.task, group.task.trial_block.size
    edges = np.append(task.first_trial, trials)
    for ax, name, table in (
        (upper, "probability", task.probability),
        (lower, "latency (ms)", task.latency_ms),
    ):
        labels = []
        several = table.shape[1] > 1
        crowded = several and table.shape[1] * table.shape[2] > MOST_LABELS
        events, cues = fit_all(group.events, 4 if several and not crowded else 7), fit_all(group.cues, 5)
        for c in range(table.shape[1]):
            for k, event in enumerate(group.events):
                values = np.append(table[:, c, k], table[-1, c, k])
                on.line(
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
                cue = f", {cues[c]}" if several and not crowded else ""
                if c == 0 or not crowded:  # else a label per event; cues differ in their dash
                    labels.append((float(values[-1]), events[k] + cue, channel_colour(k)))
        for edge in edges[1:-1]:
            ax.axvline(edge, color=PALE, lw=0.5, zorder=0)
        ax.set_xlim(0, trials)
        ax.set_ylabel(name)
        ax.set_ylim(0, 1.05 if table is task.probability else 1.12 * float(np.nanmax(table)))
        on.end_labels(ax, labels)
    upper.tick_params(labelbottom=False)
    for b in range(edges.size - 1):
        text = f"block {b + 1}" if edges.size < 7 else f"{b + 1}"
        upper.text((edges[b] + edges[b + 1]) / 2, 1.1, text, ha="center", color=MIDDLE, fontsize=points(6.5))
    lower.set_xlabel("training trials")
