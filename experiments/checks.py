"""What was asked for and cannot happen: refused before a run, or told beside its results.

A request is refused where nothing it asks for can come out, and told in a line where a part
cannot. Everything is looked for in the planned session, so that it holds for any task.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from spikewhen.paradigms.meet import Meet
from spikewhen.paradigms.signal import Signal
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.rules.gate import CONTINUOUS
from spikewhen.reservoir.sessions import lesson
from spikewhen.reservoir.types import Session, record_steps

if TYPE_CHECKING:
    from spikewhen.experiments.config import Experiment

LOOKED_AT = 200
"""Trials looked at for a gate that never opens."""

BUMP_SD = 2.0
"""A bump fits into a trial up to so many of its SD after the event."""


def refuse_impossible(experiment: Experiment, session: Session, step_ms: float) -> None:
    """Refuse what cannot come out of a run at all.

    Parameters
    ----------
    experiment : Experiment
    session : Session
        What its task planned.
    step_ms : float
        Length of a readout step.

    Raises
    ------
    InputError
    """
    time = session.time_ms
    every = round(experiment.record.readouts_every_ms / step_ms)
    if every > time.size or time[every - 1 :: every][-1] < 0:
        raise InputError(
            "record.readouts_every_ms",
            experiment.record.readouts_every_ms,
            f"a time with a multiple after the onset in a trial, which takes {step_ms * time.size:g} ms",
        )
    trial_steps, _ = record_steps(session)
    came = session.trials.event >= 0
    late = np.flatnonzero(came & (session.trials.event_time_ms > time[trial_steps - 1] + 1e-9))
    if late.size:
        i = int(late[0])
        at, end = float(session.trials.event_time_ms[i]), float(time[trial_steps[i] - 1])
        raise InputError(
            f"session.trials.event_time_ms[{i}]", at, f"inside the trial, which ends at {end:g} ms"
        )
    continuous = lesson(session, 0, int(trial_steps[0])).event == CONTINUOUS
    for label, rule in experiment.rules.items():
        what = getattr(rule, "what", None)
        if not getattr(rule, "factored", False):
            continue
        if continuous:
            allowed = "false: a continuous target has no events, so the prediction p-hat y would stay 0"
            raise InputError(f"rules.{label}.factored", True, allowed)
        if what is not None and not ((time > what.window_start_ms) & (time <= what.window_end_ms)).any():
            ends = f"they end every {step_ms:g} ms from {time[0]:g} to {time[-1]:g} ms"
            allowed = f"a window with a readout step in it; {ends}"
            raise InputError(f"rules.{label}.what.window_end_ms", what.window_end_ms, allowed)
    if getattr(experiment.paradigm, "scores", "") == "target":
        _refuse_target(session)


def _refuse_target(session: Session) -> None:
    shape = np.shape(session.blocks.get("target", (np.zeros(0), ""))[0])
    wanted = len(session.conditions), session.time_ms.size, len(session.events)
    if len(shape) != 4 or shape[1:] != wanted:
        raise InputError('session.blocks["target"]', shape, f"shape (blocks, {', '.join(map(str, wanted))})")


def remarks(experiment: Experiment, session: Session, step_ms: float) -> list[str]:
    """Say what cannot happen as asked, a line each; arguments as `refuse_impossible`."""
    found = [*_of_gates(experiment, session), *_of_ends(experiment, session), *_of_probes(session)]
    found += [
        f"rules.{label}: a value of the reward is no bump at its time: E does not tell how well it learned"
        for label, rule in experiment.rules.items()
        if getattr(rule, "learns", "") == "value"
    ]
    if isinstance(experiment.paradigm, Meet):
        found += _of_meet(experiment, step_ms)
    if isinstance(experiment.paradigm, Signal):
        found += _of_signal(experiment, step_ms)
    return found


def _of_gates(experiment: Experiment, session: Session) -> Iterator[str]:
    """A rule whose gate never opens."""
    steps = record_steps(session)[0]
    rows = [i for i in range(session.trials.block.size) if session.trials.event[i] >= 0][:LOOKED_AT]
    for label, rule in experiment.rules.items():
        if rows and not any(rule.gate.teach(lesson(session, i, int(steps[i])))[1].any() for i in rows):
            yield f"rules.{label}.gate: it opens at no readout step of {len(rows)} trials, y learns nothing"


def _of_ends(experiment: Experiment, session: Session) -> Iterator[str]:
    """Events so near the end of a trial that what belongs to them does not fit."""
    came = session.trials.event >= 0
    if not came.any():
        return
    time, steps = session.time_ms, record_steps(session)[0]
    at, end = session.trials.event_time_ms[came], time[steps - 1][came]
    event = session.trials.event[came]

    def cut(after_ms: float) -> str:
        short = at + after_ms - end
        i = int(np.argmax(short))
        if short[i] <= 1e-9:
            return ""
        name = session.events[event[i]]
        return f"{short[i]:g} ms too long for {name} at {at[i]:g} ms in a trial that ends at {end[i]:g} ms"

    for label, rule in experiment.rules.items():
        gate = rule.gate
        if gate.kind == "window" and (text := cut(gate.shift_ms + gate.half_width_ms)):
            yield f"rules.{label}.gate.half_width_ms = {gate.half_width_ms:g}: the window is {text}"
        elif gate.kind == "event" and (text := cut(gate.shift_ms + 2 * gate.half_width_ms)):
            yield f"rules.{label}.gate.half_width_ms = {gate.half_width_ms:g}: the window is {text}"
    if session.sigma_ms > 0 and (text := cut(BUMP_SD * session.sigma_ms)):
        yield f"sigma_ms = {session.sigma_ms:g}: the expectation is {text}"


def _of_probes(session: Session) -> Iterator[str]:
    """Conditions whose probes end before the event that is expected in them."""
    trials, probes = session.trials, session.probes
    ends = session.time_ms[record_steps(session)[1] - 1] if probes.block.size else np.zeros(0)
    for c, name in enumerate(session.conditions):
        here = (trials.condition == c) & (trials.event >= 0)
        mine = ends[probes.condition == c]
        if here.any() and mine.size and trials.event_time_ms[here].min() > mine.max():
            first = trials.event_time_ms[here].min()
            yield f"probes of {name} end at {mine.max():g} ms, before the first event at {first:g} ms"


def _of_meet(experiment: Experiment, step_ms: float) -> Iterator[str]:
    task, network = experiment.paradigm, experiment.network
    longest = max(block.trials or task.trials_per_block for block in task.blocks)
    never = [n for n in sorted(set(task.probes_after)) if n > longest]
    if never:
        yield f"paradigm.probes_after: no block has {', '.join(map(str, never))} trials: no probe comes"
    off = [
        t for block in task.blocks for rows in (block.latency_ms, block.late_ms) for row in rows for t in row
    ]
    off = [t for t in off if abs(t / step_ms - round(t / step_ms)) > 1e-6]
    if off:
        yield f"paradigm.blocks: {off[0]:g} ms is no multiple of the readout step {step_ms:g} ms: rounded"
    if network.cue_pa == 0:
        yield "network.cue_pa = 0: no cue reaches the network"
    if not task.stimulus_drives_reservoir:
        return
    if network.event_pa == 0 or task.event_strength == 0:
        which = "network.event_pa" if network.event_pa == 0 else "paradigm.event_strength"
        yield f"{which} = 0: no event reaches the network that it should drive"
    last = max(max(map(max, block.late_ms or block.latency_ms)) for block in task.blocks)
    if last + task.event_ms > task.after_ms + 1e-9:
        yield (
            f"paradigm.event_ms = {task.event_ms:g}: an event at {last:g} ms is cut by the end of the trial "
            f"at {task.after_ms:g} ms"
        )


def _of_signal(experiment: Experiment, step_ms: float) -> Iterator[str]:
    task, record = experiment.paradigm, experiment.record
    if not task.frequency_hz:  # an array, of no known frequency
        return
    for where, each_ms, what in (
        ("simulation.readout_step_ms", step_ms, "makes"),
        ("record.readouts_every_ms", record.readouts_every_ms, "shows"),
    ):
        if (high := max(task.frequency_hz)) * each_ms / 1000 >= 0.5:
            too_slow = f"less than two steps per period of {high:g} Hz"
            yield f"{where} = {each_ms:g}: {too_slow}, so it {what} another frequency"
            return
    if (low := min(task.frequency_hz)) * task.duration_ms / 1000 < 1:
        yield f"paradigm.duration_ms = {task.duration_ms:g}: less than a period of {low:g} Hz"


def refuse_rule(label: str, rule: Any) -> None:
    """Refuse a rule whose prediction is 0 for ever.

    Raises
    ------
    InputError
    """
    if getattr(rule, "factored", False) and getattr(rule, "what", None) is None:
        allowed = 'false where what = "none": without p-hat the prediction p-hat y would stay 0'
        raise InputError(f"rules.{label}.factored", True, allowed)
