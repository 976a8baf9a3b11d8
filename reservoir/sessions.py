"""Sessions of any task, checked once: names, time, tables, and what each trial shows and teaches.

Tables index each other, and what they ask for is allocated; a number outside ends in an exception far
from its cause, a negative one reads the wrong row without a word. So everything a session holds is held
against `spikewhen.reservoir.types.Session` before the first step.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from spikewhen.reservoir.arrays import check_name, checked, number
from spikewhen.reservoir.errors import ActivityError, InputError
from spikewhen.reservoir.own_code import reason_of
from spikewhen.reservoir.rules.gate import TeachingSignal
from spikewhen.reservoir.types import (
    ItemTable,
    ProbeTable,
    Session,
    TrialTable,
    drive_course,
    record_steps,
)

MOST_STEPS = 2**40
"""Readout steps of a silence: a bound that keeps sums of them inside 64 bits."""

SIGNAL_TABLES = ("frequency_hz", "amplitude", "signal")
"""Tables of `spikewhen.paradigms.signal`, whose first axis is over components, or over time."""

TIME_TABLES = ("p_event", "times_ms", "weights")
"""Tables of events with a distribution of times, see `spikewhen.paradigms.event_times`."""

KNOWN_TABLES = (
    *("probability", "latency_ms", "latency_sd_ms", "first_trial", "window"),
    *TIME_TABLES,
    *SIGNAL_TABLES,
)
"""Tables that scores read, which therefore hold no NaN. In a target NaN means that nothing was taught."""


@contextmanager
def calling(where: str) -> Iterator[None]:
    """Name a method of a task in what it raises.

    Raises
    ------
    InputError
        For every exception that is not one of ours, in one line with the file and line it came from.
    """
    try:
        yield
    except (InputError, ActivityError, MemoryError):
        raise
    except Exception as error:
        raise InputError(where, reason_of(error), "a method that returns without an error") from error


def check_session(session: Session, readout_step_ms: float) -> None:
    """Check everything that a session holds; what its methods return is checked when they are called.

    Raises
    ------
    InputError
        Naming the attribute, the index and the value.
    """
    check_tables(session, readout_step_ms)
    number("session.sigma_ms", session.sigma_ms, low=0)
    k = len(session.events)
    channels = _column("channels", session.channels, k, 0, k - 1)
    if len(set(channels.tolist())) != k:
        raise InputError("session.channels", channels.tolist(), f"each of 0 to {k - 1} once")
    blocks = _check_blocks(session)
    for what, table in (("trials", session.trials), ("probes", session.probes)):
        _column(f"{what}.block", table.block, table.block.size, 0, blocks - 1)
    if np.any(np.diff(session.trials.block) < 0):
        at = int(np.argmax(np.diff(session.trials.block) < 0)) + 1
        found = int(session.trials.block[at])
        raise InputError(f"session.trials.block[{at}]", found, "blocks in ascending order")
    record_steps(session)
    drive_course(session)


def check_tables(session: Session, readout_step_ms: float | None = None) -> None:
    """Check names, time and the tables of trials and probes."""
    for what in ("cues", "events", "conditions"):
        given = getattr(session, what, None)
        if not isinstance(given, (tuple, list)):
            raise InputError(f"session.{what}", type(given).__name__, "a tuple of names")
        for i, one in enumerate(given):
            check_name(f"session.{what}[{i}]", one)
            if what != "conditions" and one in given[:i]:
                raise InputError(f"session.{what}[{i}]", one, "each name once")
    cues, k, g = len(session.cues), len(session.events), len(session.conditions)
    if not k or not g:
        raise InputError("session.events" if not k else "session.conditions", (), "at least one name")
    for what, count in (("n_cues", cues), ("n_channels", k)):
        if getattr(session, what) != count:
            raise InputError(f"session.{what}", getattr(session, what), f"{count}, the number of names")
    _check_time(session.time_ms, readout_step_ms)
    trials = _table("trials", session.trials, TrialTable)
    n = trials.block.size
    if n == 0:
        raise InputError("session.trials", "no rows", "at least one trial")
    _column("trials.block", trials.block, n, 0, n - 1)
    _column("trials.cue", trials.cue, n, -1, cues - 1)
    _column("trials.condition", trials.condition, n, 0, g - 1)
    event = _column("trials.event", trials.event, n, -1, k - 1)
    times = checked("session.trials.event_time_ms", trials.event_time_ms, (n,), nan=True)
    if (wrong := np.isnan(times) == (event >= 0)).any():
        at = int(np.flatnonzero(wrong)[0])
        allowed = "NaN, since no event came" if event[at] < 0 else "the time of an event that came"
        raise InputError(f"session.trials.event_time_ms[{at}]", float(times[at]), allowed)
    _check_items(session.items, n, cues + k)
    probes = _table("probes", session.probes, ProbeTable)
    q = probes.block.size
    after = _column("probes.after_trial", probes.after_trial, q, 0, n)
    if np.any(np.diff(after) < 0):
        at = int(np.argmax(np.diff(after) < 0)) + 1
        raise InputError(f"session.probes.after_trial[{at}]", int(after[at]), "numbers in ascending order")
    _column("probes.repeat", probes.repeat, q, 0, 2**31)
    _column("probes.block", probes.block, q, 0, n - 1)
    _column("probes.cue", probes.cue, q, -1, cues - 1)
    _column("probes.condition", probes.condition, q, 0, g - 1)
    longest = MOST_STEPS * (readout_step_ms or 1.0)
    checked("session.trials.interval_ms", trials.interval_ms, (n,), low=0, high=longest)
    checked("session.probes.interval_ms", probes.interval_ms, (q,), low=0, high=longest)


def _check_items(items: ItemTable | None, n_trials: int, n_inputs: int) -> None:
    if items is None:
        return
    rows = np.size(items.trial)
    trial = _column("items.trial", items.trial, rows, 0, n_trials - 1)
    if np.any(np.diff(trial) < 0):
        at = int(np.argmax(np.diff(trial) < 0)) + 1
        raise InputError(f"session.items.trial[{at}]", int(trial[at]), "trials in ascending order")
    _column("items.channel", items.channel, rows, 0, n_inputs - 1)
    for name in ("onset_ms", "duration_ms", "amplitude"):
        low = 0.0 if name == "duration_ms" else -math.inf
        checked(f"session.items.{name}", getattr(items, name), (rows,), low=low)


def _check_time(time_ms: Any, step_ms: float | None) -> None:
    if not isinstance(time_ms, np.ndarray):
        raise InputError("session.time_ms", type(time_ms).__name__, "an array (T,)")
    time = checked("session.time_ms", time_ms, (None,))
    if time.size < 2:
        raise InputError("session.time_ms", time.shape, "at least two readout steps")
    step = float(time[1] - time[0]) if step_ms is None else step_ms
    off = np.abs(np.diff(time) - step) > 1e-6 * abs(step)
    if step <= 0 or off.any():
        at = int(np.argmax(off)) + 1 if off.any() else 1
        found, before = float(time[at]), float(time[at - 1])
        allowed = f"a readout step, {abs(step):g} ms, after session.time_ms[{at - 1}] = {before:.12g}"
        raise InputError(f"session.time_ms[{at}]", found, allowed)


def _table(what: str, table: Any, kind: type) -> Any:
    fields: tuple[str, ...] = kind._fields  # type: ignore[attr-defined]
    for field in fields:
        array = getattr(table, field, None)
        if not isinstance(array, np.ndarray):
            raise InputError(f"session.{what}.{field}", type(array).__name__, "an array, one number a row")
        if array.shape != table.block.shape or array.ndim != 1:
            shape = f"shape ({np.size(table.block)},), as session.{what}.block"
            raise InputError(f"session.{what}.{field}", array.shape, shape)
    return table


def _column(what: str, array: Any, n: int, low: int, high: int) -> np.ndarray:
    """Check a column that is used as an index: of whole numbers also by its type, unless it is empty."""
    where = f"session.{what}"
    out = checked(where, array, (n,), np.int64, low, high)
    if out.size and np.asarray(array).dtype.kind != "i":
        raise InputError(
            where, f"an array of {np.asarray(array).dtype}", "an array of integers, such as int64"
        )
    return out


def _check_blocks(session: Session) -> int:
    """Check the tables of blocks; returns the number of blocks."""
    if not isinstance(session.blocks, dict):
        raise InputError("session.blocks", type(session.blocks).__name__, "tables (array, unit) by name")
    first = ""
    for key, given in session.blocks.items():
        where = f"session.blocks[{check_name('session.blocks', key)!r}]"
        if not (isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], str)):
            raise InputError(where, type(given).__name__, "a pair (array, unit)")
        array = given[0]
        if not isinstance(array, np.ndarray) or array.ndim == 0:
            found = "no dimension" if isinstance(array, np.ndarray) else type(array).__name__
            raise InputError(where, found, "an array with a first axis over the blocks")
        checked(where, array, (None,) * array.ndim, nan=key not in KNOWN_TABLES)
        if key in SIGNAL_TABLES:
            continue
        first = first or key
        if len(array) != len(session.blocks[first][0]):
            rows = len(session.blocks[first][0])
            raise InputError(where, array.shape, f"{rows} rows, one for each block, as {first} has")
    return len(session.blocks[first][0]) if first else int(session.trials.block.max()) + 1


def check_declared(session: Session, scores: str) -> None:
    """Check the tables of blocks that a kind of scores reads.

    Parameters
    ----------
    session : Session
    scores : str
        As the task declares them, see `spikewhen.paradigms.base.Task`.

    Raises
    ------
    InputError
    """
    b, g = _check_blocks(session), len(session.conditions)
    t, k = session.time_ms.size, len(session.events)
    by_event: tuple[int | None, ...] = (b, g, k)
    needs: dict[str, dict[str, tuple[int | None, ...]]] = {
        "target": {"target": (b, g, t, k), "window": (b, g, t), "first_trial": (b,)},
        "events": {
            "probability": by_event,
            "latency_ms": by_event,
            "latency_sd_ms": by_event,
            "first_trial": (b,),
        },
        "times": {
            "p_event": by_event,
            "times_ms": (*by_event, None),
            "weights": (*by_event, None),
            "first_trial": (b,),
        },
        "signal": {"signal": (None, k)}
        if "signal" in session.blocks
        else {"frequency_hz": (None,), "amplitude": (None,)},
    }
    for key, shape in needs.get(scores, {}).items():
        if key in session.blocks:
            checked(f"session.blocks[{key!r}]", session.blocks[key][0], shape, nan=key == "target")
        elif key not in ("window", "first_trial"):
            raise InputError("session.blocks", list(session.blocks), f'a table {key}, which "{scores}" reads')


def shown(session: Session, method: str, row: int, steps: int, dtype: Any = np.float64) -> np.ndarray:
    """Return the inputs of a trial or probe that is `steps` long, checked, ``(steps, C)``.

    Parameters
    ----------
    session : Session
    method : {"inputs", "probe_inputs"}
    row : int
        Trial or probe.
    steps : int
    dtype : dtype
        Of the run; what does not fit into it is refused.

    Raises
    ------
    InputError
        If they are not (T, C), or as long as the trial.
    """
    where = f"session.{method}({row})"
    with calling(where):
        given = getattr(session, method)(row)
    rows = steps if np.ndim(given) == 2 and np.shape(given)[0] == steps else session.time_ms.size
    return checked(where, given, (rows, session.n_cues + session.n_channels), dtype)[:steps]


def lesson(session: Session, trial: int, steps: int, dtype: Any = np.float64) -> TeachingSignal:
    """Return what a task teaches in a trial that is `steps` long, checked.

    Raises
    ------
    InputError
    """
    where = f"session.teaching({trial})"
    with calling(where):
        given = session.teaching(trial)
    return _taught(where, given, session, steps, dtype)


def check_samples(session: Session, dtype: Any) -> None:
    """Check what the first and last trial and probe show and teach, before a run of hours meets them."""
    trials, probes = record_steps(session)
    for i in {0, trials.size - 1}:
        shown(session, "inputs", i, int(trials[i]), dtype)
        lesson(session, i, int(trials[i]), dtype)
    for q in {0, probes.size - 1} if probes.size else ():
        shown(session, "probe_inputs", q, int(probes[q]), dtype)


def _taught(where: str, lesson: Any, session: Session, steps: int, dtype: Any) -> TeachingSignal:
    k = session.n_channels
    if not all(hasattr(lesson, f) for f in ("time_ms", "signal", "event", "event_time_ms")):
        raise InputError(where, type(lesson).__name__, "a TeachingSignal")
    event = lesson.event
    if isinstance(event, bool) or not isinstance(event, (int, np.integer)) or not -2 <= event < k:
        raise InputError(
            f"{where}.event", event, f"a channel from 0 to {k - 1}, -1 for none, -2 for a signal"
        )
    rows = steps if np.shape(lesson.signal)[:1] == (steps,) else session.time_ms.size
    checked(f"{where}.signal", lesson.signal, (rows, k), dtype)  # whether it fits into the run's precision
    times = checked(f"{where}.event_time_ms", lesson.event_time_ms, (k,), nan=True)
    if event >= 0 and np.isnan(times[event]):
        raise InputError(f"{where}.event_time_ms[{event}]", float("nan"), "the time of the event that came")
    stop = getattr(lesson, "stop_ms", math.inf)
    if isinstance(stop, bool) or not isinstance(stop, (int, float, np.number)) or np.isnan(stop):
        raise InputError(f"{where}.stop_ms", stop, "a time after the onset, or infinity for none")
    return TeachingSignal(
        checked(f"{where}.time_ms", lesson.time_ms, (rows,)),
        checked(f"{where}.signal", lesson.signal, (rows, k)),
        int(event),
        times,
        float(stop),
    )
