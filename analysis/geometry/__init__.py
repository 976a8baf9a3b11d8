"""Geometry of readouts: subspaces, overlap with chance and ceiling, what removing one costs, and cells."""
