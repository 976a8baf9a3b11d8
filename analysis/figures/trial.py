"""One training trial (or, where none was kept, an early probe) and one probe: input to prediction."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from spikewhen.analysis.figures.colours import EXCITATORY, INHIBITORY, INK, MIDDLE, PALE, channel_colour
from spikewhen.analysis.figures.runs import Group, Runs, Series
from spikewhen.analysis.figures.sheet import DOUBLE_MM, Sheet
from spikewhen.analysis.figures.trial_view import Shown, early_probe, last_probe, traces, training_trial
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.recording import Recording

LEFT_MM, PLOT_MM, GAP_MM = 22.0, 62.0, 10.0
LATE_MS = 200.0
"""Cells are shown that fire after the response to the cue itself."""


def _pick(runs: Runs) -> tuple[Group, Series]:
    spiking = [
        (group, series)
        for group in runs.meet
        for series in runs.series([group])
        if series.runs[0][schema.spikes("reservoir", "node_ids")].size
    ]
    if not spiking:
        raise InputError("record.spikes", "none", "some spikes kept, to show a trial")
    return next((found for found in spiking if _keeps_trials(found[1])), spiking[0])


def _keeps_trials(series: Series) -> bool:
    return schema.readout(series.label, "trials", "y") in series.runs[0]


def _left(series: Series) -> Shown:
    return training_trial(series) if _keeps_trials(series) else early_probe(series)


def caption(recordings: list[Recording]) -> str:
    """Say what the figure shows."""
    _, series = _pick(Runs.of(recordings))
    left, probe = _left(series), last_probe(series)
    training = _keeps_trials(series)
    subset = series.runs[0].attrs[schema.spikes("reservoir")]["subset"]
    return (
        f"{left.name[0].upper()}{left.name[1:]} (left) and {probe.name} (right) of rule "
        f"{series.name}, run {series.runs[0].run_id}. From above: inputs (an open event is told to the "
        "teacher and not injected); spikes of "
        f"{'all neurons' if subset == 'all' else 'the recorded subset'} by cell type; traces of the "
        f"neuron of each type that fires most from {LATE_MS:g} ms on in the probe on the right (filtered "
        "spikes, each in units of its peak, which is written); timing "
        "readouts y"
        + (
            ", with the teacher's s_k of the delivered event dashed (it rises before the event: acausal)"
            if training
            else ""
        )
        + "; prediction z-hat = p-hat y, with the target z* = p s dashed; p-hat beside it."
        + (" During training y learns while it is shown." if training else "")
    )


def draw(recordings: list[Recording]) -> Sheet:
    """Draw the figure."""
    group, series = _pick(Runs.of(recordings))
    r = series.runs[0]
    t = np.asarray(r[schema.readout(series.label, "time_ms")], float)
    both = _left(series), last_probe(series)
    probe = both[1]
    n = r[schema.CELL_TYPE].size
    late, ever = (np.bincount(probe.spike_cell[probe.spike_ms > t0], minlength=n) for t0 in (LATE_MS, 0.0))
    fired = late + ever / (1 + ever.max())  # ever: of those that fire equally often later
    kind = r[schema.CELL_TYPE]
    cells = np.array([np.flatnonzero(kind == i)[np.argmax(fired[kind == i])] for i in np.unique(kind)])[::-1]
    trace = group.config.get("trace", {})
    names = [r.attrs[schema.CELL_TYPE]["names"][i] for i in kind[cells]]
    kernel = trace.get("decay_ms", 45.0), trace.get("rise_ms", 0.0)
    deep = 2.8 * (len(group.events) + 1)
    sheet = Sheet(DOUBLE_MM, 134 + deep, [r])
    factored = bool(r.attrs[schema.readout(series.label)]["factored"])
    drawn = [traces(shown, cells, t, *kernel) for shown in both]
    peaks = np.max([values.max(1) for values in drawn], axis=0)
    top_y = max(1.0, *(float(s.y.max()) for s in both))
    top_z = max(float(max(s.z.max(), s.target.max() if s.event < 0 else 0)) for s in both) or 1.0
    for column, shown in enumerate(both):
        left = LEFT_MM + column * (PLOT_MM + GAP_MM)
        panel = "ab"[column]
        if column == 0:
            sheet.letter("a", 3, 6)
        else:
            sheet.letter("b", left - 5, 6)
        rows = {
            name: sheet.axes(left, top, PLOT_MM, height)
            for name, top, height in (
                ("input", 9, deep),
                ("spikes", 12 + deep, 44),
                ("traces", 59 + deep, 20),
                ("y", 82 + deep, 20),
                ("z", 105 + deep, 20),
            )
        }
        sheet.text(left, 6, shown.name, va="baseline")
        for name, ax in rows.items():
            ax.set_xlim(t[0] - (t[1] - t[0]), t[-1])
            if name != "z":
                ax.tick_params(labelbottom=False)
            if column and name != "spikes":
                ax.tick_params(labelleft=False)
            ax.axvline(0, color=PALE, lw=0.5, zorder=0)
        _inputs(sheet, rows["input"], panel, group, shown, column == 0)
        _raster(sheet, rows["spikes"], panel, r, shown, column == 0)
        _traces(sheet, rows["traces"], panel, cells, drawn[column], peaks, t, names, column == 1)
        _readouts(
            sheet,
            rows,
            panel,
            group.events,
            shown,
            t,
            factored,
            column == 0 and _keeps_trials(series),
            column == 1,
        )
        rows["y"].set_ylim(min(-0.35, *(float(s.y.min()) for s in both)) * 1.05, 1.4 * top_y)
        rows["z"].set_ylim(0, 1.25 * top_z)
        rows["z"].set_xlabel("time after cue onset (ms)")
        if column == 0:
            rows["y"].set_ylabel("timing y")
            rows["z"].set_ylabel(r"prediction $\hat{z}$")
            rows["traces"].set_ylabel("traces")
            for name in ("y", "z", "traces"):
                rows[name].yaxis.set_label_coords(-0.13, 0.5)
    return sheet


def _inputs(sheet: Sheet, ax: Axes, panel: str, group: Group, shown: Shown, first: bool) -> None:
    task = group.config.get("paradigm", {})
    names = ["cue", *group.events]
    sheet.bar(ax, panel, "cue", 0.0, task.get("cue_ms", 100.0), len(names) - 1, 0.7, color=INK)
    if shown.event >= 0:
        injected = task.get("stimulus_drives_reservoir", False)
        colour = channel_colour(shown.event)
        sheet.bar(
            ax,
            panel,
            f"event {group.events[shown.event]}",
            shown.event_time_ms,
            task.get("event_ms", 50.0),
            len(names) - 2 - shown.event,
            0.7,
            facecolor=colour if injected else "none",
            edgecolor=colour,
        )
    ax.set_ylim(-0.6, len(names) - 0.4)
    ax.set_yticks(range(len(names)), names[::-1] if first else [""] * len(names))
    ax.spines["bottom"].set_visible(False)
    ax.spines["left"].set_visible(False)
    ax.tick_params(length=0)


def _raster(sheet: Sheet, ax: Axes, panel: str, r: Recording, shown: Shown, first: bool) -> None:
    kind = r[schema.CELL_TYPE]
    names = list(r.attrs[schema.CELL_TYPE]["names"])
    recorded = np.asarray(r.attrs[schema.spikes("reservoir")]["recorded"], np.int64)
    order = recorded[np.argsort(kind[recorded], kind="stable")]
    place = np.full(kind.size, -1)
    place[order] = np.arange(order.size)
    inside = shown.spike_ms > ax.get_xlim()[0]
    t, cell = shown.spike_ms[inside], shown.spike_cell[inside]
    size = float(np.clip(170 / order.size, 0.4, 3))
    for i in np.unique(kind[recorded]):
        mine = kind[cell] == i
        excitatory = names[i] in EXCITATORY
        sheet.line(
            ax,
            panel,
            f"spikes {names[i]}",
            t[mine],
            place[cell[mine]],
            ls="none",
            marker="|",
            ms=size + 0.6,
            mew=0.45,
            color=INK if excitatory else INHIBITORY,
            rasterized=False,
        )
        rows = np.flatnonzero(kind[order] == i)
        if rows[0] > 0:
            ax.axhline(rows[0] - 0.5, color=PALE, lw=0.4)
        if first:
            ax.text(
                -0.02,
                rows.mean(),
                names[i],
                transform=ax.get_yaxis_transform(),
                ha="right",
                va="center",
                fontsize=6.5,
                color=INK if excitatory else INHIBITORY,
            )
    ax.set_ylim(order.size - 0.5, -0.5)
    ax.set_yticks([])
    if first:
        ax.text(
            -0.13, 0.5, f"{order.size} neurons", rotation=90, transform=ax.transAxes, ha="right", va="center"
        )


def _traces(
    sheet: Sheet,
    ax: Axes,
    panel: str,
    cells,
    values: np.ndarray,
    peaks: np.ndarray,
    t: np.ndarray,
    names,
    label: bool,
) -> None:
    for i, (cell, name, row, peak) in enumerate(zip(cells, names, values, peaks, strict=True)):
        colour = MIDDLE if i % 2 else INK
        height = row / peak if peak > 0 else row
        sheet.line(ax, panel, f"trace of neuron {cell}", t, height + 1.1 * i, color=colour, lw=0.7)
        if label:
            ax.text(
                1.02,
                1.1 * i + 0.25,
                f"{name} {cell}, peak {peak:.2g}",
                transform=ax.get_yaxis_transform(),
                fontsize=6,
                color=colour,
            )
    ax.set_ylim(-0.05, 1.1 * len(cells))
    ax.set_yticks([])


def _readouts(
    sheet: Sheet,
    rows: dict[str, Axes],
    panel: str,
    events: list[str],
    shown: Shown,
    t: np.ndarray,
    factored: bool,
    training: bool,
    last: bool,
) -> None:
    dashed: dict[str, Any] = dict(ls=(0, (3, 1.5)), lw=0.7)
    rows["y"].axhline(0, color=PALE, lw=0.5, zorder=0)
    for k, name in enumerate(events):
        colour = channel_colour(k)
        sheet.line(rows["y"], panel, f"y {name}", t, shown.y[:, k], color=colour, lw=0.9)
        sheet.line(rows["z"], panel, f"z-hat {name}", t, shown.z[:, k], color=colour, lw=0.9)
        if shown.target[:, k].any():
            where = rows["y"] if training else rows["z"]
            sheet.line(
                where,
                panel,
                f"{'s' if training else 'z*'} {name}",
                t,
                shown.target[:, k],
                color=INK,
                **dashed,
            )
        text = rf"{name}: $\hat{{p}}$ = {shown.p_hat[k]:.2f}" if factored else name
        sheet.record(panel, f"p-hat {name}", np.nan, shown.p_hat[k])
        rows["z"].text(
            0.99,
            0.98 - 0.14 * k,
            text,
            transform=rows["z"].transAxes,
            ha="right",
            va="top",
            color=colour,
            fontsize=6.5,
        )
    if last:
        rows["z"].text(
            1.02, 0.3, "dashed: target\n$z^* = p\\,s(t)$", transform=rows["z"].transAxes, fontsize=6.5
        )
        rows["y"].text(1.02, 0.35, "learning off", transform=rows["y"].transAxes, fontsize=6.5)
    elif training and shown.event >= 0:
        rows["y"].text(
            0.99,
            1.02,
            "dashed: teacher s(t)",
            transform=rows["y"].transAxes,
            ha="right",
            va="top",
            fontsize=6.5,
        )
