"""Geometry of readouts: subspaces, their overlap, chance and ceiling, and what removing one costs."""
