"""Run with ``python -m spikewhen.examples.yamada_chao_2026.search``."""

from spikewhen.analysis.algebra import start_on_one_thread

start_on_one_thread()

from spikewhen.examples.yamada_chao_2026.search.cli import app  # noqa: E402

app()
