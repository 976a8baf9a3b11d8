"""Scores of a run that has none yet, or that are to be computed again."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from spikewhen.experiments.result import open_run
from spikewhen.experiments.run import find_scores
from spikewhen.experiments.views import Scores
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.recording import Recording
from spikewhen.reservoir.files.sinks import FileSink
from spikewhen.reservoir.own_code import in_folder


def score(run: str | Path | Recording) -> dict[str, Scores]:
    """Compute the scores of a run, as `spikewhen.run` stores them.

    Parameters
    ----------
    run : path or Recording
        A result file, or what `run`, `train` or `open_run` returned.

    Returns
    -------
    dict of label to Scores
        By the names of docs/scores.md, or those of the task's own function.

    Raises
    ------
    InputError
        If the task declares no scores, or the run has no probes.
    """
    recording = run if isinstance(run, Recording) else open_run(run)
    scored = find_scores(recording)
    return {
        label: Scores(label, found, scored.units, scored.undefined[label])
        for label, found in scored.found.items()
    }


def score_file(path: str | Path) -> bool:
    """Score a run again, and keep the scores in its file, which is replaced as a whole.

    Parameters
    ----------
    path : path
        Of a result file. A function of the user's is looked for in the current folder, then in
        the file's and those around it, then on the Python path.

    Returns
    -------
    bool
        False where the file holds these very scores, and was left alone.

    Raises
    ------
    InputError
        As `score`, and where another process is writing the file. The file is then as it was.
    """
    from spikewhen.analysis.score_run import write_scores

    path = Path(path)
    with open_run(path) as run:
        name = str(run.attrs[schema.block()]["scores"])
        folders = [Path.cwd(), *path.resolve().parents]
        beside = next((f for f in folders if ":" in name and in_folder(f, name.partition(":")[0])), None)
        scored = find_scores(run, beside=beside)
        same = not schema.scoring_failure(run) and schema.undefined_scores(run) == {
            label: reasons for label, reasons in scored.undefined.items() if reasons
        }
        for label in {*run.labels, *scored.found}:
            old = schema.read_scores(run, label)
            new: dict[str, np.ndarray] = dict(scored.found.get(label, {}))
            same &= old.keys() == new.keys()
            same = same and all(np.array_equal(old[k], new[k], equal_nan=True) for k in new)
    if same:
        return False
    sink = FileSink(path)
    try:
        with h5py.File(path, "r") as before:
            sink.take_over(before, lambda name: name == schema.scores())
        write_scores(sink, scored)
        sink.commit()
    except BaseException:
        sink.abort()
        raise
    return True
