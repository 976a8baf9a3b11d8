"""Tuning: the same search for every rule, on seeds that no result is reported on."""
