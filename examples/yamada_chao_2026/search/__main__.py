"""Run with ``python -m spikewhen.examples.yamada_chao_2026.search``."""

from spikewhen.experiments.workers import keep_algebra_on_one_thread

keep_algebra_on_one_thread()

from spikewhen.examples.yamada_chao_2026.search.cli import app  # noqa: E402

app()
