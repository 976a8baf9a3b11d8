"""Scores, geometry and statistics of finished runs: arrays in, arrays out."""
