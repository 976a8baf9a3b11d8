"""Experiments: configs, runs, trainings, batches of them, studies, and the command `spikewhen`.

The library's front door is `spikewhen` itself.
"""
