"""Run with ``python -m experiments.search``."""

from experiments.steps import keep_algebra_on_one_thread

keep_algebra_on_one_thread()

from experiments.search.cli import app  # noqa: E402

app()
