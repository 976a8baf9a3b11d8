"""Checks of the simulator against others: Brian2, SciPy, published figures. One check, one file.

A check is a module with ``NEEDS_BRIAN2`` and ``run(context) -> list[CheckResult]``.
`spikewhen.validation.run` runs them; docs/validation.md says what they found.
"""
