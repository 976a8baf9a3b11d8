"""Everything that was tried, as one table."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import optuna

from spikewhen.examples.yamada_chao_2026.search.space import SEARCH_SEEDS
from spikewhen.examples.yamada_chao_2026.search.study import storage

COLUMNS = ("study", "trial", "state", "value", *(f"seed_{s}" for s in SEARCH_SEEDS), "rate_hz", "parameters")


def trials_csv(folder: Path) -> str:
    """Return the trials of every study of a journal as CSV.

    Parameters
    ----------
    folder : Path
        Of the journal.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    kept = storage(folder)
    for name in sorted(optuna.get_all_study_names(kept)):
        for trial in optuna.load_study(study_name=name, storage=kept).trials:
            if not trial.state.is_finished() or trial.state == optuna.trial.TrialState.FAIL:
                continue  # its process was stopped
            seeds = [trial.user_attrs.get(f"seed_{s}", {}) for s in SEARCH_SEEDS]
            values = [f"{seed['value']:.4f}" if seed else "" for seed in seeds]
            rates = [seed["rate_hz"] for seed in seeds if "rate_hz" in seed]
            writer.writerow(
                [
                    name,
                    trial.number,
                    trial.state.name.lower(),
                    "" if trial.value is None else f"{trial.value:.4f}",
                    *values,
                    f"{sum(rates) / len(rates):.2f}" if rates else "",
                    " ".join(f"{path}={_short(value)}" for path, value in trial.params.items()),
                ]
            )
    return text.getvalue()


def _short(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.3g}"
