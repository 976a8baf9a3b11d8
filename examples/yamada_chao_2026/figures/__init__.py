"""Figures 1 to 14, from a folder that `spikewhen claims` wrote; nothing here simulates.

A figure is a module with ``CLAIMS``, the claims it shows, ``draw(result) -> Sheet``,
which raises `InputError` where the folder does not hold them, and ``caption(result)``.
"""
